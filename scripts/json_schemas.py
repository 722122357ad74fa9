"""JSON Schemas of what commands print with ``--format json``; a test validates their output.

A type is a word: ``text``, ``digest``, ``integer``, ``number``, ``boolean``, ``time``, ``object``;
``[text]`` is a list, and a question mark allows null. ``@node`` is one of `PARTS`.
"""

from __future__ import annotations

import json
from typing import Any

Fields = dict[str, Any]
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

_USAGE: Fields = {"size": "integer", "shared": "integer", "exclusive": "integer"}
_LEFTOVERS: Fields = {
    "exclusive": "integer", "shared": "integer", "garbage": "integer?", "trash": "integer?",
    "temporary": "integer?", "total": "integer",
}  # fmt: skip
_PULLED: tuple[Fields, Fields] = (
    {
        "name": "text?", "digest": "digest?", "state": "text", "replaced": "digest?",
        "transferred": "integer?", "error": "text?",
    },
    {"images": "integer", "failed": "integer", "transferred": "integer"},
)  # fmt: skip
_PUSHED: tuple[Fields, Fields] = (
    {
        "name": "text?", "target": "text", "digest": "digest?", "state": "text",
        "sent": "integer?", "uploaded": "integer?", "mounted": "integer?", "existed": "integer?",
        "referrers": "[digest]?", "arch_tags": "[text]?", "error": "text?",
    },
    {"images": "integer", "failed": "integer", "sent": "integer"},
)  # fmt: skip
_PRUNED: tuple[Fields, Fields] = (
    {
        "name": "text?", "digest": "digest?", "action": "text", "reason": "text", "used": "time",
        "freed": "integer",
    },
    {
        "names": "integer", "freed": "integer", "size_before": "integer", "size_after": "integer",
        "collected": "integer?", "quarantined": "integer?", "is_dry_run": "boolean",
    },
)  # fmt: skip
_VERIFIED: Fields = {"digest": "digest", "finding": "text", "images": "[text?]"}

PARTS: dict[str, Fields] = {
    "usage-of-a-cache": {"cache": "text", "blobs": "integer", **_USAGE},
    "totals-of-a-fleet": {
        "total": "integer", "shared": "integer", "exclusive": "integer", "unique": "integer",
    },
    "reported-cache": {
        "cache": "text", "names": "integer", "images": "integer", "blobs": "integer", **_USAGE,
        "missing": "integer", "corrupt": "integer", "added": "time?", "pulled": "time?",
        "published": "time?",
    },
    "common-blob": {
        "digest": "digest", "kind": "text", "size": "integer", "caches": "integer",
        "copies": "integer",
    },
    "node": {
        "digest": "digest", "kind": "text", "role": "text", "platform": "text?",
        "size": "integer?", "state": "text", "children": "[@node]",
    },
    "branch": {"names": "[text?]", "images": "integer", **_USAGE, "children": "[@branch]"},
    "image-usage": {"names": "[text?]", "digest": "digest?", **_USAGE},
    "group-usage": {"group": "text?", "images": "integer", **_USAGE},
    "platform": {
        "platform": "text?", "digest": "digest", "created": "time?", "author": "text?",
        "user": "text?", "working_dir": "text?", "entrypoint": "any", "cmd": "any",
        "env": "object", "labels": "object",
    },
    "manifest": {
        "platform": "text?", "digest": "digest", "size": "integer?", "layers": "integer?",
        "artifact_type": "text?",
    },
    "side": {"name": "text?", "digest": "digest", "platform": "text?"},
    "setting": {"key": "text", "before": "text?", "after": "text?"},
    "package": {
        "change": "text", "type": "text?", "name": "text", "before": "[text]", "after": "[text]",
    },
    "file": {
        "type": "text", "mode": "text", "uid": "integer", "gid": "integer", "size": "integer",
        "target": "text?", "sha256": "text?",
    },
    "changed-file": {
        "path": "text", "change": "text", "fields": "[text]", "before": "@file?",
        "after": "@file?",
    },
    "hidden-file": {"path": "text", "layer": "digest", "size": "integer", "state": "text"},
    "place": {"layer": "digest", "path": "text"},
    "duplicate": {
        "sha256": "text", "size": "integer", "copies": "integer", "wasted": "integer",
        "places": "[@place]",
    },
    "waste-of-an-image": {
        "name": "text?", "platform": "text?", "digest": "digest", "stored": "integer",
        "overwritten": "integer", "deleted": "integer", "efficiency": "number",
        "files": "[@hidden-file]",
    },
    "finding": {"subject": "text?", "message": "text"},
    "rule": {
        "name": "text", "severity": "text", "query": "text", "expect": "text",
        "count": "integer", "passed": "boolean", "findings": "[@finding]", "help": "text?",
    },
    "kept": {
        "reason": "text", "blobs": "integer", "size": "integer", "collectable_at": "time?",
    },
    "differences": {
        "config": "integer", "packages": "integer", "files": "integer", "bytes": "number",
    },
    "totals": _LEFTOVERS,
    "wasted": {"hidden": "integer", "duplicated": "integer"},
    "unread-image": {"name": "text?", "why": "text"},
    "unreadable-layer": {"digest": "digest", "why": "text"},
}  # fmt: skip
"""Objects inside of others."""
_OPTIONAL = {"totals": frozenset({"garbage", "trash", "temporary"})}
"""Fields of parts that some outputs leave out: only those of the whole cache have leftovers."""

