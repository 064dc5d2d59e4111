"""An image holds one service: what its lock and its Dockerfile name is what the packages say that they need."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from minirag_contracts.topology import SERVICES
from source_tree import ROOT

LOCKS = ROOT / "requirements/services"
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
IMAGES = sorted(path.stem for path in LOCKS.glob("*.in") if path.stem not in {"build", "sbom"})
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


def needed_by(folder: Path) -> set[str]:
    """The folders of our own packages that one of them needs, itself among them."""
    own = {f"minirag-{path.parent.name}": path.parent for path in ROOT.glob("*/*/pyproject.toml")}
    own["minirag-dashboard"] = ROOT / "dashboard"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [re.split(r"[^a-z-]", requirement)[0] for requirement in project["dependencies"]]
    inner = [needed_by(own[name]) for name in named if name in own]
    return {str(folder.relative_to(ROOT))}.union(*inner)


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text(encoding="utf-8")))


def test_every_service_has_an_image() -> None:
    assert set(SERVICES) <= set(IMAGES)
    assert {f"own-{image}" for image in IMAGES} <= set(
        re.findall(r"^FROM dependencies AS (\S+)$", DOCKERFILE, re.MULTILINE)
    )


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_given_the_packages_that_its_service_needs(service: str) -> None:
    given = {
        line.removeprefix("-e ")
        for line in (LOCKS / f"{service}.in").read_text().splitlines()
        if line.startswith("-e ")
    }
    assert given == needed_by(ROOT / "services" / service)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_the_versions_that_are_tested_here(image: str) -> None:
    tested = pins(ROOT / "requirements/runtime.lock")
    found = pins(LOCKS / f"{image}.lock")
    assert found
    assert {name: version for name, version in found.items() if tested.get(name) != version} == {}


def test_no_service_is_copied_into_the_image_of_another() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    for stage in stages:
        for own in re.findall(r"^dependencies AS own-(\w+)$", stage.splitlines()[0] if stage else ""):
            copied = set(re.findall(r"^COPY services/(\w+) ", stage, re.MULTILINE))
            assert copied <= {own}, stage


def test_the_dockerfile_names_no_host_and_asks_no_registry_for_its_own_syntax() -> None:
    assert not re.search(r"https?://", DOCKERFILE)
    assert not DOCKERFILE.lstrip().lower().startswith("# syntax")
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE).count("${BASE}") == 2


def build(folder: Path, *arguments: str, registry: str = "") -> tuple[int, str, list[str]]:
    """With a `docker` that notes what it is asked: status, what was said, and verb and image of each call."""
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >>{folder}/calls\n', encoding="utf-8")
    docker.chmod(0o700)
    done = subprocess.run(
        [ROOT / "deploy/docker/build", *arguments],
        env={"PATH": f"{folder}:/usr/bin:/bin", "MINIRAG_REGISTRY": registry},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    asked = [f"{call.split()[0]} {re.findall(r'[^ ]*minirag-[a-z]+:[^ ]+', call)[0]}" for call in calls]
    return done.returncode, done.stdout + done.stderr, asked


def test_images_are_pushed_under_the_names_that_the_chart_pulls_once_all_are_built(tmp_path: Path) -> None:
    status, said, asked = build(tmp_path, "--push", registry="registry.example.com/team/")
    assert status == 0, said
    names = [f"registry.example.com/team/minirag-{image}:0.1.0" for image in IMAGES]
    assert asked == [f"build {name}" for name in names] + [f"push {name}" for name in names]


def test_nothing_is_pushed_that_nobody_asked_for(tmp_path: Path) -> None:
    assert build(tmp_path, "chat")[2] == ["build minirag-chat:0.1.0"]


@pytest.mark.parametrize("registry", ["", "/", "registry.example.com/team"])
def test_a_push_to_nowhere_is_refused_before_anything_is_built(registry: str, tmp_path: Path) -> None:
    status, said, asked = build(tmp_path, "--push", "chat", registry=registry)
    assert (status, asked) == (1, [])
    assert "MINIRAG_REGISTRY has to name a registry" in said
