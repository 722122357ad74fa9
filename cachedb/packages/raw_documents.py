"""SBOMs byte for byte, extracted from statements and envelopes."""

from __future__ import annotations

import io
import json
from typing import BinaryIO, NamedTuple

from cachedb.errors import InvalidManifest
from cachedb.limits import SBOM_BYTES
from cachedb.packages import in_toto, json_stream
from cachedb.packages.document_types import (
    check_readable,
    is_envelope,
    is_sbom_predicate,
    promises_sbom,
)
from cachedb.packages.json_stream import Take
from cachedb.packages.sbom_formats.notation import Notation, notation_of
from cachedb.packages.text_encoding import without_mark


class RawSbom(NamedTuple):
    """An SBOM as its author wrote it, as UTF-8 without a mark: JSON, XML or tag-value.

    `predicate_type` is that of the statement around it, '' if there is none.
    """

    content: bytes
    """Bytes of the document."""
    predicate_type: str = ""


def raw_sbom(stream: BinaryIO, media_type: str, predicate_type: str = "") -> RawSbom | None:
    """Return the SBOM that a document is or states, whole; None for any other statement.

    The stream is read three times and has to be seekable. JSON is checked for grammar, other
    notations are not.

    Raises:
        InvalidManifest: The document is malformed, or not the SBOM that its types promise.
        LimitExceeded: It is too large.
    """
    check_readable(media_type)
    if is_envelope(media_type):
        payload = in_toto.open_envelope(stream)
        if payload is None:
            return None
        stream = io.BytesIO(payload)
    elif notation_of(stream) is not Notation.JSON:
        return _bare(stream, media_type, predicate_type)
    stated = _values(stream, {"_type": Take.VALUE, "predicateType": Take.VALUE})
    if "_type" not in stated and "predicateType" not in stated:
        # Not in_toto.check_type: an SBOM need not be in a statement.
        return _bare(stream, media_type, predicate_type)
    in_toto.check_type(stated.get("_type"))
    actual = stated.get("predicateType")
    if not (isinstance(actual, str) and is_sbom_predicate(actual)):
        if promises_sbom(media_type, predicate_type):
            raise InvalidManifest(f"{actual!r} is not an SBOM", "predicateType")
        return None
    return RawSbom(content=_predicate(stream).encode(), predicate_type=actual)


def _predicate(stream: BinaryIO) -> str:
    found = _values(stream, {"predicate": Take.RAW}).get("predicate")
    if isinstance(found, str) and found.startswith('"'):
        return _text(found, "predicate")
    if not isinstance(found, str) or not found.startswith("{"):
        raise InvalidManifest("expected object", "predicate")
    return _unwrapped(found)


def _unwrapped(predicate: str) -> str:
    """Return the document in ``Data``, where cosign 1 put it, else the predicate itself."""
    marks = dict.fromkeys(("spdxVersion", "bomFormat", "@context", "artifacts"), Take.RAW)
    found = _values(io.BytesIO(predicate.encode()), {**marks, "Data": Take.RAW})
    data = found.get("Data")
    if len(found) != 1 or not isinstance(data, str):
        return predicate
    return _text(data, "predicate.Data") if data.startswith('"') else data


def _text(raw: str, path: str) -> str:
    """Return the text that a JSON string holds."""
    try:
        text: str = json.loads(raw)
        text.encode()
    except ValueError as error:
        raise InvalidManifest("not a text", path) from error
    return text.removeprefix("\ufeff")


def _bare(stream: BinaryIO, media_type: str, predicate_type: str) -> RawSbom | None:
    if not promises_sbom(media_type, predicate_type):
        return None
    content = stream.read(SBOM_BYTES.value + 1)
    SBOM_BYTES.check(len(content), "the document")
    return RawSbom(content=without_mark(content))


def _values(stream: BinaryIO, wanted: json_stream.Wanted) -> dict[str, object]:
    found = {found.keys[-1]: found.value for found in json_stream.read(stream, wanted)}
    stream.seek(0)
    return found
