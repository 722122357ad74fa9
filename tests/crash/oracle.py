"""Oracle: properties of a layout that hold at every instant, checked without cachedb."""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests import build

_DIGEST = re.compile(r"[0-9a-f]{64}")
_OURS = {".cachedb", ".lock", "blobs", "index.json", "oci-layout"}

Names = dict[str | None, str]


@dataclass(frozen=True)
class Expected:
    """What a command starts from and has to come to.

    `unsound` are blobs that were corrupt or missing before, with the bytes that they had; names
    that were there before may lack them, new ones may not. `strays` are of other tools.
    """

    before: Names
    after: Names
    unsound: dict[str, bytes | None]
    strays: frozenset[str] = frozenset()


def names_of(root: Path) -> Names:
    """Read the names; raises ValueError when index.json is not whole."""
    entries = json.loads((root / "index.json").read_bytes())["manifests"] or []
    return {entry.get("annotations", {}).get(build.REF_NAME): entry["digest"] for entry in entries}


def violations(root: Path, expected: Expected, *, ended_well: bool) -> list[str]:
    """Return what is wrong with the files right after a crash, or after an error."""
    try:
        names = names_of(root)
    except (ValueError, KeyError, FileNotFoundError) as error:
        return [f"I1: index.json is incomplete: {error!r}"]
    found = []
    if names not in (expected.before, expected.after):
        found.append(f"I5: the names are neither those before nor those after: {names}")
    if ended_well and names != expected.after:
        found.append(f"I5: acknowledged, and the names are {names}")
    strangers = {path.name for path in root.iterdir()} - _OURS - expected.strays
    found += [f"I3: {name} in the root" for name in sorted(strangers)]
    found += _blob_faults(root, expected)
    for name, digest in names.items():
        tolerated = expected.unsound.keys() if expected.before.get(name) == digest else set()
        found += [f"I4: {name} {why}" for why in _closure_faults(root, digest, tolerated)]
    return found


def residues(root: Path, expected: Expected) -> list[str]:
    """Return what is wrong when the command has been done again, and then a collection."""
    found = violations(root, replace(expected, unsound={}), ended_well=True)
    needed = set().union(*(closure(root, digest) for digest in expected.after.values()))
    spare = {f"sha256:{path.name}" for path in (root / "blobs" / "sha256").iterdir()} - needed
    return found + [f"I8: {digest} is left after a gc" for digest in sorted(spare)]


def closure(root: Path, digest: str) -> set[str]:
    """Return what an image contains, as far as its documents are there."""
    found, pending = {digest}, [digest]
    while pending:
        document = _document(root, pending.pop())
        children = {child["digest"] for child in _children(document or {})} - found
        found |= children
        pending += children
    return found


def _blob_faults(root: Path, expected: Expected) -> list[str]:
    found = []
    for path in (root / "blobs").rglob("*"):
        where = str(path.relative_to(root))
        if path.is_dir():
            if where != "blobs/sha256":
                found.append(f"I3: {where} is a folder")
            continue
        if where in expected.strays:
            continue
        if not _DIGEST.fullmatch(path.name):
            found.append(f"I3: {where} is not named by a digest")
            continue
        content = path.read_bytes()
        digest = f"sha256:{path.name}"
        is_right = hashlib.sha256(content).hexdigest() == path.name
        if not is_right and expected.unsound.get(digest) != content:
            found.append(f"I2: {where} holds {len(content)} bytes that are not its own")
    return found


def _closure_faults(root: Path, digest: str, tolerated: Collection[str]) -> list[str]:
    found = []
    for each in sorted(closure(root, digest) - set(tolerated)):
        path = path_of(root, each)
        if not path.is_file():
            found.append(f"lacks {each}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            found.append(f"has a corrupt {each}")
    return found


def _document(root: Path, digest: str) -> dict[str, Any] | None:
    try:
        value = json.loads(path_of(root, digest).read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _children(document: dict[str, Any]) -> list[dict[str, Any]]:
    listed = [*(document.get("manifests") or []), *(document.get("layers") or [])]
    config = document.get("config")
    return [*listed, config] if isinstance(config, dict) and "digest" in config else listed


def path_of(root: Path, digest: str) -> Path:
    """Return where the file of a blob is."""
    return root / "blobs" / digest.replace(":", "/", 1)
