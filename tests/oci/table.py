"""Table of test vectors: every row is either applied or excluded with a reason."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests import facts


class Table:
    """One topic; `not_ours` maps patterns of ids to the reason why we do not apply those rows."""

    def __init__(self, topic: str, not_ours: Mapping[str, str] | None = None) -> None:
        self.topic = topic
        self.not_ours = {f"{topic}/{pattern}": why for pattern, why in (not_ours or {}).items()}
        self._rows = facts.rows(topic)
        self._applied: set[str] = set()

    def rows(self, *categories: str) -> list[Any]:
        """Return the rows of some categories that apply, as pytest parameters."""
        found = [
            row
            for row in self._rows
            if row["category"] in categories and not self._is_listed(row["id"])
        ]
        self._applied |= {row["id"] for row in found}
        return self._parameters(found)

    def others(self) -> list[Any]:
        """Return the rows that are listed, for a test of what is done instead."""
        return self._parameters([row for row in self._rows if self._is_listed(row["id"])])

    def check(self) -> None:
        """Fail when a row is neither applied nor listed, or a listed pattern has no row."""
        ids = {row["id"] for row in self._rows}
        listed = {each for each in ids if self._is_listed(each)}
        assert self._applied | listed == ids
        assert not self._applied & listed
        for pattern, why in self.not_ours.items():
            assert why
            assert any(fnmatchcase(each, pattern) for each in ids), pattern

    def _parameters(self, rows: list[Any]) -> list[Any]:
        return [pytest.param(row, id=row["id"].removeprefix(f"{self.topic}/")) for row in rows]

    def _is_listed(self, row_id: str) -> bool:
        return any(fnmatchcase(row_id, pattern) for pattern in self.not_ours)
