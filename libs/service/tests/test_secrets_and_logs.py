"""Weak secrets refuse to start; sealed things open with old keys; people's words stay out of the log."""

import asyncio
import base64
import gc
import io
import ipaddress
import json
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import uvloop
from cryptography.fernet import Fernet, InvalidToken
from minirag_contracts.errors import Conflict
from minirag_contracts.events.base import UnknownEventError
from minirag_service.logging import JsonFormatter, report
from minirag_service.sealing import Sealer, new_salt, salted_hash
from minirag_service.secret_files import fill_environment
from minirag_service.settings import ServiceSettings
from pydantic import BaseModel, ValidationError

STRONG = Fernet.generate_key().decode()


class Settings(ServiceSettings):
    service: ClassVar[str] = "test"


def settings(**fields: object) -> Settings:
    values: dict[str, object] = {
        "mode": "server",
        "database_url": "postgresql://x",
        "database_system_url": "postgresql://y",
        "nats_password": "x" * 16,
        "secret_key": STRONG,
    }
    return Settings(**(values | fields))  # type: ignore[arg-type]


WEAK_KEYS = [
    "",
    "changeme",
    "secret",
    base64.urlsafe_b64encode(b"\0" * 32).decode(),
    base64.urlsafe_b64encode(b"ab" * 16).decode(),
    base64.urlsafe_b64encode(os.urandom(16)).decode(),
    f"{STRONG},weak",
]


@pytest.mark.parametrize("key", WEAK_KEYS, ids=range(len(WEAK_KEYS)))
def test_a_weak_or_missing_key_refuses_to_start(key: str) -> None:
    with pytest.raises(ValidationError, match="MINIRAG_SECRET_KEY"):
        settings(secret_key=key)


def test_a_short_password_refuses_outside_the_embedded_stack() -> None:
    with pytest.raises(ValidationError, match="MINIRAG_NATS_PASSWORD"):
        settings(nats_password="short")
    assert settings(nats_password="short", mode="embedded").mode == "embedded"


def test_settings_never_show_a_secret() -> None:
    shown = repr(settings())
    assert STRONG not in shown and "x" * 16 not in shown


def test_old_keys_open_and_the_newest_seals() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Sealer([old]).seal(b"token")
    assert Sealer([new, old]).open(sealed) == b"token"
    with pytest.raises(InvalidToken):
        Sealer([old]).open(Sealer([new, old]).seal(b"token"))


def test_a_hash_depends_on_its_salt() -> None:
    salt = new_salt()
    assert salted_hash("text", salt) == salted_hash(b"text", salt) != salted_hash("text", new_salt())


class Question(BaseModel):
    message: int


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What is logged while the test runs."""
    output, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonFormatter("test"))
    root.addHandler(handler)
    yield output
    root.removeHandler(handler)


def test_the_text_of_an_unexpected_exception_is_not_logged(output: io.StringIO) -> None:
    try:
        Question.model_validate({"message": "my secret illness"})
    except ValidationError:
        logging.getLogger("test.words").exception("a request failed", extra={"tenant_id": "t"})
    line = json.loads(output.getvalue())
    assert "illness" not in output.getvalue()
    assert (line["message"], line["tenant_id"]) == ("a request failed", "t")
    assert line["exception"]["type"].endswith("ValidationError") and line["exception"]["trace"]


def raised(cause: Callable[[], object]) -> Exception:
    try:
        cause()
    except Exception as error:  # noqa: BLE001  # that is what it is for
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (lambda: {}["illness@example.com"], None),
        (lambda: [].index("illness"), None),
        (lambda: "x".encode("illness"), None),
        (lambda: Path("/tmp/no such folder/my illness").read_text(), "No such file or directory"),
        (lambda: ipaddress.ip_address("illness"), None),
        (lambda: raise_(OSError("my illness")), None),
        (lambda: raise_(ssl.SSLError(1, "my illness")), None),
        (lambda: raise_(Conflict("It is taken.")), "It is taken."),
        (
            lambda: raise_(UnknownEventError("bot.painted is of a version to come")),
            "bot.painted is of a version to come",
        ),
    ],
    ids=range(9),
)
def test_only_what_is_known_to_be_ours_or_the_systems_is_told(
    output: io.StringIO, cause: Callable[[], object], text: str | None
) -> None:
    logging.getLogger("test.words").error("failed", exc_info=raised(cause))
    assert "illness" not in output.getvalue()
    assert json.loads(output.getvalue())["exception"].get("text") == text


def raise_(error: Exception) -> None:
    raise error


def test_what_nobody_waited_for_is_told_without_its_text(output: io.StringIO) -> None:
    """By the loop that services run on."""

    async def fails(message: str) -> None:
        Question.model_validate({"message": message})

    def breaks(message: str) -> None:
        raise ValueError(message)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report)
        task = loop.create_task(fails("my secret illness"))
        loop.call_soon(breaks, "my secret illness")
        await asyncio.wait({task})
        del task
        gc.collect()

    uvloop.run(main())
    assert "illness" not in output.getvalue()
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["exception"]["type"].rpartition(".")[2] for line in lines] == [
        "ValueError",
        "ValidationError",
    ]
    assert [line["coroutine"] for line in lines][1].endswith("fails")


def test_secrets_are_read_from_files_where_no_variable_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As orchestrators mount them: links into a folder that is replaced as a whole, and a line's end that is not meant."""
    mounted = tmp_path / "..data"
    mounted.mkdir()
    for name, value in {
        "MINIRAG_DATABASE_URL": "postgresql://from-a-file",
        "MINIRAG_DATABASE_SYSTEM_URL": "postgresql://system",
        "MINIRAG_NATS_PASSWORD": "p" * 20,
        "MINIRAG_SECRET_KEY": STRONG,
        "OPENAI_API_KEY": "sk-file",
        "TAKEN_API_KEY": "sk-file",
        "not-a-variable": "x",
    }.items():
        (mounted / name).write_text(f"{value}\n")
        (tmp_path / name).symlink_to(mounted / name)
    monkeypatch.setenv("MINIRAG_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("MINIRAG_DATABASE_URL", "postgresql://from-the-variable")
    found = Settings()  # type: ignore[call-arg]
    assert found.database_url.get_secret_value() == "postgresql://from-the-variable"
    assert found.database_system_url.get_secret_value() == "postgresql://system"
    assert (found.nats_user, found.nats_password.get_secret_value()) == ("test", "p" * 20)

    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("TAKEN_API_KEY", "sk-variable")
    assert fill_environment() == ["OPENAI_API_KEY"]
    assert (os.environ["OPENAI_API_KEY"], os.environ["TAKEN_API_KEY"]) == ("sk-file", "sk-variable")


def test_a_folder_of_secrets_that_is_not_there_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIRAG_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ValidationError, match="MINIRAG_SECRETS_DIR must be a folder"):
        settings()
