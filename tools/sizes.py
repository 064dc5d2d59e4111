"""How large files and functions are, beside code bases that good engineers point at: ``python tools/sizes.py``.

Fails beyond 500 lines a file or 80 a function; the rest is a report to think about, not a fence.
"""

# a script, not a package

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

MAX_FILE, MAX_FUNCTION = 500, 80

# Median and 90th percentile of lines: a file's, a function's.
MODELS = {
    "polarsource/polar": ("83/417", "10/42"),
    "pypi/warehouse": ("88/426", "7/33"),
    "svix/svix-webhooks": ("166/898", "8/39"),
    "procrastinate": ("224/685", "7/26"),
    "sentry-kafka-schemas, snuba": ("101/406", "6/33"),
    "a good place to be": ("120/300", "8/28"),
}


@dataclass(frozen=True)
class Size:
    """Something with a number of lines."""

    name: str
    lines: int


def python_files(root: Path) -> list[Path]:
    """Every Python file that belongs to the repository, also one that is not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    return [root / name for name in sorted(set(listed)) if (root / name).is_file()]


def functions_of(path: Path, name: str) -> Iterator[Size]:
    """The functions of a file with their lines, decorators left out; nested ones count by themselves as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield Size(f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)


def figures(sizes: list[Size]) -> str:
    """Median and 90th percentile."""
    lines = [size.lines for size in sizes]
    return f"{median(lines):.0f}/{quantiles(lines, n=10)[-1]:.0f}" if len(lines) > 1 else "-"


def report(files: list[Size], functions: list[Size]) -> list[str]:
    """The table of the figures, ours first."""
    rows = {"this repository": (figures(files), figures(functions)), **MODELS}
    return [f"{'lines, median/p90':<30}{'file':>10}{'function':>10}"] + [
        f"{name:<30}{file:>10}{function:>10}" for name, (file, function) in rows.items()
    ]


def main(root: Path) -> int:
    """Prints the report; 1 when something is too large."""
    paths = [path for path in python_files(root) if path.stat().st_size]
    source = [path for path in paths if "tests" not in path.relative_to(root).parts]
    files = [Size(str(path.relative_to(root)), len(path.read_text().splitlines())) for path in paths]
    functions = [size for path in paths for size in functions_of(path, str(path.relative_to(root)))]
    names = {str(path.relative_to(root)) for path in source}
    ours = [size for size in files if size.name in names]
    our_functions = [size for size in functions if size.name.split(":")[0] in names]
    sys.stdout.writelines(f"{line}\n" for line in report(ours, our_functions))
    too_large = [size for size in files if size.lines > MAX_FILE]
    too_large += [size for size in functions if size.lines > MAX_FUNCTION]
    for size in too_large:
        limit = MAX_FUNCTION if " " in size.name else MAX_FILE
        sys.stderr.write(f"{size.name} has {size.lines} lines; at most {limit} are allowed\n")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
