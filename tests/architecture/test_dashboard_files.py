"""What the dashboard's files show without a browser: every text in both languages, nothing from elsewhere, no big rooms."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
APP = DASHBOARD / "app"
LANGUAGES = ("en", "de")
LARGEST = 500

CODE = sorted([*APP.glob("js/**/*.js"), *(DASHBOARD / "widget/src").glob("**/*.js")])
MARKUP = sorted([APP / "index.html", *APP.glob("pages/**/*.html"), *APP.glob("parts/**/*.html")])
STYLES = [APP / "css/app.css", *sorted((DASHBOARD / "widget").glob("css/*.css"))]
FILES = [*CODE, *MARKUP, *STYLES]

KEY = re.compile(r"(?:\$t|\bt)\(\s*(['\"])([a-z-]+\.[\w.-]+)\1\s*(\+?)")
"""A key in full, or the beginning of one that is put together."""


def texts(language: str) -> dict[str, str]:
    """Key → text of all files of a language."""
    found: dict[str, str] = {}
    for path in sorted((APP / "locales" / language).glob("*.json")):
        found.update(flat(json.loads(path.read_text(encoding="utf-8")), path.stem))
    return found


def flat(tree: dict[str, object], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in tree.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict):
            found.update(flat(value, key))
        else:
            assert isinstance(value, str), key
            found[key] = value
    return found


def used() -> Iterator[tuple[str, str, bool]]:
    """File, key, and whether it is only the beginning of one."""
    for path in [*MARKUP, *APP.glob("js/**/*.js")]:
        for match in KEY.finditer(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(APP)), match[2], bool(match[3]) or match[2].endswith(".")


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_each_language_says_the_same_things(language: str) -> None:
    english, other = texts("en"), texts(language)

    assert set(english) == set(other)
    assert [key for key in english if holes(english[key]) != holes(other[key])] == []


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_what_is_said_by_key_is_in_the_texts() -> None:
    known = texts("en")
    missing = [
        (path, key)
        for path, key, is_start in used()
        if not any(name == key or name.startswith(key if is_start else f"{key}.") for name in known)
    ]

    assert missing == []
    assert len({key for _, key, _ in used()}) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DASHBOARD)))
def test_a_file_is_no_big_room_and_asks_nobody_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LARGEST
    assert re.findall(r"(?:src|href|import|url\()\s*[=(]?\s*['\"]?(?:https?:)?//[^\s'\")]+", text) == []


@pytest.mark.parametrize("path", MARKUP, ids=lambda path: str(path.relative_to(APP)))
def test_markup_keeps_to_the_content_security_policy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\s(?:style|on\w+)=\"", text) == []
    assert re.findall(r"\sx-html\b", text) == []


def test_only_the_router_makes_markup_of_text_and_only_of_our_own_files() -> None:
    makers = [
        str(path.relative_to(DASHBOARD))
        for path in CODE
        if re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
            path.read_text(encoding="utf-8"),
        )
    ]

    assert makers == ["app/js/router.js"]


def test_every_page_has_its_markup_code_and_texts() -> None:
    pages = {path.stem for path in APP.glob("pages/*.html")}

    assert pages == {path.stem for path in APP.glob("js/pages/*.js")}
    assert pages <= {path.stem for path in (APP / "locales" / "en").glob("*.json")}


def test_every_part_is_there_and_used() -> None:
    named = re.compile(r"<!-- part: (\S+) -->")
    used = {name for path in MARKUP for name in named.findall(path.read_text(encoding="utf-8"))}
    parts = APP / "parts"

    assert used == {str(path.relative_to(parts).with_suffix("")) for path in parts.glob("**/*.html")}
