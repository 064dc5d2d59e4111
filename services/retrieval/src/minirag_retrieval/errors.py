"""What retrieval refuses."""

from http import HTTPStatus

from minirag_contracts.errors import Conflict, Refusal, Unavailable


class IncompleteVersion(Refusal):
    """Not all chunks of this version have been staged."""

    status = HTTPStatus.CONFLICT
    code = "incomplete_version"


class StaleVersion(Conflict):
    """A newer version of this source is active already."""

    code = "stale_version"


class VersionHidden(Conflict):
    """This source was hidden up to this version: it never becomes visible again."""

    code = "source_hidden"


class IndexIncomplete(Unavailable):
    """The index of this bot is being restored. Please try again in a moment."""

    code = "index_incomplete"
