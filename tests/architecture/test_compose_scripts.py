"""The scripts beside compose.yaml refuse what they cannot do before they touch anything; tests/docker has what they do."""

import subprocess
from pathlib import Path

import pytest
from source_tree import ROOT

FOLDER = ROOT / "deploy/compose"


def run(script: str, argument: Path, tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    """With a `docker` that notes that it was called, and fails."""
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n", encoding="utf-8")
    docker.chmod(0o700)
    return subprocess.run(
        [FOLDER / script, argument],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", ["backup", "restore"])
def test_a_folder_that_is_not_there_is_named_and_no_other_is_taken(script: str, tmp_path: Path) -> None:
    """As where a backup's disk is not mounted: /minirag.backup is not what was asked for."""
    done = run(script, tmp_path / "disk" / "minirag.backup", tmp_path)
    assert done.returncode == 1
    assert f"{script}: there is no folder {tmp_path}/disk." in done.stderr
    assert not (tmp_path / "called").exists()


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    assert run("backup", disk / "minirag.backup", tmp_path).returncode == 1
    assert (tmp_path / "called").exists()
    assert list(disk.iterdir()) == []
