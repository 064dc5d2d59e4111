"""The events as JSON Schemas with an example each, in files that are kept: ``python -m minirag_contracts.schemas``.

``--write`` brings ``schemas/<type>.v<N>.json`` up to date, ``--check`` says what is not. Neither lets a published version
change so that events of it that are already stored would no longer be understood: that needs a new ``schema_version``
and an upcaster. Files of older versions stay, and their example must still arrive in today's model.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import DEFAULT_REF_TEMPLATE

from minirag_contracts.compatibility import incompatibilities
from minirag_contracts.events import REGISTRY, EventPayload, UnknownEventError, parse_payload
from minirag_contracts.examples import EXAMPLES

FOLDER = Path(__file__).parents[2] / "schemas"
"""Beside the package's source; the files are part of the repository and not of the wheel."""

Document = dict[str, Any]


def published_models() -> dict[str, type[EventPayload]]:
    """The event models of the contracts; a test may have registered others of its own."""
    return {
        event_type: model
        for event_type, model in sorted(REGISTRY.items())
        if model.__module__.startswith("minirag_contracts.")
    }


def document_of(model: type[EventPayload]) -> Document:
    """What is published about one event type in today's version."""
    return {
        "type": model.type,
        "owner": model.owner,
        "schema_version": model.schema_version,
        "schema": model.model_json_schema(),
        "example": EXAMPLES[model.type].model_dump(mode="json"),
    }


def public_schema(model: type[EventPayload], ref_template: str = DEFAULT_REF_TEMPLATE) -> Document:
    """The schema of what a tenant sees of an event: its data without internal fields."""
    schema: Document = model.model_json_schema(ref_template=ref_template)
    for field in model.internal:
        schema["properties"].pop(field, None)
    schema["required"] = [name for name in schema.get("required", []) if name not in model.internal]
    return schema


def public_example(model: type[EventPayload]) -> Document:
    """An example of the same."""
    return EXAMPLES[model.type].model_dump(mode="json", exclude=set(model.internal))


def name_of(document: Document) -> str:
    """The name of its file."""
    return f"{document['type']}.v{document['schema_version']}.json"


def text_of(document: Document) -> str:
    """The text of its file."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def broken(folder: Path) -> list[str]:
    """What would no longer be understood: published versions that changed, and old examples that no longer arrive."""
    found = []
    for path in sorted(folder.glob("*.json")):
        published: Document = json.loads(path.read_text())
        model = published_models().get(published["type"])
        if model is None:
            found.append(
                f"{path.name}: the event type {published['type']} is gone, but events of it are stored"
            )
            continue
        if published["schema_version"] == model.schema_version:
            changes = incompatibilities(published["schema"], model.model_json_schema())
            found += [f"{path.name}: {change}" for change in changes]
        try:
            parse_payload(published["type"], published["schema_version"], published["example"])
        except (ValidationError, UnknownEventError) as error:
            found.append(f"{path.name}: its example is no longer understood ({type(error).__name__})")
    return found


def stale(folder: Path) -> list[str]:
    """What is not as it would be written now."""
    found = [
        f"{event_type}: there is no example of it"
        for event_type in published_models()
        if event_type not in EXAMPLES
    ]
    for model in published_models().values():
        if model.type not in EXAMPLES:
            continue
        document = document_of(model)
        path = folder / name_of(document)
        if not path.exists() or path.read_text() != text_of(document):
            found.append(f"{path.name}: is not up to date; run python -m minirag_contracts.schemas --write")
    return found


def write(folder: Path) -> list[str]:
    """Writes today's versions; answers the names of the files that changed."""
    folder.mkdir(exist_ok=True)
    changed = []
    for model in published_models().values():
        document = document_of(model)
        path, text = folder / name_of(document), text_of(document)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path.name)
    return changed


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 when something is broken or stale."""
    parser = argparse.ArgumentParser(prog="python -m minirag_contracts.schemas", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="bring the files up to date")
    mode.add_argument(
        "--check", action="store_true", help="say what is not up to date or no longer compatible"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    problems = broken(options.folder)
    if options.write and not problems:
        sys.stdout.writelines(f"wrote {name}\n" for name in write(options.folder))
    elif options.check:
        problems += stale(options.folder)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
