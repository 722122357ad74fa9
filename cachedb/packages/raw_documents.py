"""SBOMs as they stand, with the bytes that their makers have written."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import BinaryIO

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_BYTES
from cachedb.packages import in_toto, json_stream
from cachedb.packages.json_stream import Take
from cachedb.packages.sbom_documents import is_envelope, is_sbom_predicate, promises_sbom


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSbom:
    """An SBOM: the JSON text of an SPDX or a CycloneDX document.

    `predicate_type` is that of the statement it was in, '' if it was in none.
    """

    content: bytes = field(repr=False)
    predicate_type: str = ""


def raw_sbom(stream: BinaryIO, media_type: str, predicate_type: str = "") -> RawSbom | None:
    """Return the SBOM that a document is or states, whole; None if it states something else.

    The stream is read twice and has to be seekable. What is returned is JSON; whether it is
    what its types say is not looked at.

    Raises:
        InvalidManifest: The document is broken, or not the SBOM that its types say it is.
        LimitExceeded: It is too large.
    """
    if is_envelope(media_type):
        statement = in_toto.open_envelope(stream)
        if statement is None:
            return None
        stream = io.BytesIO(statement)
    stated = _values(stream, {"_type": Take.VALUE, "predicateType": Take.VALUE})
    stream.seek(0)
    if "_type" not in stated and "predicateType" not in stated:
        # Not in_toto.check_type: an SBOM need not be in a statement.
        return _bare(stream, media_type, predicate_type)
    in_toto.check_type(stated.get("_type"))
    actual = stated.get("predicateType")
    if not (isinstance(actual, str) and is_sbom_predicate(actual)):
        if promises_sbom(media_type, predicate_type):
            raise InvalidManifest(f"{actual!r} is not an SBOM", "predicateType")
        return None
    found = _values(stream, {"predicate": Take.RAW}).get("predicate")
    if not isinstance(found, str) or not found.startswith("{"):
        raise InvalidManifest("expected object", "predicate")
    return RawSbom(content=found.encode(), predicate_type=actual)


def _bare(stream: BinaryIO, media_type: str, predicate_type: str) -> RawSbom | None:
    if not promises_sbom(media_type, predicate_type):
        return None
    content = stream.read(SBOM_BYTES.value + 1)
    SBOM_BYTES.check(len(content), "the document")
    return RawSbom(content=content)


def _values(stream: BinaryIO, wanted: json_stream.Wanted) -> dict[str, object]:
    return {found.keys[-1]: found.value for found in json_stream.read(stream, wanted)}
