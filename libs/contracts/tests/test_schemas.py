"""The published schemas: written, checked, and never broken silently."""

import json
from pathlib import Path

import pytest
from minirag_contracts import schemas
from minirag_contracts.events import parse_payload
from minirag_contracts.examples import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Everything published as it is today."""
    assert schemas.main(["--write", "--folder", str(tmp_path)]) == 0
    return tmp_path


def change(folder: Path, name: str, **fields: object) -> None:
    path = folder / name
    path.write_text(schemas.text_of({**json.loads(path.read_text()), **fields}))


def test_the_repositorys_schemas_are_up_to_date_and_unbroken() -> None:
    assert schemas.broken(schemas.FOLDER) + schemas.stale(schemas.FOLDER) == []


def test_what_was_just_written_is_up_to_date(folder: Path) -> None:
    assert schemas.main(["--check", "--folder", str(folder)]) == 0
    assert schemas.write(folder) == []


@pytest.mark.parametrize("event_type", sorted(schemas.published_models()))
def test_every_event_has_an_example_that_survives_the_log(event_type: str) -> None:
    example = EXAMPLES[event_type]
    stored = json.loads(json.dumps(example.model_dump(mode="json")))
    assert parse_payload(event_type, example.schema_version, stored) == example


def test_a_field_that_disappears_from_a_published_version_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "chat.started.v1.json"
    schema = json.loads((folder / name).read_text())["schema"]
    schema["properties"]["title"] = {"type": "string"}
    change(folder, name, schema=schema)
    for mode in ("--check", "--write"):
        assert schemas.main([mode, "--folder", str(folder)]) == 1
        assert "chat.started.v1.json: title is gone" in capsys.readouterr().err
    assert "title" in json.loads((folder / name).read_text())["schema"]["properties"]


def test_an_event_type_that_disappears_is_refused(folder: Path) -> None:
    change(folder, "chat.started.v1.json", type="chat.begun")
    assert any("chat.begun is gone" in problem for problem in schemas.broken(folder))


def test_an_old_example_that_no_upcaster_takes_is_found(folder: Path) -> None:
    change(folder, "chat.started.v1.json", schema_version=0)
    assert schemas.broken(folder) == [
        "chat.started.v1.json: its example is no longer understood (UnknownEventError)"
    ]


def test_a_changed_description_is_stale_and_not_broken(folder: Path) -> None:
    name = "chat.started.v1.json"
    schema = json.loads((folder / name).read_text())["schema"]
    change(folder, name, schema={**schema, "description": "Other words."})
    assert schemas.broken(folder) == []
    assert [problem.split(":")[0] for problem in schemas.stale(folder)] == [name]
