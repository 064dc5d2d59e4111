"""What the dashboard is made of is fetched by a lock file, made, packed and never committed."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import minirag_dashboard
from minirag_dashboard.assets import BUNDLES, LIBRARIES, VENDOR, WIDGET
from source_tree import ROOT

DASHBOARD = ROOT / "dashboard"
MADE = (*LIBRARIES, *BUNDLES, "app.css", "LICENSES.txt")


def test_packages_are_exact_hashed_and_of_no_particular_registry() -> None:
    for folder in (DASHBOARD, ROOT / "tools/newman", ROOT / "tools/helm"):
        wanted = json.loads((folder / "package.json").read_text())
        versions = {**wanted["dependencies"], **wanted.get("devDependencies", {})}
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values()), versions
        lock = json.loads((folder / "package-lock.json").read_text())["packages"]
        assert {f"node_modules/{name}": version for name, version in versions.items()}.items() <= {
            path: package.get("version") for path, package in lock.items()
        }.items()
        for path, package in lock.items():
            hashed = package.get("integrity", "").startswith("sha512-")
            assert not path or hashed or package.get("inBundle"), path  # inside another one's archive
            assert "resolved" not in package, path


def test_nothing_that_is_fetched_or_made_is_committed() -> None:
    command = ["git", "ls-files", "--cached", "--", "dashboard"]
    tracked = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "dashboard/package-lock.json" in tracked
    assert not [name for name in tracked if {"vendor", "dist", "node_modules"} & set(Path(name).parts)]


def test_a_checkout_serves_what_make_has_made() -> None:
    assert (minirag_dashboard.APP / "vendor", minirag_dashboard.WIDGET) == (VENDOR, WIDGET)
    assert all((VENDOR / name).stat().st_size > 1000 for name in MADE)
    assert (WIDGET / "minirag-widget.js").exists() and (WIDGET / "minirag-widget.css").exists()


def test_no_library_makes_code_of_text_or_names_a_map_that_is_not_served() -> None:
    """The content security policy would stop the first, and the second is a 404 in every developer's console."""
    for name in (*LIBRARIES, *BUNDLES):
        text = (VENDOR / name).read_text()
        assert not re.search(r"\bnew Function\(|(?<![.\w])eval\(|sourceMappingURL", text), name


def test_the_licence_of_every_package_that_is_served_is_told() -> None:
    """Also of those that a library has inside, and of the rules that the style sheet begins with."""
    told = (VENDOR / "LICENSES.txt").read_text()
    inside = (
        "@vue/reactivity",
        "@kurkle/color",
        "tailwindcss",
        "url-parse",
        "js-base64",
        "requires-port",
        "querystringify",
    )
    for name in ("@alpinejs/csp", "chart.js", "marked", "dompurify", "tus-js-client", *inside):
        assert re.search(rf"^{name} \d\S+ \(.*\)\n\n", told, re.MULTILINE), name
    assert "esbuild" not in told
    assert "proper-lockfile" not in told


def test_a_wheel_has_all_that_is_served(tmp_path: Path) -> None:
    """Built as an installer does, of a copy without anything made. Its own packages are there: no download."""
    copy = tmp_path / "dashboard"
    shutil.copytree(
        DASHBOARD, copy, ignore=shutil.ignore_patterns("node_modules", "vendor", "dist", "__pycache__")
    )
    (copy / "node_modules").symlink_to(DASHBOARD / "node_modules")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "out").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    served = {f"minirag_dashboard/app/vendor/{name}" for name in MADE}
    served |= {f"minirag_dashboard/widget/minirag-widget.{kind}" for kind in ("js", "css")}
    committed = {
        f"minirag_dashboard/app/{path.relative_to(copy / 'app')}"
        for path in (copy / "app").rglob("*")
        if path.is_file()
    }
    assert served | committed <= names
    assert not [name for name in names if "node_modules" in name]
