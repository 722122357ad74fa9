"""Content of a layout, read from its files without cachedb and SQL."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import build

INDEXES = {build.OCI_INDEX, build.DOCKER_LIST}
MANIFESTS = {build.OCI_MANIFEST, build.DOCKER_MANIFEST}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(slots=True)
class Found:
    """The names, the files, and what follows from them."""

    names: list[tuple[str | None, str]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    sound: set[str] = field(default_factory=set)
    """The files whose bytes are what their name says."""
    edges: set[tuple[str, str]] = field(default_factory=set)
    reachable: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    """What a name or a manifest needs and has no file."""


def walk(path: Path) -> Found:
    """Read a whole layout."""
    found = Found()
    for file in (path / "blobs" / "sha256").iterdir():
        digest = f"sha256:{file.name}"
        if _DIGEST.fullmatch(digest) and file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            found.files[digest] = len(content)
            if hashlib.sha256(content).hexdigest() == file.name:
                found.sound.add(digest)
    entries = [entry for entry in _entries(path) if _is_readable(entry)]
    for entry in entries:
        notes = entry.get("annotations") or {}
        found.names.append((notes.get(build.REF_NAME), entry["digest"]))
    documents = _documents(path, found, entries)
    for parent, value in documents.items():
        found.edges |= {(parent, child["digest"]) for child in _owned(value)}
        if value.get("subject"):
            found.edges.add((value["subject"]["digest"], parent))
    found.reachable = _closure({digest for _, digest in found.names}, found.edges)
    found.missing = _missing(found, documents)
    return found


def _entries(path: Path) -> list[Any]:
    return json.loads((path / "index.json").read_bytes()).get("manifests") or []


def _is_readable(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and _DIGEST.fullmatch(str(entry.get("digest"))) is not None
        and isinstance(entry.get("size"), int)
        and isinstance(entry.get("mediaType"), str)
    )


def _documents(path: Path, found: Found, entries: list[Any]) -> dict[str, dict[str, Any]]:
    """Read each blob that a parent or it itself declares a document."""
    claims = {digest: kind for digest in found.sound if (kind := _says_of_itself(path, digest))}
    orphans: set[str] = set()
    while True:
        roots = [{"digest": digest, "mediaType": claims[digest]} for digest in orphans]
        documents, called = _read_from(path, found, entries, roots)
        if orphans == claims.keys() - called:
            return documents
        orphans = claims.keys() - called


def _read_from(
    path: Path, found: Found, entries: list[Any], orphans: list[Any]
) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Return the documents that names or orphans lead to, and all that is pointed at."""
    documents: dict[str, dict[str, Any]] = {}
    called = {entry["digest"] for entry in entries}
    pending = [*entries, *orphans]
    while pending:
        entry = pending.pop()
        is_document = entry["mediaType"] in INDEXES | MANIFESTS
        if is_document and entry["digest"] in found.sound - documents.keys():
            value = documents[entry["digest"]] = _load(path, entry["digest"])
            children = [*_owned(value), *_subject(value)]
            called |= {child["digest"] for child in children}
            pending += children
    return documents, called


def _load(path: Path, digest: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((path / "blobs" / digest.replace(":", "/", 1)).read_bytes())
    return value


def _says_of_itself(path: Path, digest: str) -> str | None:
    try:
        value = _load(path, digest)
    except ValueError:
        return None
    kind = value.get("mediaType") if isinstance(value, dict) else None
    return kind if kind in INDEXES | MANIFESTS else None


def _owned(value: dict[str, Any]) -> Iterator[Any]:
    yield from value.get("manifests") or []
    yield from [value["config"]] if "config" in value else []
    yield from value.get("layers") or []


def _subject(value: dict[str, Any]) -> Iterator[Any]:
    if value.get("subject"):
        yield value["subject"]


def _closure(seeds: set[str], edges: set[tuple[str, str]]) -> set[str]:
    below: dict[str, set[str]] = defaultdict(set)
    for parent, child in edges:
        below[parent].add(child)
    seen, pending = set(seeds), list(seeds)
    while pending:
        fresh = below[pending.pop()] - seen
        seen |= fresh
        pending += fresh
    return seen


def _missing(found: Found, documents: dict[str, dict[str, Any]]) -> set[str]:
    needed = {digest for _, digest in found.names}
    for value in documents.values():
        listed = [child["digest"] for child in value.get("manifests") or []]
        if not any(digest in found.files for digest in listed):
            needed |= set(listed)  # an index of which nothing was pulled is broken, not sparse
        for child in _owned({**value, "manifests": []}):
            if "data" not in child and "nondistributable" not in child["mediaType"]:
                needed.add(child["digest"])
    return needed - found.files.keys()
