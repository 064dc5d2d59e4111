"""What a version changes is counted in passages, in reading order."""

import pytest
from minirag_ingest.domain.difference import Difference, difference, passage


def of(text: str) -> list[bytes]:
    return [passage("", letter) for letter in text]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "abc", Difference(3, 0, 0)),
        ("abc", "abc", Difference(0, 0, 0)),
        ("abc", "", Difference(0, 0, 3)),
        ("abcd", "abXd", Difference(0, 1, 0)),
        ("abcd", "abXYd", Difference(1, 1, 0)),
        ("abcd", "ad", Difference(0, 0, 2)),
        ("abcd", "aXd", Difference(0, 1, 1)),
        ("aaaa" * 100, "aaaa" * 100 + "b", Difference(1, 0, 0)),
    ],
)
def test_passages_are_added_changed_and_removed(before: str, after: str, expected: Difference) -> None:
    assert difference(of(before), of(after)) == expected


def test_a_passage_is_its_header_and_its_text() -> None:
    assert passage("a", "b") == passage("a", "b") != passage("ab", "")
