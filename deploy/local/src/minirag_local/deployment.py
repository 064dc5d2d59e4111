"""The stack on a data folder, as the operator's verbs see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from minirag_admin.deployment import Access

from minirag_local.credentials import SYSTEM, Credentials
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder
from minirag_local.state import RunState
from minirag_local.subscribers import Subscribers


@dataclass(frozen=True, slots=True)
class LocalDeployment:
    """What runs on one data folder."""

    folder: DataFolder
    command = "minirag"
    restart = "`minirag down`, `minirag up`"
    stops_as_a_whole = True

    def access(self) -> Access:
        """To the running stack; raises NotRunning where none runs."""
        state = RunState.read(self.folder)
        return Access(state.addresses.of("nats"), Credentials.of(self.folder).nats[SYSTEM])

    def key_ring(self) -> "FolderKeys":
        """The folder's keys."""
        return FolderKeys(self.folder)

    async def shut_out(self, tenant_id: UUID) -> None:
        """Its subscribers from outside have to be added anew when it is served again."""
        from minirag_local import outside

        for user, subscriber in list(Subscribers.of(self.folder).by_user.items()):
            if subscriber.tenant_id == str(tenant_id):
                await outside.remove(self.folder, user)


@dataclass(frozen=True, slots=True)
class FolderKeys:
    """The keys in a data folder's secrets."""

    folder: DataFolder

    def keys(self) -> list[str]:
        """The one that seals first; a folder without any gets none from a look at its keys."""
        return self._known().keys

    def replace(self, keys: Sequence[str]) -> None:
        """Other keys, from the next start on."""
        self._known().with_keys(keys).write(self.folder)

    def _known(self) -> Credentials:
        if not self.folder.secrets.exists():
            raise StackError(f"{self.folder.root} holds no MiniRAG yet: it has no keys.")
        return Credentials.of(self.folder)
