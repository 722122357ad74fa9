"""Words that no text of the project uses: a sentence has a subject with a name.

A blob, the collector, the registry, another process: each can be looked up; a pronoun cannot.
"""

import re
from pathlib import Path

from tests.architecture.sources import ROOT, modules, name_of

# Also inside of the names of tests.
PRONOUN = re.compile(r"(?<![a-z])(?:whoever|nobody|somebody|anybody)(?![a-z])", re.IGNORECASE)

ALLOWED = (
    "`nobody`",  # the account of that name
    '"nobody"',
)
"""Texts in which one of the words is a name."""


def texts() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    folders = ("cachedb", "cli", "migrations", "scripts", "benchmarks", "tests")
    sources = [path for path in modules(*folders) if path != Path(__file__)]
    return [*sources, *sorted(pages)]


def without_names(text: str) -> str:
    for name in ALLOWED:
        text = text.replace(name, "")
    return text


def test_texts_of_every_part_are_read() -> None:
    parts = {path.relative_to(ROOT).parts[0] for path in texts()}
    assert {"cachedb", "cli", "docs", "migrations", "tests", "README.md"} <= parts


def test_sentences_have_subjects_with_names() -> None:
    found = [
        f"{name_of(path)}: {word}"
        for path in texts()
        for word in PRONOUN.findall(without_names(path.read_text()))
    ]
    assert found == []
