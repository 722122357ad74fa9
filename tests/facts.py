"""Facts to hold cachedb against: inputs, and what a specification or another tool says of them.

``data/TOPIC.json`` holds one topic: its sources, and tables by category. A row is a line: the
number under which its source has it, the inputs, the verdicts. A column ``expect.x`` is the
verdict ``x``. Rows of a category that cachedb does not apply have their number alone; the test
of the topic lists them with the reason.

Files that other projects wrote, and recordings of linuxkit, are not facts: ``recorded`` has them.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).resolve().parent / "data"


def topics() -> list[str]:
    """Return the names of all topics, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


@cache
def _topic(topic: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / f"{topic}.json").read_text())
    return found


def sources(topic: str) -> list[str]:
    """Return where the facts of a topic come from: repository, path, commit, licence."""
    found: list[str] = _topic(topic)["sources"]
    return found


def rows(topic: str) -> list[dict[str, Any]]:
    """Return every row of a topic; ``id`` is ``TOPIC/CATEGORY/NUMBER``."""
    return [row for table in _topic(topic)["tables"] for row in _rows(topic, table)]


def _rows(topic: str, table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cells in deepcopy(table["rows"]):  # a test may change the row that it is given
        row: dict[str, Any] = {"category": table["category"], "expect": {}}
        for column, cell in zip(table["columns"], cells, strict=True):
            outer, dot, inner = column.partition(".")
            if dot:
                row[outer][inner] = cell
            else:
                row[column] = cell
        row["id"] = f"{topic}/{table['category']}/{row['id']}"
        yield row


def names(topic: str, category: str) -> set[str]:
    """Return the last parts of the ids of a category, of a table that is but a list of names."""
    return {row["id"].split("/", 2)[2] for row in rows(topic) if row["category"] == category}


def cases(topic: str, *categories: str) -> list[Any]:
    """Return the rows of some categories, or of all, as pytest parameters."""
    return [
        pytest.param(row, id=row["id"])
        for row in rows(topic)
        if not categories or row["category"] in categories
    ]


def document(topic: str, name: str) -> Any:
    """Return a document that several rows of a topic are about."""
    return _topic(topic)["documents"][name]
