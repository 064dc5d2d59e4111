"""What every service is made of."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minirag_service.running import run
    from minirag_service.runtime import Runtime
    from minirag_service.settings import ServiceSettings

__all__ = ["Runtime", "ServiceSettings", "run"]

_HOMES = {"Runtime": "runtime", "ServiceSettings": "settings", "run": "running"}


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: ``python -m minirag_service.ready`` runs every few seconds and needs none of it."""
    from importlib import import_module  # for those alone who need it

    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"minirag_service.{_HOMES[name]}"), name)
