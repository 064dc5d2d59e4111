"""Why a call was not made or did not succeed, as sentences for the person who named the URL."""


class EgressError(Exception):
    """The URL could not be reached. ``str()`` is a sentence for people that tells nothing about our network."""


class EgressRefused(EgressError):
    """The URL may not be called, now or later."""


class FetchFailed(EgressError):
    """The call was allowed and failed. ``temporary``: a later attempt may well succeed."""

    def __init__(self, sentence: str, *, temporary: bool) -> None:
        super().__init__(sentence)
        self.temporary = temporary
