"""Writes what the chart has of the code: ``python tools/chart.py`` (``--check`` only compares).

The settings in ``values.schema.json``, the consumers that KEDA can ask about, and the alerts of ``deploy/observability``.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from minirag_contracts.topology import CONSUMERS, SERVICES
from minirag_service import ServiceSettings
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from settings import plain, settings_of, variable

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy/k8s/chart"
ALERTS = ROOT / "deploy/observability/alerts.yml"

CHART_DECIDES = {
    "MINIRAG_MODE",
    "MINIRAG_NATS_URL",
    "MINIRAG_NATS_USER",
    "MINIRAG_DATA_DIR",
    "MINIRAG_DRAIN",
    "MINIRAG_SECRETS_DIR",
    "MINIRAG_OPERATIONS_HOST",
    "MINIRAG_OPERATIONS_PORT",
    "MINIRAG_HOST",
    "MINIRAG_PORT",
    "MINIRAG_HTTP_FD",
    "MINIRAG_TRUSTED_PROXIES",
    "MINIRAG_VECTORS_SOCKET",
    "MINIRAG_MODEL_DIR",
    "QDRANT_URL",
}
"""Settings that follow from other values, or that make no sense in a pod."""

DURATION = {"$ref": "#/definitions/duration"}
KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "minLength")


def is_secret(field: FieldInfo) -> bool:
    """Whether it may only come as a file of a Secret."""
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))


def value_schema(field: FieldInfo, generated: dict[str, Any]) -> dict[str, Any]:
    """What a value in the chart may be, which becomes the text of a variable."""
    if isinstance(field.default, timedelta):
        shape: dict[str, Any] = dict(DURATION)
    elif isinstance(field.default, tuple):
        shape = {"type": "array", "items": DURATION}
    else:
        choices = [each for each in generated.get("anyOf", [generated]) if each.get("type") != "null"]
        shape = {key: choices[0][key] for key in KEPT if key in choices[0]}
    if "$ref" in shape:  # nothing beside a reference counts
        shape = {"allOf": [shape]}
    return {"description": described(field), **shape}


def described(field: FieldInfo) -> str:
    """Its description and default."""
    default = plain(field.default)
    return f"{field.description}{f' Default: {default}' if default not in ('', 'None', '{}') else ''}"


def settings_schema(service: str | None) -> dict[str, Any]:
    """The settings of one service, or those that every service has."""
    model = settings_of(service) if service else ServiceSettings
    generated = model.model_json_schema(by_alias=False)["properties"]
    allowed = {
        variable(model, name): value_schema(field, generated[name])
        for name, field in sorted(model.model_fields.items())
        if not is_secret(field) and variable(model, name) not in CHART_DECIDES
    }
    return {"type": "object", "additionalProperties": False, "properties": allowed}


def schema() -> str:
    """values.schema.json with the settings of now."""
    whole = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    whole["definitions"]["commonSettings"] = settings_schema(None)
    for service in SERVICES:
        whole["definitions"][f"{service}Settings"] = settings_schema(service)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def consumers() -> str:
    """Reactors alone: however many replicas there are, one of them runs a projector."""
    lines = [
        "# Written by tools/chart.py from the topology: the consumers that more replicas work off faster."
    ]
    for service in SERVICES:
        own = [spec for spec in CONSUMERS if spec.service == service and spec.kind == "reactor"]
        if own:
            lines.append(f"{service}:")
            lines += [f"  - {{stream: {spec.stream}, durable: {spec.durable}}}" for spec in own]
    return "\n".join(lines) + "\n"


def wanted() -> dict[Path, str]:
    """Every file that is written here, with its text."""
    alerts = {CHART / "files/alerts.yml": ALERTS.read_text(encoding="utf-8")} if ALERTS.exists() else {}
    return {CHART / "values.schema.json": schema(), CHART / "files/consumers.yaml": consumers(), **alerts}


def main() -> None:
    """Write, or compare."""
    files = wanted()
    left = {path for path in (CHART / "files").iterdir() if path not in files}
    if "--check" not in sys.argv:
        for path in left:
            path.unlink()
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return
    stale = left | {
        path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    if stale:
        sys.exit(
            f"{', '.join(sorted(p.name for p in stale))}: not what the code says: run `python tools/chart.py`."
        )


if __name__ == "__main__":
    main()
