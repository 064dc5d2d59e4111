"""Where sentences end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minirag_ingest.domain.sentences import sentences


def cut(text: str) -> list[str]:
    return [sentence for _, sentence in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He said “Go.” Then he went.", ["He said “Go.”", "Then he went."]),
        ("Dr. Smith met J. R. Jones at 5 p.m. today.", ["Dr. Smith met J. R. Jones at 5 p.m. today."]),
        (
            "See e.g. Fig. 3 for v1.2.3 details. Next one.",
            ["See e.g. Fig. 3 for v1.2.3 details.", "Next one."],
        ),
        ("It costs 3.50 dollars. Cheap!", ["It costs 3.50 dollars.", "Cheap!"]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("这是第一句。这是第二句！", ["这是第一句。", "这是第二句！"]),
        ("A line\nthat wraps. Another.", ["A line\nthat wraps.", "Another."]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@given(st.text(alphabet="aB.!? \n\"')e。", max_size=80))
def test_nothing_is_lost_or_added(text: str) -> None:
    assert (
        "".join(gap + sentence for gap, sentence in sentences(text)) == text.rstrip()
        or text.strip() == ""
        or ("".join(gap + sentence for gap, sentence in sentences(text)) == text)
    )
