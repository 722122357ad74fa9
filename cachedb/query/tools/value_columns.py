"""Columns of the catalog that hold the values of a field, for completion and suggestions."""

from __future__ import annotations

from typing import Final

NAMES: Final = ("ref", "name")
DIGESTS: Final = ("blob", "digest")
_CONTENT: Final = {
    "arch": ("platform", "architecture"),
    "artifact": ("blob", "artifact_type"),
    "digest": DIGESTS,
    "entrypoint": ("config", "entrypoint"),
    "license": ("package", "license"),
    "os": ("platform", "os"),
    "type": ("blob", "media_type"),
    "variant": ("platform", "variant"),
    **{name: (name, "key") for name in ("label", "env", "annotation")},
    "pkg": ("package", "name"),
}
COLUMNS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ref": {
        **_CONTENT,
        **{name: ("ref", name) for name in ("name", "registry", "repo", "tag", "origin")},
    },
    "blob": _CONTENT,
    "link": {
        "arch": ("platform", "architecture"),
        "artifact": ("link", "artifact_type"),
        "os": ("platform", "os"),
        "type": ("link", "media_type"),
        "variant": _CONTENT["variant"],
        "annotation": ("link_annotation", "key"),
    },
    "file": {},
    "package": {
        name: ("package", name) for name in ("name", "version", "purl", "license", "type")
    },
}
"""Table and column by sort and field; of a field with keys, the column of its keys."""
