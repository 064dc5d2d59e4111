"""Outside subscribers: users of the bus, each of one tenant, who hear its events and nothing else."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self
from uuid import UUID

from minirag_contracts.grants import Grants, tenant_grants

from minirag_local.errors import StackError
from minirag_local.folder import DataFolder, read_json, write_private


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One user; ``slug`` is the tenant's, for people to read."""

    user: str
    password: str
    tenant_id: str
    slug: str

    @classmethod
    def generate(cls, tenant_id: UUID, slug: str) -> Self:
        """With a fresh name and a password of 256 bits."""
        return cls(f"subscriber-{secrets.token_hex(4)}", secrets.token_hex(32), str(tenant_id), slug)

    def __repr__(self) -> str:
        return f"Subscriber({self.user}, {self.slug})"

    @property
    def inbox(self) -> str:
        """The prefix of its private inbox."""
        return f"_SUBSCRIBER.{self.user}"

    @property
    def grants(self) -> Grants:
        """All that it may do."""
        return tenant_grants(UUID(self.tenant_id), self.inbox)


@dataclass(frozen=True, slots=True)
class Subscribers:
    """All of one data folder, by user."""

    by_user: Mapping[str, Subscriber]

    @classmethod
    def of(cls, folder: DataFolder) -> Self:
        """Those that are written down; raises StackError where the file is damaged."""
        if not folder.subscribers.exists():
            return cls({})
        stored = read_json(folder.subscribers)
        try:
            found = [Subscriber(**entry) for entry in stored["subscribers"]]
        except (KeyError, TypeError) as error:
            raise StackError(f"{folder.subscribers} is damaged. Restore it from a backup.") from error
        return cls({subscriber.user: subscriber for subscriber in found})

    def write(self, folder: DataFolder) -> None:
        """Replace the file in one step."""
        entries = [asdict(subscriber) for subscriber in self.by_user.values()]
        write_private(folder.subscribers, json.dumps({"subscribers": entries}, indent=2))

    def plus(self, subscriber: Subscriber) -> Self:
        """These and one more."""
        return type(self)({**self.by_user, subscriber.user: subscriber})

    def minus(self, user: str) -> Self:
        """These without one; raises StackError for an unknown user."""
        if user not in self.by_user:
            raise StackError(f"There is no subscriber {user!r}: `minirag subscriber list` shows them.")
        return type(self)({name: one for name, one in self.by_user.items() if name != user})

    def users(self) -> dict[str, tuple[str, Grants]]:
        """User → password and grants, for the server's configuration."""
        return {user: (one.password, one.grants) for user, one in self.by_user.items()}
