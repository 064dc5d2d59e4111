"""When a schedule comes next: zones, the change of the clocks, spread, and the patience with what keeps failing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minirag_contracts.events.ingest import RefreshSchedule
from minirag_ingest.domain.schedule import CLOSEST, Schedule, parse, plan, recall, rounds
from minirag_ingest.errors import InvalidSchedule
from pydantic import TypeAdapter, ValidationError

FIRST, LAST = UUID(int=0), UUID(int=0xFFFFFFFF)
"""The sources with the smallest and the largest share of a spread."""
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_schedule(text: str) -> Schedule:
    found = parse(text)
    assert found is not None
    return found


def times(text: str, begin: str, count: int) -> list[str]:
    """The nominal times of a source that begins then, in UTC."""
    moment, found, last = at(begin), [], None
    for _ in range(count):
        last = plan(a_schedule(text), FIRST, moment, last=last).at
        moment = last + timedelta(seconds=30)
        found.append(last.strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "begin", "expected"),
    [
        ("hourly", "2026-05-01T10:07", ["05-01 11:07", "05-01 12:07", "05-01 13:07"]),
        ("daily", "2026-05-01T10:07", ["05-02 10:07", "05-03 10:07", "05-04 10:07"]),
        ("weekly", "2026-05-01T10:07", ["05-08 10:07", "05-15 10:07", "05-22 10:07"]),
        ("0 6 * * *", "2026-05-01T06:00", ["05-02 06:00", "05-03 06:00", "05-04 06:00"]),
        ("0 6 * * *", "2026-05-01T05:59", ["05-01 06:00", "05-02 06:00", "05-03 06:00"]),
        ("*/20 9 * * *", "2026-05-01T09:10", ["05-01 09:20", "05-01 09:40", "05-02 09:00"]),
        ("0 6 * * MON-FRI", "2026-05-01T10:00", ["05-04 06:00", "05-05 06:00", "05-06 06:00"]),
        ("0 6 L * *", "2026-01-01T00:00", ["01-31 06:00", "02-28 06:00", "03-31 06:00"]),
        ("0 6 * * 1#1", "2026-05-01T00:00", ["05-04 06:00", "06-01 06:00", "07-06 06:00"]),
        ("30 23 * * * America/New_York", "2026-07-01T00:00", ["07-01 03:30", "07-02 03:30", "07-03 03:30"]),
        ("15 6 * * * Asia/Kolkata", "2026-07-01T00:00", ["07-01 00:45", "07-02 00:45", "07-03 00:45"]),
        # Summer time begins on 29 March 2026 at 2:00 in Berlin: six o'clock is an hour earlier from then on.
        ("0 6 * * * Europe/Berlin", "2026-03-27T06:00", ["03-28 05:00", "03-29 04:00", "03-30 04:00"]),
        # 2:30 does not exist on that day, and comes at the end of the missing hour.
        ("30 2 * * * Europe/Berlin", "2026-03-27T12:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        # It ends on 25 October at 3:00: 2:30 exists twice, and comes the first time only.
        ("30 2 * * * Europe/Berlin", "2026-10-23T12:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        # What comes every hour comes in both.
        ("30 * * * * Europe/Berlin", "2026-10-24T23:45", ["10-25 00:30", "10-25 01:30", "10-25 02:30"]),
        ("0 6 * * * Australia/Lord_Howe", "2026-04-03T12:00", ["04-03 19:00", "04-04 19:30", "04-05 19:30"]),
    ],
)
def test_the_next_times_of_a_schedule(text: str, begin: str, expected: list[str]) -> None:
    assert times(text, begin, 3) == expected


def test_a_time_that_is_repeated_is_over_during_the_second_pass() -> None:
    during = at("2026-10-25T01:10")  # 2:10 in Berlin, for the second time
    assert plan(a_schedule("30 2 * * * Europe/Berlin"), FIRST, during).at == at("2026-10-26T01:30")


def test_what_was_missed_is_one_refresh_in_the_old_rhythm() -> None:
    set_at, back = at("2026-05-01T10:07"), at("2026-05-09T03:00")
    assert plan(a_schedule("daily"), FIRST, back, last=set_at).at == at("2026-05-09T10:07")
    assert plan(a_schedule("0 6 * * *"), FIRST, back, last=set_at).at == at("2026-05-09T06:00")


def test_a_clock_that_is_behind_does_not_repeat_a_time() -> None:
    """The database says what is due, and this machine's clock may be a little slower."""
    nominal = at("2026-05-01T06:00")
    for text in ("0 6 * * *", "daily"):
        early = nominal - timedelta(seconds=2)
        assert plan(a_schedule(text), FIRST, early, last=nominal).at == nominal + DAY


