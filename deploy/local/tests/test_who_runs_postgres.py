"""Postgres refuses uid 0: as root with and without user namespaces, below closed folders, and as an ordinary user."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from minirag_local import binaries
from minirag_local.identity import Namespace, Ourselves, identity_for_postgres
from minirag_local.testing import Stack, running_stack

PROGRAM = Path(__file__).with_name("small_stack.py")
SMALL = (sys.executable, str(PROGRAM), "up")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def postgres_of(stack: Stack) -> tuple[int, str]:
    """The real uid of the server, and its health."""
    entry = next(entry for entry in stack.status() if entry["name"] == "postgres")
    return Path(f"/proc/{entry['pid']}").stat().st_uid, entry["health"]


@as_root
def test_root_runs_it_in_a_user_namespace_and_the_files_stay_roots(tmp_path: Path) -> None:
    program = binaries.postgres_install() / "bin" / "postgres"
    if not isinstance(identity_for_postgres("auto", program, tmp_path), Namespace):
        pytest.skip("this kernel refuses user namespaces")
    with running_stack(tmp_path, {"MINIRAG_POSTGRES_AS_ROOT": "userns"}, SMALL) as stack:
        assert postgres_of(stack) == (0, "ok")
        assert stack.folder.postgres.stat().st_uid == 0


@as_root
def test_where_namespaces_are_refused_it_becomes_an_unprivileged_user_below_closed_folders(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    nobody = pwd.getpwnam("nobody").pw_uid
    with running_stack(tmp_path, {"MINIRAG_POSTGRES_AS_ROOT": "setuid"}, SMALL) as stack:
        assert postgres_of(stack) == (nobody, "ok")
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert stack.data_dir.stat().st_mode & 0o777 == 0o700
        stack.stop()
        stack.start()
        assert postgres_of(stack) == (nobody, "ok")


@as_root
def test_a_cluster_made_in_a_namespace_can_go_on_without_one(tmp_path: Path) -> None:
    with running_stack(tmp_path, command=SMALL) as stack:
        stack.stop()
        stack.environment = {**stack.environment, "MINIRAG_POSTGRES_AS_ROOT": "setuid"}
        stack.start()
        assert postgres_of(stack) == (pwd.getpwnam("nobody").pw_uid, "ok")


@as_root
def test_programs_that_the_other_user_cannot_reach_are_copied(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    package = binaries.postgres_install().parent
    shutil.copytree(package, closed / package.name, ignore=shutil.ignore_patterns("include", "*.a", "doc"))
    (closed / package.name / "pginstall" / "include").mkdir()
    header = Path("include") / "pg_config.h"
    shutil.copy(package / "pginstall" / header, closed / package.name / "pginstall" / header)
    shutil.copytree(package.with_name(package.name + ".libs"), closed / (package.name + ".libs"))
    closed.chmod(0o700)
    environment = {
        "MINIRAG_POSTGRES_AS_ROOT": "setuid",
        "MINIRAG_POSTGRES_INSTALL": str(closed / package.name / "pginstall"),
    }
    with running_stack(tmp_path, environment, SMALL) as stack:
        assert postgres_of(stack)[1] == "ok"
        program = Path(f"/proc/{stack.pid('postgres')}/exe").readlink()
        assert not program.is_relative_to(closed)
        assert program.stat().st_uid == 0
        assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_an_ordinary_user_runs_everything_under_their_own_name(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    python = "/usr/bin/python3"
    usable = subprocess.run(
        [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
        user=nobody.pw_uid,
        check=False,
        cwd="/",
    )
    sources = Path(__file__).parents[3]
    reachable = all(folder.stat().st_mode & 0o005 == 0o005 for folder in (sources, *sources.parents))
    if usable.returncode or not reachable:
        pytest.skip("no interpreter, or no source, that another user could reach")
    home = Path("/tmp") / f"minirag-test-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    paths = [p for p in sys.path if p.endswith("site-packages")]
    paths += [str(folder) for folder in sources.glob("*/*/src")]
    run = f"import runpy; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    script = f"import sys; sys.path[:0] = {paths!r}; {run}"
    drop = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    try:
        with running_stack(
            home, {"HOME": str(home), "PYTHONPATH": ":".join(paths)}, (*drop, python, "-c", script, "up")
        ) as stack:
            owner = {path.stat().st_uid for path in stack.folder.root.rglob("*")}
            assert owner == {nobody.pw_uid}
    finally:
        shutil.rmtree(home)


def test_an_ordinary_user_needs_no_trick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert isinstance(identity_for_postgres("auto", Path("postgres"), tmp_path), Ourselves)
