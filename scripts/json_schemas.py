"""JSON Schemas of what commands print with ``--format json``; a test validates their output.

A type is a word: ``text``, ``digest``, ``integer``, ``number``, ``boolean``, ``time``, ``object``;
``[text]`` is a list, and a question mark allows null.
"""

from __future__ import annotations

import json
from typing import Any

Fields = dict[str, str]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "digest": {"type": "string", "pattern": "^[a-z0-9+._-]+:[A-Za-z0-9=_-]+$"},
    "time": {"type": "string", "format": "date-time"},
    "integer": {"type": "integer", "minimum": 0},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "any": {},
}
_NAMED: Fields = {"name": "text?", "digest": "digest"}
_REMOVED: Fields = {**_NAMED, "digest": "digest?", "action": "text", "reason": "text?"}

ROWS: dict[str, Fields] = {
    "ls": {
        "name": "text?", "digest": "digest?", "platforms": "[text]", "size": "integer",
        "state": "text", "pinned": "boolean",
    },
    "find-root": {**_NAMED, "media_type": "text", "size": "integer"},
    "history": {
        "layer": "digest?", "size": "integer?", "created": "time?", "created_by": "text?",
        "comment": "text?",
    },
    "files": {
        "mode": "text", "uid": "integer", "gid": "integer", "size": "integer", "modified": "time?",
        "path": "text", "target": "text?", "type": "text", "layer": "digest?",
    },
    "why": {"name": "text?", "route": "[digest]"},
    "validate": {
        "name": "text?", "platform": "text?", "config": "text?", "digest": "digest?",
        "state": "text", "detail": "text?",
    },
    "doctor": {
        "level": "text", "finding": "text", "path": "text", "detail": "text",
        "images": "[text?]", "hint": "text?",
    },
    "tags": {"tag": "text"},
    "log": {
        "time": "time", "operation": "text", "user": "text?", "size": "integer?",
        "names": "[text]",
    },
    "config": {"key": "text", "value": "any", "origin": "text"},
    "cache": {"dir": "text"},
    "sample": {"path": "text"},
}  # fmt: skip
"""Columns of commands that print an array of objects."""

ACTIONS: dict[str, tuple[Fields, Fields]] = {
    "import": (
        {**_NAMED, "state": "text", "replaced": "digest?", "missing": "[digest]"},
        {"images": "integer", "new": "integer"},
    ),
    "export": (
        {**_NAMED, "left_out": "[text]"},
        {"images": "integer", "outfile": "text", "format": "text"},
    ),
    "rm": (_REMOVED, {"removed": "integer", "freeable": "integer", "is_dry_run": "boolean"}),
    "clean": (_REMOVED, {"removed": "integer", "freed": "integer?", "is_dry_run": "boolean"}),
    "pin": ({**_NAMED, "action": "text"}, {"pinned": "integer"}),
    "unpin": ({**_NAMED, "action": "text"}, {"unpinned": "integer"}),
    "tag": ({**_NAMED, "state": "text", "replaced": "digest?"}, {"names": "integer"}),
    "untag": ({**_NAMED, "action": "text"}, {"untagged": "integer"}),
    "verify": (
        {"digest": "digest", "finding": "text", "images": "[text?]"},
        {"blobs": "integer", "bytes": "integer", "errors": "integer"},
    ),
}
"""Fields of an item, and of the summary, of commands that change something."""

_ABOUT = """\
<!-- Generated from `scripts/json_schemas.py` by `make golden`; a test validates the output. -->

What `--format json` prints, as [JSON Schema](https://json-schema.org/). `jsonl` prints the objects
of `items`, or of the array, one per line. Fields may be added in a later version; none is removed
or changed without an entry in the [changelog](../../CHANGELOG.md). The columns of `query` are
those of the query; [Output](output.md) describes `show`, `tree`, `diff`, `du`, `waste` and errors.
"""


def page() -> str:
    """Return the page of the schemas."""
    parts = ["# JSON Schemas", _ABOUT]
    for name in sorted({*ROWS, *ACTIONS}):
        text = json.dumps(schema(name), indent=2)
        parts.append(f"## cachedb {name}\n\n```json\n{text}\n```\n")
    return "\n".join(parts)


def schema(name: str) -> dict[str, Any]:
    """Return the schema of the output of a command."""
    if name in ROWS:
        return {"$schema": _DRAFT, "type": "array", "items": _object(ROWS[name])}
    items, summary = ACTIONS[name]
    properties = {"items": {"type": "array", "items": _object(items)}, "summary": _object(summary)}
    return {"$schema": _DRAFT, **_closed(properties)}


def _object(fields: Fields) -> dict[str, Any]:
    return _closed({name: _type(word) for name, word in fields.items()})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _type(word: str) -> dict[str, Any]:
    if word.startswith("["):
        return {"type": "array", "items": _type(word[1:-1])}
    found = _TYPES[word.removesuffix("?")]
    if word.endswith("?"):
        return {**found, "type": [found["type"], "null"]}
    return found
