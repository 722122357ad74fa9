"""Handles of the statements that select values for shell completion, one for each column."""

from __future__ import annotations

from typing import Final

from cachedb.catalog.statement import Scalars
from cachedb.records import NamedTuple


class Values(NamedTuple):
    """A column whose values can be completed; with `key`, those of one key in that column."""

    table: str
    """Name of the table."""
    column: str
    """Name of the column in it."""
    key: str | None = None


_COLUMNS: Final = (
    *(Values("ref", name) for name in ("name", "registry", "repo", "tag", "origin")),
    Values("ref", "repo", "registry"),
    *(Values("blob", name) for name in ("digest", "media_type", "artifact_type")),
    *(Values("link", name) for name in ("media_type", "artifact_type")),
    *(Values("platform", name) for name in ("os", "architecture", "variant")),
    Values("platform", "architecture", "os"),
    Values("config", "entrypoint"),
    *(Values("package", name) for name in ("name", "version", "purl", "license", "type")),
    Values("package", "version", "name"),
    *(
        values
        for table in ("label", "env", "annotation", "link_annotation", "ref_annotation")
        for values in (Values(table, "key"), Values(table, "value", "key"))
    ),
)


def _name(values: Values) -> str:
    of_key = "" if values.key is None else f"_of_{values.key}"
    return f"completion.{values.table}_{values.column}{of_key}"


VALUES: Final = {values: Scalars(_name(values), str) for values in _COLUMNS}
"""Distinct values from `low` up to `high`, in order, at most `most`; of `key` if it has one."""