@pytest.mark.parametrize(
    ("text", "spread"),
    [
        ("hourly", 6 * MINUTE),
        ("daily", 10 * MINUTE),
        ("weekly", 10 * MINUTE),
        ("0 * * * *", timedelta(seconds=20)),
        ("*/5 * * * *", timedelta(seconds=20)),
    ],
)
def test_sources_are_spread_within_bounds_and_each_always_by_the_same(text: str, spread: timedelta) -> None:
    now, rhythm = at("2026-05-01T10:07"), a_schedule(text)

    def late(source_id: UUID, moment: datetime) -> timedelta:
        found = plan(rhythm, source_id, moment, last=now)
        return found.due - found.at

    assert (late(FIRST, now), late(LAST, now)) == (timedelta(), spread)
    many = [uuid4() for _ in range(200)]
    lateness = [late(source_id, now) for source_id in many]
    assert all(timedelta() <= one <= spread for one in lateness)
    assert max(lateness) - min(lateness) > spread / 2
    assert [late(source_id, now + 3 * DAY) for source_id in many] == lateness


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("hourly", [1, 1, 2, 4, 8, 16, 32, 64, 128, 168, 168]),
        ("daily", [24, 24, 48, 96, 168, 168]),
        ("weekly", [168, 168, 168, 168]),
        ("7 10 * * *", [24, 24, 48, 96, 168, 168]),
        ("7 10 1 * *", [31 * 24, 31 * 24, 31 * 24]),
    ],
)
def test_each_failure_after_the_first_doubles_the_wait_up_to_a_week(text: str, hours: list[int]) -> None:
    now = at("2026-05-01T10:07")
    waits = [
        plan(a_schedule(text), FIRST, now, last=now, failures=failures).at - now
        for failures in range(len(hours))
    ]
    assert waits == [wait * HOUR for wait in hours]
    assert plan(a_schedule(text), FIRST, now, last=now, failures=10_000).at - now == hours[-1] * HOUR


def test_a_source_that_recovered_is_back_in_its_rhythm() -> None:
    set_at, now = at("2026-05-01T10:07"), at("2026-05-03T17:00")
    late = plan(a_schedule("daily"), FIRST, now, last=set_at, failures=4)
    assert late.at == at("2026-05-10T10:07")
    assert plan(a_schedule("daily"), FIRST, now, last=set_at).at == at("2026-05-04T10:07")


@pytest.mark.parametrize(
    ("step", "failures", "expected"),
    [(DAY, 0, 1), (DAY, 1, 1), (DAY, 2, 2), (DAY, 3, 4), (DAY, 4, 7), (30 * DAY, 9, 1), (CLOSEST, 99, 2016)],
)
def test_rounds_in_which_a_child_takes_part(step: timedelta, failures: int, expected: int) -> None:
    assert rounds(step, failures) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("60 6 * * *", "The minute field of the schedule's cron expression is not valid"),
        ("0 24 * * *", "The hour field"),
        ("0 6 32 * *", "The day-of-month field"),
        ("0 6 31 2 *", "The day-of-month field"),
        ("0 6 * 13 *", "The month field"),
        ("0 6 * * 8", "The day-of-week field"),
        ("0 6 * * MON#6", "The day-of-week field"),
        ("0 6 * * 5-1", "The day-of-week field"),
        ("*/0 6 * * *", "The minute field"),
        ("0 6 * * * Europe/Bielefeld", "The time zone of the schedule is not in the IANA database"),
        ("0 6 * * * europe/berlin", "The time zone"),
        ("0 6 * * * Europe", "The time zone"),
        ("0 6 * * * ../UTC", "The time zone"),
        ("0 6 * * * localtime", "The time zone"),
        ("0 6 * * * right/UTC", "The time zone"),
        ("* * * * *", "A schedule may ask for a refresh every 5 minutes, not more often."),
        ("*/4 6 * * *", "A schedule may ask"),
        ("0,3 6 * * *", "A schedule may ask"),
        ("0,57 * * * *", "A schedule may ask"),
        ("0,58 0,23 * * *", "A schedule may ask"),
        ("0 0 */20 * 1L", "The cron expression of the schedule names no time of the next 50 years."),
        ("monthly", "A refresh_schedule is none, hourly"),
        ("0 6 * *", "A refresh_schedule is none, hourly"),
        ("0 0 6 * * * UTC", "A refresh_schedule is none, hourly"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        parse(text)
    assert refused.value.detail.startswith(sentence)
    assert refused.value.status == 422


def test_no_schedule_is_none() -> None:
    assert (parse(None), parse("none"), recall("none")) == (None, None, None)


def test_what_was_accepted_once_and_is_no_longer_understood_is_followed_daily() -> None:
    assert recall("0 6 * * * Atlantis/Capital") == recall("daily")
    assert recall("0 6 * * * Europe/Berlin") == parse("0 6 * * * Europe/Berlin")


FIELDS = st.text("0123456789*,/#-LMONl", min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.one_of(FIELDS, st.just("*")), st.lists(st.one_of(FIELDS, st.just("*")), min_size=4, max_size=4))
def test_whatever_has_the_form_is_followed_or_refused(minute: str, others: list[str]) -> None:
    text = " ".join([minute, *others])
    TypeAdapter(RefreshSchedule).validate_python(text)
    try:
        rhythm = a_schedule(text)
    except InvalidSchedule:
        return
    now, found = at("2026-03-28T22:00"), []
    for _ in range(5):
        now = plan(rhythm, FIRST, now).at
        found.append(now)
    assert all(later - earlier >= CLOSEST for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    "text", ["none", "hourly", "0 6 * * 1-5 Europe/Berlin", "0 6 * * * Atlantis/Capital"]
)
def test_an_event_says_any_schedule_of_the_form(text: str) -> None:
    assert TypeAdapter(RefreshSchedule).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["monthly", "0 6 * *", "0 6 * * *\n", "0 6 * * ? UTC", "0 6 * * * " + "A" * 100]
)
def test_an_event_says_nothing_else(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RefreshSchedule).validate_python(text)
