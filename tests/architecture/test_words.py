"""Words that no text of the project uses: a sentence has a subject with a name.

A blob, the collector, the registry, another process: each can be looked up; a pronoun cannot.
"""

import re
from pathlib import Path

from tests.architecture.sources import ROOT, modules, name_of

PRONOUN = re.compile(r"\b(?:whoever|nobody|somebody|anybody)\b", re.IGNORECASE)

ALLOWED = (
    "`nobody`",  # the account of that name
    '"nobody"',
)
"""Texts in which one of the words is a name."""

NOT_YET = {
}
"""Rooms with such a word. A conversion removes the line of its room; no line is added."""


def room_of(path: Path) -> str:
    """Return the folder that one engineer converts at a time."""
    parts = path.relative_to(ROOT).parts
    depth = {"cachedb": 3 if parts[1:2] == ("operations",) else 2, "docs": 2}.get(parts[0], 1)
    return "/".join(parts[: min(depth, max(len(parts) - 1, 1))])


def texts() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return [*modules("cachedb", "cli", "migrations", "scripts", "benchmarks"), *sorted(pages)]


def without_names(text: str) -> str:
    for name in ALLOWED:
        text = text.replace(name, "")
    return text


def test_a_room_is_a_folder_that_is_converted_at_once() -> None:
    rooms = {room_of(path) for path in texts()}
    assert {"docs/explanation", "cachedb/query"} <= rooms
    assert "cachedb/query/sql" not in rooms


def test_sentences_have_subjects_with_names() -> None:
    found = [
        f"{name_of(path)}: {word}"
        for path in texts()
        for word in PRONOUN.findall(without_names(path.read_text()))
        if room_of(path) not in NOT_YET
    ]
    assert found == []


def test_a_room_without_such_a_word_is_off_the_list() -> None:
    unconverted = {
        room_of(path) for path in texts() if PRONOUN.search(without_names(path.read_text()))
    }
    assert NOT_YET - unconverted == set()
