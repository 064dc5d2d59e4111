"""The deployment that the environment of ``minirag-admin`` names."""

from uuid import UUID

from minirag_admin.deployment import Access, KeyRing
from minirag_admin.errors import StackError
from minirag_admin.secret_folders import FolderKeys
from minirag_admin.settings import AdminSettings


class Anywhere:
    """Compose, Kubernetes, or processes of one's own."""

    command = "minirag-admin"
    restart = "give the services their secrets anew and restart them"
    stops_as_a_whole = False

    def __init__(self) -> None:
        self._settings = AdminSettings.read()

    def access(self) -> Access:
        """As the environment says."""
        return Access(self._settings.nats_url, self._settings.nats_password.get_secret_value())

    def key_ring(self) -> KeyRing:
        """The folder that ``secrets`` has made, or whatever is arranged like it."""
        if self._settings.admin_secrets is None:
            raise StackError(
                "MINIRAG_ADMIN_SECRETS is missing: where is the folder that `minirag-admin secrets` has made?"
            )
        return FolderKeys(self._settings.admin_secrets)

    async def shut_out(self, tenant_id: UUID) -> None:
        """Subscribers from outside are the operator's own users of the bus here."""
