"""The arithmetic of limits: fixed windows, and permits that a process leases from a total which all processes share.

A lease of ``n`` adds ``n`` to the shared total; whoever moved it from ``t`` to ``t + n`` holds the permits ``t`` to ``t + n``
and no one else does, so never more than the limit are spent. What a process holds when the window ends is lost.
"""

import hashlib
from dataclasses import dataclass
from math import ceil, floor

SHARES = 50
"""A process leases 1/50 of a limit at a time: limits below 100 are exact, and up to five others hold 10 % at most."""

LOCAL_SHARE = 4
"""While nobody can count for all, a process gives out 1/4 of a limit on its own account."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The answer to one take. ``limit`` 0: nothing is limited. ``reset_seconds`` until the window ends, at least 1."""

    allowed: bool
    limit: int = 0
    remaining: int = 0
    reset_seconds: int = 1


UNLIMITED = Allowance(allowed=True)


@dataclass(frozen=True, slots=True)
class Window:
    """One of the windows of one key; ``counter`` names it, and tells nothing of the key."""

    counter: str
    ends: float

    @classmethod
    def at(cls, now: float, seconds: float, *parts: str) -> "Window":
        """The window of ``parts`` at ``now`` (seconds since the epoch, as all processes have it).

        Windows of different keys begin at different moments, so that not everybody is let in again at once.
        """
        digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=15)
        offset = int.from_bytes(digest.digest()[:6], "big") / 2**48 * seconds
        number = floor((now + offset) / seconds)
        return cls(f"{digest.hexdigest()}-{number}", (number + 1) * seconds - offset)


@dataclass(slots=True)
class Bucket:
    """What one process holds and knows of one window.

    ``total`` is the shared total when it was last heard of, ``left`` what may be spent without asking, and ``debt`` what
    was given out locally and is not yet in the total.
    """

    limit: int
    window: Window
    total: int = 0
    left: int = 0
    granted: int = 0
    debt: int = 0

    def spend(self, amount: int) -> bool:
        """Takes ``amount`` of what is held, or nothing."""
        if amount > self.left:
            return False
        self.left -= amount
        return True

    def wanted(self, amount: int) -> int:
        """How much to add to the total before ``amount`` can be spent; 0 when asking cannot help."""
        if amount <= self.left or self.total >= self.limit:
            return 0
        return max(self.limit // SHARES, amount - self.left, 1) + self.debt

    def receive(self, asked: int, total: int) -> None:
        """The shared total has become ``total`` by our adding ``asked``: what of it lies below the limit is ours."""
        usable = max(0, min(asked, self.limit - (total - asked)) - self.debt)
        self.total, self.debt = total, 0
        self.left += usable
        self.granted += usable

    def manage_alone(self) -> None:
        """Nobody counts at the moment: our own share, less what we had; the total is told later."""
        more = max(0, ceil(self.limit / LOCAL_SHARE) - self.granted)
        self.left += more
        self.granted += more
        self.debt += more

    def allowance(self, now: float, *, allowed: bool) -> Allowance:
        """What to tell. Permits that others hold count as spent."""
        remaining = self.left + max(0, self.limit - self.total - self.debt)
        reset = max(1, ceil(self.window.ends - now))
        return Allowance(allowed, self.limit, remaining if allowed else self.left, reset)
