"""Where the dashboard's distribution has its files."""

import importlib
import importlib.util
import logging
from pathlib import Path

logger = logging.getLogger(__name__)

PACKAGE = "minirag_dashboard"


def folders() -> tuple[Path, Path] | None:
    """Of the dashboard and of the widget; None where a gateway was installed without them, and serves the API alone."""
    if importlib.util.find_spec(PACKAGE) is None:
        logger.info("there is no dashboard: its package is not installed")
        return None
    package = importlib.import_module(PACKAGE)
    return Path(package.APP), Path(package.WIDGET)
