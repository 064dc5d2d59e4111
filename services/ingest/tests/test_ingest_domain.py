"""Given events, when a command, then events."""

from uuid import UUID

import pytest
from minirag_contracts.errors import Refusal
from minirag_contracts.events import EventPayload
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    SourceActivated,
    SourceCreated,
    SourceDeactivated,
    SourceUpdated,
)
from minirag_contracts.ids import new_id
from minirag_ingest.domain import intake
from minirag_ingest.domain.source import (
    Activate,
    Command,
    Complete,
    Create,
    Deactivate,
    Fail,
    Ingest,
    Settings,
    Source,
    Update,
    decide,
    evolve,
)
from minirag_ingest.errors import (
    FileTooLarge,
    InvalidSource,
    NestedTooDeep,
    ParentInactive,
    ParentOfOtherBot,
    SourceBusy,
    SourceInactive,
    SourceNotFound,
    UnsupportedFileType,
)

SOURCE, BOT = new_id(), new_id()


def created(**fields: object) -> SourceCreated:
    values = {
        "source_id": SOURCE, "bot_id": BOT, "name": "n", "description": "", "source_type": "text", "config": {},
    }  # fmt: skip
    return SourceCreated.model_validate(values | fields)


def requested(version: int) -> IngestRequested:
    return IngestRequested(source_id=SOURCE, bot_id=BOT, version=version)


def completed(version: int) -> IngestCompleted:
    return IngestCompleted(
        source_id=SOURCE,
        bot_id=BOT,
        source_name="n",
        version=version,
        document_count=1,
        chunk_count=3,
        generation=9,
    )


def failed(version: int) -> IngestFailed:
    return IngestFailed(source_id=SOURCE, bot_id=BOT, version=version, code="c", error="e")


def cancelled(version: int) -> IngestCancelled:
    return IngestCancelled(source_id=SOURCE, bot_id=BOT, version=version, reason="deactivated")


def deactivated(version: int, with_parent: bool = False) -> SourceDeactivated:
    return SourceDeactivated(source_id=SOURCE, bot_id=BOT, version=version, with_parent=with_parent)


def activated() -> SourceActivated:
    return SourceActivated(source_id=SOURCE, bot_id=BOT)


def updated(**fields: object) -> SourceUpdated:
    values = {"source_id": SOURCE, "bot_id": BOT, "name": "n", "description": "", "config": {}}
    return SourceUpdated.model_validate(values | fields)


def given(*events: EventPayload) -> Source:
    state = Source()
    for event in events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize(
    ("history", "command", "expected"),
    [
        ([created()], Ingest(), [requested(1)]),
        ([created(), requested(1), completed(1)], Ingest(), [requested(2)]),
        ([created(), requested(1), failed(1)], Ingest(), [requested(2)]),
        ([created(), requested(1)], Complete(1, 3, 9), [completed(1)]),
        ([created(), requested(1)], Fail(1, "c", "e"), [failed(1)]),
        ([created(), requested(1), completed(1)], Complete(1, 3, 9), []),
        ([created(), requested(1), completed(1)], Fail(1, "c", "e"), []),
        ([created(), requested(1), failed(1), requested(2)], Complete(1, 3, 9), []),
        ([created(), requested(1), failed(1), requested(2)], Fail(1, "c", "e"), []),
    ],
)
def test_a_version_is_asked_for_once_and_ends_once(
    history: list[EventPayload], command: Ingest | Complete | Fail, expected: list[EventPayload]
) -> None:
    assert decide(given(*history), command) == expected


