"""A cursor is ours, is the tenant's, and survives a rotation of keys."""

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from minirag_gateway.domain.event_cursor import LONGEST, EventCursors
from minirag_gateway.errors import InvalidLastEventId

TENANT = uuid4()
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PLACES = {"chat": 12, "ingest": 0, "gateway": datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)}
CURSORS = EventCursors([OLD])


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = CURSORS.write(TENANT, PLACES)
    assert CURSORS.read(TENANT, cursor) == PLACES
    assert "\n" not in cursor and len(cursor) < LONGEST


def test_a_cursor_outlives_its_key_until_that_is_gone() -> None:
    cursor = CURSORS.write(TENANT, PLACES)
    assert EventCursors([NEW, OLD]).read(TENANT, cursor) == PLACES
    with pytest.raises(InvalidLastEventId):
        EventCursors([NEW]).read(TENANT, cursor)
    assert EventCursors([NEW, OLD]).write(TENANT, PLACES) != cursor


def test_another_tenants_cursor_is_refused() -> None:
    with pytest.raises(InvalidLastEventId):
        CURSORS.read(uuid4(), CURSORS.write(TENANT, PLACES))


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_cursor_with_any_bit_changed_is_refused(place: int, bit: int) -> None:
    cursor = CURSORS.write(TENANT, PLACES)
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(InvalidLastEventId):
        CURSORS.read(TENANT, base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text(max_size=2 * LONGEST))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidLastEventId):
        CURSORS.read(TENANT, text)
