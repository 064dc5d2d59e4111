"""The repository's own source, as the architecture tests look at it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from minirag_contracts.topology import SERVICES

ROOT = Path(__file__).parents[2]

GROUPS = (
    "libs/*/src/*",
    "services/*/src/*",
    "deploy/admin/src/*",
    "deploy/local/src/*",
    "dashboard/minirag_*",
)

PACKAGES = sorted(folder for group in GROUPS for folder in ROOT.glob(group) if folder.is_dir())
"""The importable packages of the repository."""


def service_folder(service: str) -> Path:
    """The package of one service."""
    return ROOT / "services" / service / "src" / f"minirag_{service}"


def source_files(*packages: Path) -> Iterator[Path]:
    """The Python files of these packages, of all if none is named."""
    for package in packages or PACKAGES:
        yield from sorted(package.rglob("*.py"))


def service_files() -> Iterator[Path]:
    """The Python files of all services."""
    yield from source_files(*(service_folder(service) for service in SERVICES))


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    package = next(package for package in PACKAGES if path.is_relative_to(package))
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> set[str]:
    """The dotted names of everything that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def strings_of(path: Path) -> Iterator[str]:
    """Every string of a file; of f-strings the constant parts."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
