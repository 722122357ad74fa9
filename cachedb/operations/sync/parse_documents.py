"""Documents of blobs: index, manifest and config, parsed or salvaged, with their problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.catalog.enums import Kind, Reading, State
from cachedb.errors import InvalidManifest
from cachedb.oci import config, manifest
from cachedb.oci.media_type import MediaType
from cachedb.oci.salvage import leads_on, salvage
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from cachedb.catalog.index.blob_rows import BlobRow
    from cachedb.oci.config import ImageConfig
    from cachedb.oci.graph import AnyDocument


def parse_document(row: BlobRow, content: bytes) -> AnyDocument | None:
    """Parse an index or a manifest; an invalid one still references what can be read of it.

    It counts as corrupt only when one of its descriptors cannot be read.
    """
    try:
        found = manifest.parse(content, MediaType(row.media_type))
    except InvalidManifest as error:
        row.problem = str(error)
    else:
        row.problem = _nul_problem(content)
        if found.states_type and row.problem is None:
            row.parsed = Reading.AS_STATED
        return found
    try:
        salvaged = salvage(content)
    except InvalidManifest:
        row.state = State.CORRUPT
        return None
    if not salvaged.is_whole:
        row.state = State.CORRUPT
    return salvaged


def parse_config(row: BlobRow, content: bytes) -> ImageConfig | None:
    """Read a configuration, or what can be read of one that breaks a rule."""
    try:
        found = config.parse(content)
    except InvalidManifest as error:
        row.problem = str(error)
        return config.salvage(content)
    row.problem = _nul_problem(content)
    return found


def _nul_problem(content: bytes) -> str | None:
    """Return the finding on a document whose texts hold U+0000, None for other documents."""
    if b"\\u0000" not in content or not _NUL.search(content):
        return None
    return "a text holds U+0000, which queries see as U+FFFD"


# An escape, not a backslash that is escaped itself: the number of backslashes is odd.
_NUL = lazy(rb"(?<!\\)(?:\\\\)*\\u0000")


def parse_orphan(row: BlobRow, content: bytes) -> AnyDocument | None:
    """Parse a blob that no descriptor points at, if it is an index or a manifest."""
    guessed = manifest.guess(content)
    if guessed is None or not (guessed.is_index or guessed.is_manifest):
        return None
    try:
        document = manifest.parse(content, guessed)
    except InvalidManifest:
        return None
    row.kind = Kind.INDEX if guessed.is_index else Kind.MANIFEST
    row.media_type = str(guessed)
    if document.states_type and _nul_problem(content) is None:
        row.parsed = Reading.AS_STATED
    return document


def look_for_children(row: BlobRow, content: bytes) -> None:
    """Record a problem if a document of an unknown media type references content."""
    if leads_on(content):
        row.problem = f"a document of the unknown type {row.media_type!r} points at other content"
