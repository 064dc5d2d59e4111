"""Weak secrets refuse to start; sealed things open with old keys; people's words stay out of the log."""

import base64
import io
import json
import logging
import os
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.fernet import Fernet, InvalidToken
from minirag_service.logging import JsonFormatter
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


def test_the_text_of_an_unexpected_exception_is_not_logged() -> None:
    logger, output = logging.getLogger("test.words"), io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonFormatter("test"))
    logger.addHandler(handler)
    try:
        Question.model_validate({"message": "my secret illness"})
    except ValidationError:
        logger.exception("a request failed", extra={"tenant_id": "t"})
    logger.removeHandler(handler)
    line = json.loads(output.getvalue())
    assert "illness" not in output.getvalue()
    assert (line["message"], line["tenant_id"]) == ("a request failed", "t")
    assert line["exception"]["type"].endswith("ValidationError") and line["exception"]["trace"]


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