ROWS: dict[str, Fields] = {
    "ls": {
        "name": "text?", "digest": "digest?", "platforms": "[text]", "size": "integer",
        "state": "text", "pinned": "boolean",
    },
    "find-root": {**_NAMED, "media_type": "text", "size": "integer"},
    "fleet": {
        "cache": "text", "source": "text", "schema": "integer", "names": "integer?",
        "images": "integer?", "blobs": "integer?", "size": "integer?", "host": "text?",
        "published": "time?",
    },
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
    "sbom": {
        "platform": "text?", "name": "text", "version": "text?", "type": "text?",
        "license": "text?", "purl": "text?",
    },
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
    "verify": (_VERIFIED, {"blobs": "integer", "bytes": "integer", "errors": "integer"}),
    "verify --repair": (
        {**_VERIFIED, "repaired_from": "text?", "why_not": "text?"},
        {"blobs": "integer", "bytes": "integer", "errors": "integer", "repaired": "integer"},
    ),
    "pull": _PULLED,
    "sync": _PULLED,
    "sync --dry-run": (
        {"name": "text", "state": "text", "reason": "text?", "freed": "integer?"},
        {
            "images": "integer",
            "failed": "integer",
            "removed": "integer",
            "freed": "integer",
        },
    ),
    "push": _PUSHED,
    "copy": _PUSHED,
    "prune": _PRUNED,
    "policy apply": _PRUNED,
    "gc": (
        {
            "digest": "digest?",
            "path": "text?",
            "kind": "text",
            "size": "integer?",
            "action": "text",
            "reason": "text",
            "name": "text?",
        },
        {
            "names": "integer",
            "blobs": "integer",
            "size": "integer",
            "leftovers": "integer",
            "freed": "integer?",
            "quarantined": "integer?",
            "kept": "[@kept]",
            "is_dry_run": "boolean",
        },
    ),
}
"""Fields of an item, and of the summary, of commands that change something."""

