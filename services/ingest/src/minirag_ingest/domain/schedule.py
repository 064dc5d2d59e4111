"""When a source is refreshed: every hour, day or week, or by a cron expression in a time zone.

A time is *nominal* as the schedule names it, and *due* a little later, so that not all sources of a schedule come at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from minirag_ingest.errors import InvalidSchedule

CLOSEST = timedelta(minutes=5)
"""No schedule asks for a refresh more often."""
WEEK = timedelta(weeks=1)
"""A source that keeps failing is tried at least so often, unless its schedule itself is slower."""
INTERVALS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": WEEK}
SPREAD_SHARE = 10
"""Sources of an interval are spread over a tenth of it, at most over …"""
SPREAD_MAX = timedelta(minutes=10)
CRON_SPREAD = timedelta(seconds=20)
"""A cron expression is exact to the minute."""
DOUBLINGS = 12
"""More would not lengthen the wait of even the closest schedule beyond a week."""
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Every:
    """An interval, counted from the last nominal time."""

    interval: timedelta

    def next(self, after: datetime, last: datetime) -> datetime:
        """The first nominal time after a moment, in step with ``last``."""
        return last + ((after - last) // self.interval + 1) * self.interval

    def step(self, after: datetime) -> timedelta:
        """How long it is from one time to the next."""
        return self.interval

    @property
    def spread(self) -> timedelta:
        """How much later than its nominal time a refresh may be due."""
        return min(self.interval / SPREAD_SHARE, SPREAD_MAX)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields as Debian's cron reads them. What names a time of the day comes once a day: an hour that summer time
    leaves out comes at its end, one that it repeats comes the first time.
    """

    fields: str
    zone: ZoneInfo

    def next(self, after: datetime, last: datetime) -> datetime:
        """The first nominal time after a moment."""
        for found in CronSim(self.fields, after.astimezone(self.zone)):
            moment = found.astimezone(UTC)
            if (
                moment > after
            ):  # in an hour that is repeated, the library names its first pass also during the second
                return moment
        raise InvalidSchedule("The cron expression of the schedule names no time of the next 50 years.")

    def step(self, after: datetime) -> timedelta:
        """How long it is from the next time to the one that follows."""
        first = self.next(after, after)
        return self.next(first, first) - first

    @property
    def spread(self) -> timedelta:
        """As of ``Every``."""
        return CRON_SPREAD


Schedule = Every | Cron


@dataclass(frozen=True, slots=True)
class Plan:
    """The next refresh: its nominal time, and when it is due."""

    at: datetime
    due: datetime


def parse(text: str | None) -> Schedule | None:
    """What a client says; None if there shall be no schedule. Raises InvalidSchedule with a sentence that says why."""
    if text is None or text == "none":
        return None
    if text in INTERVALS:
        return Every(INTERVALS[text])
    words = text.split()
    if len(words) not in {5, 6}:
        raise InvalidSchedule
    return _cron(" ".join(words[:5]), words[5] if len(words) == 6 else "UTC")


def recall(text: str | None) -> Schedule | None:
    """The same for what was accepted once. What is no longer understood, as a zone that was abolished, is followed daily rather
    than never.
    """
    try:
        return parse(text)
    except InvalidSchedule:
        return Every(INTERVALS["daily"])


def plan(
    schedule: Schedule, source_id: UUID, now: datetime, *, last: datetime | None = None, failures: int = 0
) -> Plan:
    """The next refresh after ``now``, and after ``last``, the nominal time that had come last (None: it begins now).

    The first failure keeps the rhythm, since a version is tried several times before it fails; each further one doubles the wait.
    """
    last = last or now
    begin = max(now, last)
    step = schedule.step(begin)
    at = schedule.next(begin + (rounds(step, failures) - 1) * step, last)
    return Plan(at, at + _share(source_id) * schedule.spread)


def rounds(step: timedelta, failures: int) -> int:
    """In one of how many rounds of its schedule a source with so many failures in a row takes part."""
    doubled: int = 2 ** min(max(failures - 1, 0), DOUBLINGS)
    return min(doubled, max(WEEK // step, 1))


def _share(source_id: UUID) -> float:
    """From 0 to 1, the same for the same source (the low bits of its id are random)."""
    return (source_id.int & 0xFFFFFFFF) / 0xFFFFFFFF


def _cron(fields: str, zone: str) -> Cron:
    if zone not in _zones():
        raise InvalidSchedule(
            "The time zone of the schedule is not in the IANA database; write it like Europe/Berlin."
        )
    try:
        simulation = CronSim(fields, _LONG_AGO)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise InvalidSchedule(
            f"The {field} field of the schedule's cron expression is not valid; the five fields are minute, hour, "
            "day-of-month, month and day-of-week."
        ) from error
    found = Cron(fields, ZoneInfo(zone))
    found.next(_LONG_AGO, _LONG_AGO)
    if _closest([hour * 60 + minute for hour in simulation.hours for minute in simulation.minutes]) < CLOSEST:
        raise InvalidSchedule("A schedule may ask for a refresh every 5 minutes, not more often.")
    return found


def _closest(minutes: Sequence[int]) -> timedelta:
    """The shortest time between two of these minutes of a day, the next day's first among them."""
    times = sorted(minutes)
    following = [*times[1:], times[0] + _DAY]
    return timedelta(minutes=min(later - earlier for earlier, later in zip(times, following, strict=True)))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # of this machine, and none
