"""Leases and windows, with a clock and counters of the test's own."""

import asyncio
from dataclasses import dataclass, field

import pytest
from minirag_contracts.errors import Unavailable
from minirag_gateway.domain.limits import Bucket, Window
from minirag_gateway.queries import limits
from minirag_gateway.queries.limits import Limiter


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Totals:
    """``Counters`` of one process, which can be away."""

    totals: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    away: bool = False

    async def add(self, counter: str, amount: int, window: float) -> int:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        self.asked.append(amount)
        self.totals[counter] = self.totals.get(counter, 0) + amount
        return self.totals[counter]


def a_bucket(limit: int) -> Bucket:
    return Bucket(limit, Window("c", 60.0))


def test_a_lease_is_the_part_of_the_total_that_lies_below_the_limit() -> None:
    bucket = a_bucket(10)
    bucket.receive(asked=4, total=4)
    assert bucket.left == 4
    bucket.receive(asked=4, total=12)  # others have taken it to 8 meanwhile
    assert bucket.left == 6
    bucket.receive(asked=4, total=30)
    assert bucket.left == 6
    assert bucket.wanted(7) == 0


def test_small_limits_are_leased_one_by_one_and_large_ones_by_the_fiftieth() -> None:
    assert a_bucket(99).wanted(1) == 1
    assert a_bucket(600).wanted(1) == 12
    assert a_bucket(600).wanted(40) == 40
    assert Bucket(600, Window("c", 60.0), left=15).wanted(40) == 25


def test_what_is_spent_locally_without_counters_is_told_when_they_are_back() -> None:
    bucket = a_bucket(100)
    bucket.receive(asked=2, total=2)
    bucket.manage_alone()
    assert (bucket.left, bucket.debt) == (25, 23)
    bucket.manage_alone()
    assert bucket.left == 25
    bucket.left = 0
    asked = bucket.wanted(1)
    assert asked == 2 + 23
    bucket.receive(asked, total=27)
    assert (bucket.left, bucket.debt) == (2, 0)


def test_windows_of_one_key_follow_each_other_and_those_of_others_begin_elsewhere() -> None:
    first = Window.at(1_000_000.0, 60, "logins", "10.0.0.1")
    assert 0 < first.ends - 1_000_000.0 <= 60
    assert Window.at(first.ends - 0.001, 60, "logins", "10.0.0.1") == first
    then = Window.at(first.ends, 60, "logins", "10.0.0.1")
    assert then.ends == pytest.approx(first.ends + 60)
    assert then.counter != first.counter
    ends = {round(Window.at(1_000_000.0, 60, "logins", f"10.0.0.{n}").ends) for n in range(100)}
    assert len(ends) > 30
    assert "10.0.0.1" not in first.counter
    assert "." not in first.counter


async def test_a_limit_is_kept_told_and_renewed_with_the_next_window() -> None:
    clock, totals = Clock(), Totals()
    limiter = Limiter(totals, clock)
    answers = [await limiter.take("logins", "a", 3, 60) for _ in range(5)]
    assert [answer.allowed for answer in answers] == [True, True, True, False, False]
    assert [answer.remaining for answer in answers] == [2, 1, 0, 0, 0]
    assert {answer.limit for answer in answers} == {3}
    assert totals.asked == [1, 1, 1]  # the full window is not asked for again
    assert (await limiter.take("logins", "b", 3, 60)).allowed
    reset = answers[-1].reset_seconds
    assert 1 <= reset <= 60
    clock.now += reset
    assert (await limiter.take("logins", "a", 3, 60)).allowed


async def test_nothing_is_taken_of_what_is_not_allowed_and_zero_is_unlimited() -> None:
    limiter = Limiter(Totals(), Clock())
    assert not (await limiter.take("bytes", "t", 100, 60, amount=101)).allowed
    assert (await limiter.take("bytes", "t", 100, 60, amount=60)).allowed
    assert not (await limiter.take("bytes", "t", 100, 60, amount=60)).allowed
    assert (await limiter.take("bytes", "t", 100, 60, amount=40)).remaining == 0
    assert all([(await limiter.take("bytes", "t", 0, 60, amount=10**12)).allowed for _ in range(3)])


async def test_a_large_limit_costs_one_question_in_many_requests() -> None:
    totals = Totals()
    limiter = Limiter(totals, Clock())
    answers = await asyncio.gather(*(limiter.take("requests", "t", 600, 60) for _ in range(700)))
    assert sum(answer.allowed for answer in answers) == 600
    assert len(totals.asked) == 50


async def test_without_counters_a_share_is_given_out_and_then_nobody_is_let_in() -> None:
    totals = Totals(away=True)
    limiter = Limiter(totals, Clock())
    assert all([(await limiter.take("logins", "a", 20, 60)).allowed for _ in range(5)])
    with pytest.raises(Unavailable, match="limits cannot be checked"):
        await limiter.take("logins", "a", 20, 60)
    totals.away = False
    later = [await limiter.take("logins", "a", 20, 60) for _ in range(20)]
    assert sum(answer.allowed for answer in later) == 15


async def test_forgotten_keys_begin_anew_but_not_what_all_have_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 2)
    limiter = Limiter(Totals(), Clock())
    assert (await limiter.take("logins", "a", 1, 60)).allowed
    for key in "bcd":
        await limiter.take("logins", key, 1, 60)
    assert not (await limiter.take("logins", "a", 1, 60)).allowed


async def test_a_changed_limit_holds_at_once() -> None:
    limiter = Limiter(Totals(), Clock())
    for _ in range(5):
        assert (await limiter.take("messages", "key", 5, 60)).allowed
    assert not (await limiter.take("messages", "key", 5, 60)).allowed
    assert (await limiter.take("messages", "key", 6, 60)).allowed
    assert not (await limiter.take("messages", "key", 6, 60)).allowed
