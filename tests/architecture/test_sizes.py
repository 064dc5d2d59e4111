"""Files and functions stay small, and what does not is named."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import ROOT

SCRIPT = ROOT / "tools" / "sizes.py"


def repository(folder: Path, **files: str) -> Path:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def sizes(folder: Path) -> int:
    spec = importlib.util.spec_from_file_location("sizes", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return int(module.main(folder))


def test_nothing_in_the_repository_is_too_large(capsys: pytest.CaptureFixture[str]) -> None:
    status = sizes(ROOT)
    assert status == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\n" * 501, "large.py has 501 lines; at most 500 are allowed"),
        ("def f():\n" + "    x = 1\n" * 80, "large.py:1 f has 81 lines; at most 80 are allowed"),
    ],
)
def test_what_is_too_large_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    assert sizes(repository(tmp_path, large=text, small="x = 1\n")) == 1
    assert capsys.readouterr().err == f"{sentence}\n"


def test_what_just_fits_passes(tmp_path: Path) -> None:
    assert (
        sizes(repository(tmp_path, fits="def f():\n" + "    x = 1\n" * 79 + "y = 2\n" * 420, small="x = 1\n"))
        == 0
    )