DOCUMENTS: dict[str, Fields] = {
    "show": {
        "name": "text?", "digest": "digest", "media_type": "text", "size": "integer",
        "names": "[text]", "platforms": "[@platform]",
    },
    "inspect": {
        "name": "text?", "digest": "digest", "media_type": "text", "document_size": "integer",
        "size": "integer?", "source": "text", "manifests": "[@manifest]",
    },
    "tree": PARTS["node"],
    "diff": {
        "before": "@side", "after": "@side", "config": "[@setting]", "packages": "[@package]",
        "files": "[@changed-file]", "totals": "@differences",
    },
    "du": {"images": "[@image-usage]", "totals": "@totals"},
    "du --fleet": {"caches": "[@usage-of-a-cache]", "totals": "@totals-of-a-fleet"},
    "report --fleet": {
        "version": "integer", "generated": "time", "totals": "@totals-of-a-fleet",
        "caches": "[@reported-cache]", "common_blobs": "[@common-blob]",
    },
    "du --group-by": {"groups": "[@group-usage]", "totals": "@totals"},
    "du --tree": {"tree": "[@branch]", "totals": "@totals"},
    "waste": {
        "images": "[@waste-of-an-image]", "duplicates": "[@duplicate]", "totals": "@wasted",
    },
    "check": {"version": "integer", "file": "text", "rules": "[@rule]"},
    "index files": {
        "images": "integer", "read": "integer", "known": "integer", "entries": "integer",
        "size": "integer", "unread": "[@unread-image]", "unreadable": "[@unreadable-layer]",
    },
}  # fmt: skip
"""Fields of commands that print one object."""
NAMES = (*ROWS, *ACTIONS, *DOCUMENTS, "query")
"""The commands, some with an option, that have a schema here."""
ELSEWHERE = frozenset({"report"})
"""The commands whose schema is a file of its own."""

_ABOUT = """\
<!-- Generated from `scripts/json_schemas.py` by `make golden`; a test validates the output. -->

What `--format json` prints, as [JSON Schema](https://json-schema.org/). `jsonl` prints the objects
of `items`, or of the array, one per line. Fields may be added in a later version; none is removed
or changed without an entry in the [changelog](../../CHANGELOG.md). The columns of `query` are
those of the query. `report` has [a file of its own](report.schema.json); [Output](output.md)
describes errors.
"""


def page() -> str:
    """Return the page of the schemas."""
    parts = ["# JSON Schemas", _ABOUT]
    for name in sorted(NAMES):
        text = json.dumps(schema(name), indent=2)
        parts.append(f"## cachedb {name}\n\n```json\n{text}\n```\n")
    return "\n".join(parts)


def schema(name: str) -> dict[str, Any]:
    """Return the schema of the output of a command."""
    if name == "query":
        found: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
    elif name in ROWS:
        found = {"type": "array", "items": _object(ROWS[name])}
    elif name in DOCUMENTS:
        found = _object(DOCUMENTS[name])
    else:
        items, summary = ACTIONS[name]
        listed = {"type": "array", "items": _object(items)}
        found = _closed({"items": listed, "summary": _object(summary)})
    parts = _parts_of(found)
    return {"$schema": _DRAFT, **found, **({"$defs": parts} if parts else {})}


def _parts_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the parts that a schema refers to, directly or in one another."""
    found: dict[str, Any] = {}
    pending = [schema]
    while pending:
        text = json.dumps(pending.pop())
        for part, fields in PARTS.items():
            if part not in found and json.dumps(_reference(part)) in text:
                found[part] = _object(fields, _OPTIONAL.get(part, frozenset()))
                pending.append(found[part])
    return found


def _object(fields: Fields, optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    return _closed({name: _type(word) for name, word in fields.items()}, optional)


def _closed(properties: dict[str, Any], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _reference(part: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{part}"}


def _type(word: str) -> dict[str, Any]:
    name = word.removesuffix("?")
    if name.startswith("["):
        found: dict[str, Any] = {"type": "array", "items": _type(name[1:-1])}
    elif name.startswith("@"):
        found = _reference(name[1:])
        return {"anyOf": [found, {"type": "null"}]} if word.endswith("?") else found
    else:
        found = _TYPES[name]
    if word.endswith("?"):
        return {**found, "type": [found["type"], "null"]}
    return found
