"""Where ``minirag-admin`` finds its deployment: variables, or files in the folder of secrets."""

from pathlib import Path
from typing import Self

from minirag_service.secret_files import EnvironmentSettings, in_words
from pydantic import Field, SecretStr, ValidationError

from minirag_admin.errors import StackError


class AdminSettings(EnvironmentSettings):
    """Settings of the command. What a verb does not need may be missing."""

    nats_url: str = Field(default="nats://127.0.0.1:4222", description="Where NATS with JetStream listens.")
    nats_password: SecretStr = Field(
        default=SecretStr(""),
        description="The password of the user `system`, who may do everything on the bus.",
    )
    nats_replicas: int = Field(
        default=1, ge=1, le=5, description="On how many servers of a NATS cluster each stream is kept."
    )
    admin_database_url: SecretStr | None = Field(
        default=None, description="The database as a superuser, or as who may create roles and databases."
    )
    admin_roles: dict[str, SecretStr] = Field(
        default_factory=dict,
        description='The passwords of the services\' roles, as JSON: `{"chat": "…", "chat_system": "…", …}`.',
    )

    admin_secrets: Path | None = Field(
        default=None,
        description="The folder that `minirag-admin secrets` has made, for `keys`: all services' folders.",
    )

    @classmethod
    def read(cls) -> Self:
        """From the environment; raises StackError for what cannot be meant."""
        try:
            return cls()
        except ValidationError as error:
            raise StackError(in_words(error)) from error

    @property
    def database(self) -> str:
        """The administrator's URL; raises StackError where there is none."""
        if self.admin_database_url is None:
            raise StackError(
                "MINIRAG_ADMIN_DATABASE_URL is missing: where is the database, and who may set it up?"
            )
        return self.admin_database_url.get_secret_value()

    @property
    def roles(self) -> dict[str, str]:
        """Role → password."""
        return {role: password.get_secret_value() for role, password in self.admin_roles.items()}
