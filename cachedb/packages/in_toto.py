"""in-toto statements: a predicate about subjects, bare or in a signed envelope.

Signatures are not checked here: the packages of an attestation are its claim.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, BinaryIO

from cachedb.errors import InvalidDigest, InvalidManifest
from cachedb.oci.digest import Digest
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.packages import json_stream
from cachedb.packages.document_types import is_sbom, is_statement
from cachedb.packages.json_stream import Take
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
_HEX = lazy(r"[a-fA-F0-9]*")
# The digests of fixed size in spec/v1/digest_set.md; git hashes with one of two algorithms.
_HEX_DIGITS: Mapping[str, tuple[int, ...]] = {
    "md5": (32,),
    "sha1": (40,),
    "sha224": (56,),
    "sha256": (64,),
    "sha384": (96,),
    "sha512": (128,),
    "sha512_224": (56,),
    "sha512_256": (64,),
    "sha3_224": (56,),
    "sha3_256": (64,),
    "sha3_384": (96,),
    "sha3_512": (128,),
    "gitBlob": (40, 64),
    "gitCommit": (40, 64),
    "gitTag": (40, 64),
    "gitTree": (40, 64),
}


class Subject(Record):
    """Subject of a statement: a resource descriptor of in-toto."""

    name: str
    """Name of the resource; '' without one."""
    uri: str
    """URI of the resource; '' without one."""
    digests: tuple[tuple[str, str], ...]
    """Pairs of an algorithm and a digest, as in-toto writes them."""

    @property
    def content(self) -> tuple[Digest, ...]:
        """Digests that can name a blob."""
        return tuple(filter(None, (_blob_digest(*pair) for pair in self.digests)))


class Statement(Record):
    """A statement without its envelope."""

    predicate_type: str
    """URI of the type of the predicate."""
    subjects: tuple[Subject, ...]
    """Resources that the statement is about, in its order."""
    predicate: Mapping[str, Any]
    """Object as decoded."""


def parse_statement(content: bytes) -> Statement:
    """Read a statement that fits in memory.

    Raises:
        InvalidManifest: It is not a statement of version 0.1 or 1, or a required part is missing.
    """
    fields = Fields(decode_object(content))
    check_type(fields.require("_type", str))
    subjects = tuple(parse_subject(subject) for subject in fields.objects("subject"))
    if not subjects:
        raise InvalidManifest("missing", "subject")
    predicate_type = fields.require("predicateType", str)
    if not predicate_type:
        raise InvalidManifest("missing", "predicateType")
    return Statement(
        predicate_type=predicate_type,
        subjects=subjects,
        predicate=fields.require("predicate", dict),
    )


def check_type(statement_type: object, path: str = "_type") -> None:
    """Require the ``_type`` of a statement to be a known one.

    Raises:
        InvalidManifest: It is another one.
    """
    if statement_type not in _TYPES:
        raise InvalidManifest(f"{statement_type!r} is not a known in-toto statement", path)


def parse_subject(fields: Fields) -> Subject:
    """Read a subject of a statement: a resource descriptor that has a digest.

    Raises:
        InvalidManifest: It has no digest, or a field is malformed.
    """
    subject = parse_resource(fields)
    if not subject.digests:
        raise InvalidManifest("missing", fields.at("digest"))
    return subject


def parse_resource(fields: Fields) -> Subject:
    """Read a resource descriptor, which has a name, a URI or a digest.

    Raises:
        InvalidManifest: It has none of these, or a field is malformed.
    """
    digests = fields.string_map("digest")
    for algorithm, digest in digests.items():
        sizes = _HEX_DIGITS.get(algorithm)
        if sizes and not (len(digest) in sizes and _HEX.fullmatch(digest)):
            raise InvalidManifest(
                f"{digest[:140]!r} is not a {algorithm} digest", fields.at("digest")
            )
    name, uri = fields.get("name", str) or "", fields.get("uri", str) or ""
    if not (name or uri or digests):
        raise InvalidManifest("expected a name, a uri or a digest", fields.at("digest"))
    return Subject(name=name, uri=uri, digests=tuple(digests.items()))


_ENVELOPE: json_stream.Wanted = {"payload": Take.VALUE, "payloadType": Take.VALUE}
_BUNDLE: json_stream.Wanted = {**_ENVELOPE, "dsseEnvelope": _ENVELOPE}


def open_envelope(stream: BinaryIO) -> bytes | None:
    """Return the payload of a DSSE envelope or a Sigstore bundle: a statement, or an SBOM.

    None if the payload is of another type, or absent: a bundle may hold a signature only. The
    signature is not checked.

    Raises:
        InvalidManifest: The document is not JSON, or the payload is not base64.
        LimitExceeded: The payload is longer than a value may be.
    """
    found = {part.keys[-1]: part.value for part in json_stream.read(stream, _BUNDLE)}
    payload_type = found.get("payloadType")
    if not isinstance(payload_type, str) or not (
        is_statement(payload_type) or is_sbom(payload_type)
    ):
        return None
    payload = Fields(found).require("payload", str)
    try:
        # Both alphabets are allowed (DSSE, protocol.md).
        return base64.b64decode(payload.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidManifest("not base64", "payload") from error


def _blob_digest(algorithm: str, digest: str) -> Digest | None:
    try:
        return Digest(f"{algorithm}:{digest.lower()}")
    except InvalidDigest:
        return None
