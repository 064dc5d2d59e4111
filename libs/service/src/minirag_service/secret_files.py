"""Secrets as files: ``MINIRAG_SECRETS_DIR`` names a folder whose files are named like the variables that they stand for."""

import os
import re
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

VARIABLE = "MINIRAG_SECRETS_DIR"

_OURS = "MINIRAG_"
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def secrets_folder() -> Path | None:
    """The folder, if one is named and there is one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


def fill_environment() -> list[str]:
    """Put what is not for our own settings (a provider's key) where libraries look for it; answers the names.

    A variable that is set already keeps its value.
    """
    folder = secrets_folder()
    found = sorted(folder.iterdir()) if folder else []
    names = [
        path.name
        for path in found
        if _NAME.fullmatch(path.name)
        and not path.name.startswith(_OURS)
        and path.name not in os.environ
        and path.is_file()
    ]
    for name in names:
        os.environ[name] = (folder / name).read_text(encoding="utf-8").strip() if folder else ""
    return names


def in_words(error: ValidationError) -> str:
    """What is wrong with the settings, a line each."""
    return "\n".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())


class EnvironmentSettings(BaseSettings):
    """Settings from ``MINIRAG_*`` variables, and from the folder of secrets where a variable is not set."""

    model_config = SettingsConfigDict(env_prefix="MINIRAG_", extra="ignore", populate_by_name=True)

    secrets_dir: Path | None = Field(
        default=None,
        description="A folder with secrets as files, each named like its variable (`MINIRAG_DATABASE_URL`, "
        "`OPENAI_API_KEY`); read where the variable itself is not set.",
    )

    @field_validator("secrets_dir")
    @classmethod
    def _is_a_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"{VARIABLE} must be a folder, and {value} is none")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- its folder would be the class', not the variable's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First who calls, then the variable, then the file."""
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_folder())
