"""The dashboard and the widget are static files. This says where they are; the gateway serves them."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_PACKED = (_PACKAGE / "app").is_dir()

APP = _PACKAGE / "app" if _PACKED else _CHECKOUT / "app"
"""What is served below /dashboard/: inside the wheel, or beside the package in a checkout."""

WIDGET = _PACKAGE / "widget" if _PACKED else _CHECKOUT / "widget/dist"
"""What is served below /dashboard/widget/: minirag-widget.js and minirag-widget.css."""
