"""Writes ``docs/settings.md`` from the settings classes: ``python tools/settings.py`` (``--check`` only compares)."""

import json
import re
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from minirag_admin.settings import AdminSettings
from minirag_contracts.topology import SERVICES
from minirag_service import ServiceSettings
from minirag_service.secret_files import EnvironmentSettings
from pydantic import AliasChoices
from pydantic_core import PydanticUndefined, to_jsonable_python

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

HEAD = """# Settings

Generated from the settings classes by `python tools/settings.py`; a test compares. Everything is an environment
variable. A missing or weak secret refuses to start. Durations are in ISO 8601 (`PT10S`), lists in JSON. `make up` sets
the common ones itself.

## The stack (`minirag up`)

| variable | default | |
|---|---|---|
| `MINIRAG_PORT` | `8000` | Where the REST API listens; 0 picks a free port. |
| `MINIRAG_HOST` | `127.0.0.1` | On which address. |
| `MINIRAG_DATA_DIR` | `.minirag` | The data folder. |
| `MINIRAG_POSTGRES_AS_ROOT` | `auto` | How root runs Postgres: `userns`, `setuid`, or whichever works. |
| `OPENAI_API_KEY`, … | – | Provider keys, passed to chat alone; `OPENAI_BASE_URL` for another server. |
"""


def settings_of(service: str) -> type[ServiceSettings]:
    """A service's settings class."""
    module = import_module(f"minirag_{service}.settings")
    found: type[ServiceSettings] = module.Settings
    return found


def variable(model: type[EnvironmentSettings], name: str) -> str:
    """The environment variable of a field."""
    alias = model.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else f"{model.model_config['env_prefix']}{name}".upper()


def plain(value: Any) -> str:
    """Durations in ISO 8601 as pydantic writes them, so that it reads them back; lists as JSON."""
    if isinstance(value, timedelta):
        return str(to_jsonable_python(value))
    if isinstance(value, tuple):
        return json.dumps(to_jsonable_python(value))
    return str(value)


def shown(default: Any) -> str:
    """A default as a reader would type it."""
    if default is PydanticUndefined:
        return "required"
    text = plain(getattr(default, "get_secret_value", lambda: default)())
    return f"`{text}`" if text not in ("", "None") else "–"


def table(model: type[EnvironmentSettings], names: list[str]) -> str:
    """One row for each field."""
    rows = ["| variable | default | |", "|---|---|---|"]
    for name in names:
        field = model.model_fields[name]
        default = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
        description = re.sub(r"\s+", " ", field.description or "").replace("|", "\\|")
        rows.append(f"| `{variable(model, name)}` | {shown(default)} | {description} |")
    return "\n".join(rows)


def page() -> str:
    """The whole page."""
    common = list(ServiceSettings.model_fields)
    parts = [HEAD, "## Every service\n", table(ServiceSettings, common)]
    for service in SERVICES:
        model = settings_of(service)
        own = [name for name in model.model_fields if name not in common]
        if own:
            parts += [f"\n## {service}\n", table(model, own)]
    own = [name for name in AdminSettings.model_fields if name not in EnvironmentSettings.model_fields]
    parts += ["\n## The administrator (`minirag-admin`)\n", table(AdminSettings, own)]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write, or compare."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/settings.md is not what the settings classes say: run `python tools/settings.py`.")


if __name__ == "__main__":
    main()
