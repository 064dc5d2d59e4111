"""Bodies that change something: only the fields that were sent count."""

from typing import Any, Self

from pydantic import SecretStr, model_validator

from minirag_gateway.entrypoints.http.bodies import Body


def absent() -> Any:
    """What a field has that was not sent: ``sent`` leaves it out, and the document shows no default."""
    return None


class Update(Body):
    """What shall be different; every field has ``Field(default_factory=absent)``."""

    def sent(self) -> dict[str, Any]:
        """The fields that were sent, with their values; secrets are readable."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
        }


class UpdateWithoutNull(Update):
    """The same where nothing may be null: a null is told from what was left out, and refused with advice."""

    @model_validator(mode="after")
    def _not_null(self) -> Self:
        empty = sorted(name for name in self.model_fields_set if getattr(self, name) is None)
        if empty:
            raise ValueError(f"null is no value for {', '.join(empty)}: leave it out instead")
        return self
