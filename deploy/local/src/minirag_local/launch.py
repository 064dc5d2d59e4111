"""``python -m minirag_local.launch <module>``: load a service while what it needs is still starting, then run it.

Importing takes the services longer than anything else at start. The supervisor keeps our standard input open until the
servers are up; its end is the permission to go on.
"""

import importlib
import runpy
import sys

from minirag_local.gate import wait_at_gate

PRELOADED = "bootstrap"
"""The module of each service that imports everything else of it."""


def main() -> None:
    """Import, wait, run."""
    package = sys.argv[1]
    _import_bus_without_websockets()
    importlib.import_module(f"{package}.{PRELOADED}")
    wait_at_gate()
    sys.argv = [package]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


def _import_bus_without_websockets() -> None:
    """The NATS client loads aiohttp, for WebSockets only, where LiteLLM brought it along: 7 MB and 80 ms a service."""
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # makes its import fail, which the client expects
    importlib.import_module("minirag_messaging")
    del sys.modules["aiohttp"]


if __name__ == "__main__":
    main()
