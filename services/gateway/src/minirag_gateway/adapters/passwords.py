"""Argon2id on threads, a few at a time: hashing is meant to be slow, and must not be so for everybody else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from minirag_contracts.errors import Unavailable

T = TypeVar("T")

BUSY = "Too many passwords are being checked at the moment. Please try again."


class Argon2Passwords:
    """Argon2id with m=19456 KiB, t=2, p=1 (OWASP Password Storage Cheat Sheet). The GIL is released while it runs."""

    def __init__(self, concurrency: int, waiting: int) -> None:
        self._free = concurrency + waiting
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="argon2")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The PHC string; waits its turn when ``concurrency`` others are running, Unavailable when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is this password. Without a hash one is compared all the same, so that the time tells nothing."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        fits = await self._run(partial(self._compare, password_hash or self._nobody), password)
        return fits and password_hash is not None

    async def close(self) -> None:
        """Lets running hashes finish; those that wait are dropped with their requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[str], T], password: str) -> T:
        if self._free == 0:
            raise Unavailable(BUSY)
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, password)
        finally:
            self._free += 1

    def _compare(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
