"""JSON Schema of reports, written from the rows that a report is made of: ``make golden``."""

from __future__ import annotations

import inspect
import json
import types
from typing import Any, get_args, get_origin, get_type_hints

from cachedb.operations.report import model

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    """Return the schema as the text of its file."""
    models = {"totals": model.Totals, "collection": model.Freeable}
    properties: dict[str, Any] = {
        "version": {"const": model.VERSION},
        "generated": {"type": "string", "format": "date-time"},
        "cache": {"type": "string", "description": "Path of the cache."},
        **{key: _reference(each) for key, each in models.items()},
        "policy": {"anyOf": [_reference(model.PolicyEffect), {"type": "null"}]},
        **{key: {"type": "array", "items": _reference(each)} for key, each in model.LISTS.items()},
        "unsigned": {"type": "array", "items": {"type": "string"}},
    }
    document = {
        "$schema": _DRAFT,
        "title": "Report of cachedb",
        "description": "Output of `cachedb report --format json`. Sizes are bytes.",
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "$defs": {
            each.__name__: _object(each)
            for each in dict.fromkeys(
                [*models.values(), model.PolicyEffect, *model.LISTS.values()]
            )
        },
    }
    return json.dumps(document, indent=2) + "\n"


def _reference(row: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/$defs/{row.__name__}"}


def _object(row: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(row)
    return {
        "description": " ".join((inspect.getdoc(row) or "").split()),
        "type": "object",
        "required": list(row._fields),
        "properties": {name: _type(hints[name]) for name in row._fields},
    }


def _type(hint: Any) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):
        (inner,) = (each for each in get_args(hint) if each is not type(None))
        return {"type": [_type(inner)["type"], "null"]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type(get_args(hint)[0])}
    if hint is int:
        return {"type": "integer", "minimum": 0}
    return {"type": {str: "string", bool: "boolean"}[hint]}