@pytest.mark.parametrize(
    ("history", "refusal"),
    [
        ([], SourceNotFound),
        ([created(), requested(1)], SourceBusy),
        ([created(), deactivated(0)], SourceInactive),
    ],
)
def test_an_ingestion_that_makes_no_sense_is_refused(
    history: list[EventPayload], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        decide(given(*history), Ingest())


@pytest.mark.parametrize(
    ("history", "command", "expected"),
    [
        ([created()], Deactivate(), [deactivated(0)]),
        ([created(), requested(1), completed(1)], Deactivate(), [deactivated(1)]),
        ([created(), requested(1), completed(1)], Deactivate(with_parent=True), [deactivated(1, True)]),
        ([created(), requested(1)], Deactivate(), [cancelled(1), deactivated(1)]),
        ([created(), deactivated(0)], Deactivate(), []),
        ([created(), requested(1), cancelled(1), deactivated(1)], Complete(1, 3, 9), []),
        ([created(), requested(1), cancelled(1), deactivated(1)], Fail(1, "c", "e"), []),
        (
            [created(), requested(1), cancelled(1), deactivated(1)],
            Activate(True),
            [activated(), requested(2)],
        ),
        ([created(), deactivated(0)], Activate(False), [activated()]),
        ([created(), deactivated(0)], Activate(True, Source(new_id(), BOT)), [activated(), requested(1)]),
        ([created()], Activate(True), []),
        ([created(), deactivated(0), activated()], Deactivate(), [deactivated(0)]),
    ],
)
def test_a_source_goes_and_comes_back(
    history: list[EventPayload], command: Command, expected: list[EventPayload]
) -> None:
    assert decide(given(*history), command) == expected


def test_a_child_does_not_come_back_to_a_parent_that_is_gone() -> None:
    gone = given(created(), deactivated(0))
    with pytest.raises(ParentInactive):
        decide(gone, Activate(True, Source(new_id(), BOT, active=False)))


@pytest.mark.parametrize(
    ("history", "settings", "expected"),
    [
        ([created()], Settings("n"), []),
        ([created()], Settings("m"), [updated(name="m")]),
        ([created(content_hash="h")], Settings("n", content_hash="h"), []),
        ([created()], Settings("n", refresh_schedule="daily"), [updated(refresh_schedule="daily")]),
        ([created(), updated(name="m", config_hash="h")], Settings("m", config_hash="h"), []),
        ([created(), updated(name="m")], Settings("n"), [updated()]),
        ([created(), deactivated(0)], Settings("m"), [updated(name="m")]),
    ],
)
def test_an_update_that_changes_nothing_is_no_event(
    history: list[EventPayload], settings: Settings, expected: list[EventPayload]
) -> None:
    assert decide(given(*history), Update(settings)) == expected


@pytest.mark.parametrize("command", [Update(Settings("m")), Deactivate(), Activate(True)])
def test_what_never_was_cannot_be_changed(command: Command) -> None:
    with pytest.raises(SourceNotFound):
        decide(Source(), command)


def test_a_renamed_source_completes_under_its_new_name() -> None:
    [event] = decide(given(created(), requested(1), updated(name="new")), Complete(1, 3, 9))
    assert isinstance(event, IngestCompleted)
    assert event.source_name == "new"


def test_the_facts_of_a_file_outlive_a_new_configuration() -> None:
    old = {"original_filename": "a.pdf", "file_size": 3, "note": "x"}
    assert intake.replaced_config("upload", old, {"file_size": 9, "tag": 1}) == {
        "original_filename": "a.pdf", "file_size": 3, "tag": 1,
    }  # fmt: skip
    assert intake.replaced_config("url", {"url": "a", "note": "x"}, {"url": "b"}) == {"url": "b"}


@pytest.mark.parametrize(
    ("parent", "refusal"),
    [
        (Source(), SourceNotFound),
        (Source(new_id(), new_id()), ParentOfOtherBot),
        (Source(new_id(), BOT, new_id()), NestedTooDeep),
        (Source(new_id(), BOT, active=False), ParentInactive),
    ],
)
def test_a_parent_must_be_a_top_level_source_of_the_same_bot(parent: Source, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        decide(Source(), Create(SOURCE, BOT, "text", Settings("n"), parent_id=new_id(), parent=parent))
    good = Create(SOURCE, BOT, "text", Settings("n"), parent_id=new_id(), parent=Source(new_id(), BOT))
    assert len(decide(Source(), good)) == 1


def test_a_failure_is_no_longer_than_clients_expect() -> None:
    [event] = decide(given(created(), requested(1)), Fail(1, "c", "x" * 5000))
    assert isinstance(event, IngestFailed)
    assert len(event.error) == 2000


def test_events_hold_no_secrets_of_a_configuration() -> None:
    url = {"url": "https://x.example/a?token=s3cret#part", "api_token": "s3cret"}
    assert intake.public_config("url", url) == {"url": "https://x.example/a"}
    assert intake.public_config("text", {"password": "s3cret"}) == {}
    upload = {"original_filename": "a.txt", "file_size": 3, "other": "s3cret"}
    assert intake.public_config("upload", upload) == {"original_filename": "a.txt", "file_size": 3}


@pytest.mark.parametrize("name", ["a.exe", "noextension", "a.tar.gz", ".txt.exe", "dir.txt/a.bin"])
def test_other_file_types_are_refused_by_name(name: str) -> None:
    with pytest.raises(
        UnsupportedFileType, match=r"^Unsupported file type: .* Allowed: \.csv, \.docx, \.eml, \.epub"
    ):
        intake.check_file(name, 1)


def test_the_sentence_about_a_file_type_is_the_one_that_clients_know() -> None:
    with pytest.raises(UnsupportedFileType) as refused:
        intake.check_file("VIRUS.EXE", intake.MAX_FILE + 1)
    assert str(refused.value) == (
        "Unsupported file type: .exe. Allowed: .csv, .docx, .eml, .epub, .htm, .html, .json, .jsonl, .markdown, .md, .ndjson, "
        ".pdf, .pptx, .rst, .tsv, .txt, .xhtml, .xlsx, .zip"
    )


def test_a_file_over_ten_megabytes_is_refused() -> None:
    intake.check_file("A.TXT", 10_485_760)
    with pytest.raises(FileTooLarge, match=r"^File too large\. Maximum size is 10 MB\.$"):
        intake.check_file("a.txt", 10_485_761)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "x" * 256},
        {"description": "x" * 1001},
        {"name": "a\0b"},
        {"config": {"deep": [{"er": "a\0"}]}},
        {"config": {"notes": "x" * (64 * 1024)}},
        {"config": {"notes": "\x01" * (11 * 1024)}},
        {"config": {"notes": "é" * (32 * 1024)}},
    ],
)
def test_what_cannot_be_stored_or_shown_is_refused(fields: dict[str, object]) -> None:
    values: dict[str, object] = {"name": "n", "description": "", "config": {}} | fields
    with pytest.raises(InvalidSource):
        intake.check_names(**values)  # type: ignore[arg-type]


def test_a_configuration_may_have_64_kibibytes() -> None:
    intake.check_names("n", "", {"notes": "x" * (64 * 1024 - len('{"notes":""}'))})


@pytest.mark.parametrize("content", ["a\0b", "x" * (intake.MAX_TEXT + 1), "\ud800"])
def test_text_that_is_none_is_refused(content: str) -> None:
    with pytest.raises(InvalidSource):
        intake.encode_text(content)


def test_an_unknown_event_changes_nothing() -> None:
    assert evolve(Source(UUID(int=1)), failed(1)).source_id == UUID(int=1)
