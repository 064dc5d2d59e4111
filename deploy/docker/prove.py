"""``prove.py SERVICE``, inside its image: everything of the service can be imported, and nothing of its siblings is there.

An import of a sibling, hidden in a function or not, would fail in this image; one at a module's top fails here.
"""

import importlib
import pkgutil
import sys
from importlib.util import find_spec

LIBS = ("contracts", "messaging", "eventstore", "service")
SERVICES = ("gateway", "ingest", "retrieval", "chat", "webhooks", "analytics")
ELSEWHERE = ("minirag_local", "minirag_dashboard", "minirag_admin", "pytest", "pip", "hatchling", "torch")
BROUGHT = {"gateway": {"minirag_dashboard"}, "admin": {"minirag_admin"}}
"""What of ELSEWHERE an image has all the same."""


def modules_of(package: str) -> list[str]:
    """Every module of a package but those that run something when they are imported, and test helpers."""
    root = importlib.import_module(package)
    names = [found.name for found in pkgutil.walk_packages(root.__path__, f"{package}.")]
    return [name for name in names if not name.endswith((".__main__", ".testing"))]


def main(service: str) -> None:
    """Fail loudly, or say what was proved."""
    siblings = {f"minirag_{name}" for name in SERVICES if name != service}
    absent = {*siblings, *ELSEWHERE} if service != "admin" else {*ELSEWHERE}
    present = [name for name in sorted(absent - BROUGHT.get(service, set())) if find_spec(name)]
    assert not present, f"minirag-{service} holds what it must not: {present}"
    own = [*(f"minirag_{lib}" for lib in LIBS), f"minirag_{service}"]
    imported = [importlib.import_module(name).__name__ for package in own for name in modules_of(package)]
    loaded = sorted(siblings & {name.partition(".")[0] for name in sys.modules})
    assert not loaded, f"minirag-{service} imports {loaded}"
    print(f"minirag-{service}: {len(imported)} modules imported, none of {len(absent)} others there")


main(sys.argv[1])
