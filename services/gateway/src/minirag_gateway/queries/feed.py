"""Whether what we remember of identities may still be believed.

The gateway that leads publishes every event of identity and, several times a second, a beat that says up to which position
it has published. Whoever hears both knows that nothing was missed: positions have no gaps. Without a beat for
``patience`` seconds nothing is known, and the database has to be asked.
"""

import time
from collections.abc import Callable

CREATIONS = ("token.created", "embed_key.created", "user.session.started")
"""Events after which what was unknown may be known. They change nothing of what is known."""


class IdentityFeed:
    """What was heard so far, by position."""

    def __init__(self, *, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._heard = 0
        self._ahead: set[int] = set()
        self._owed = 0
        self._beat_at = float("-inf")

    @property
    def fresh(self) -> bool:
        """Whether every change up to ``patience`` seconds ago has been heard."""
        return self._clock() - self._beat_at < self._patience

    def event(self, position: int) -> None:
        """An event of identity was heard; those of different nouns may come a little out of turn."""
        if position > self._heard:
            self._ahead.add(position)
        while self._heard + 1 in self._ahead:
            self._heard += 1
            self._ahead.remove(self._heard)

    def beat(self, position: int) -> bool:
        """A beat was heard. False when something was missed, so that nothing remembered may be believed: there was silence
        before it, or what the beat before it spoke of has not come.
        """
        whole = self.fresh and self._heard >= self._owed
        if not whole:
            self._heard = max(self._heard, position)
            self._ahead = {later for later in self._ahead if later > self._heard}
        self._owed = position
        self._beat_at = self._clock()
        return whole

    def lost(self) -> None:
        """The connection broke: what was said meanwhile was not heard."""
        self._beat_at = float("-inf")
