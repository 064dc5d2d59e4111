"""The days of the statistics."""

from datetime import UTC, date

from minirag_contracts.envelope import Envelope


def day_of(event: Envelope) -> date:
    """The UTC day on which an event was recorded (spec §15: days are UTC)."""
    return event.recorded_at.astimezone(UTC).date()
