"""Resolution of names and digests to root descriptors, and of blobs to refs that contain them."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.statement import many
from cachedb.catalog.statements import blobs, refs
from cachedb.errors import (
    AmbiguousName,
    BlobNotFound,
    InvalidDigest,
    InvalidReference,
    RefNotFound,
)
from cachedb.oci.digest import Digest
from cachedb.oci.names.entry_name import is_attached_kind, whole_digest
from cachedb.oci.reference import Reference
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cachedb.catalog.enums import Kind
    from cachedb.catalog.executor import Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.refs import RefRow

_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{6,63})")
_CANDIDATES = 3
_FAR = 2


class Root(Record):
    """Resolved name or digest; `name` is None for content without a name, `size` is in bytes."""

    name: str | None
    digest: Digest
    media_type: str
    size: int
    kind: Kind
    blob_id: int
    ref_id: int | None
    entry: str | None = None
    """The JSON of its entry in index.json, as `Entry.text` has it."""
    is_attached: bool = False
    """Whether it is a signature, an attestation or an SBOM of the image of its name."""


def find(connection: Connection, text: str) -> Root:
    """Resolve a name, in any of its forms, or a digest to its root.

    A name is taken as it stands in index.json first, then as a reference: with docker.io,
    library/ and latest where they are left out, and without the tag, as linuxkit stores some.
    A digest, or the beginning of one, may be that of any blob.

    Raises:
        RefNotFound: Nothing has that name, or several things have it.
        BlobNotFound: Nothing has that digest.
    """
    return find_images(connection, text)[0]


def find_images(connection: Connection, text: str) -> list[Root]:
    """Return the entries of one image that a name stands for; with what is attached to it.

    The image comes first: it wins the name over what is attached to it.

    Raises:
        AmbiguousName: Several images have that name.
        RefNotFound: Nothing has that name.
        BlobNotFound: Nothing has that digest.
    """
    found = find_all(connection, text)
    images = [root for root in found if not root.is_attached] or found
    digests = dict.fromkeys(root.digest for root in images)
    if len(digests) > 1:
        raise AmbiguousName(
            text, [f"{root.name or ''}@{root.digest}".lstrip("@") for root in images]
        )
    return [*images, *(root for root in found if root.is_attached and images is not found)]


def find_roots(connection: Connection, text: str) -> list[Root]:
    """Resolve a name, or find every ref that contains the blob of a digest.

    A blob that no ref contains is its own root. Raises as `find` does.
    """
    found = find(connection, text)
    if found.ref_id is not None:
        return [found]
    return containing(connection, found) or [found]


def find_all(connection: Connection, text: str) -> list[Root]:
    """Return every root that a text resolves to: a name of two entries gives two.

    Raises:
        RefNotFound: Nothing has that name.
        BlobNotFound: Nothing has that digest.
    """
    digest = whole_digest(text)
    if digest is not None:
        return _by_whole_digest(connection, text, digest)
    found = _by_name(connection, text) or _by_digest(connection, text)
    if found:
        return found
    raise RefNotFound(text, candidates(connection, text))


def every(connection: Connection) -> list[Root]:
    """Return every ref, in the order of index.json."""
    return _refs(connection, refs.ALL)


def of_refs(connection: Connection, ids: Collection[int]) -> list[Root]:
    """Return the refs of these ids, in the order of index.json."""
    return _refs(connection, refs.OF_IDS, ids=many(ids))


def unnamed_within(connection: Connection, ids: Collection[int]) -> list[Root]:
    """Return the refs without a name that keep part of what the refs of these ids contain."""
    return _refs(connection, refs.UNNAMED_WITHIN, ids=many(ids))


def containing(connection: Connection, root: Root) -> list[Root]:
    """Return every ref that contains a blob, in the order of index.json."""
    return _refs(connection, refs.CONTAINING, blob_id=root.blob_id)


def _by_name(connection: Connection, text: str) -> list[Root]:
    exact = _refs(connection, refs.OF_NAMES, names=many([text]))
    if exact:
        return exact
    try:
        wanted = Reference.parse(text)
    except InvalidReference:
        return []
    repository = {"registry": wanted.domain, "repo": wanted.path}
    tag = wanted.with_default_tag().tag
    found = _refs(connection, refs.OF_TAG, tag=tag, **repository)
    if not found and tag == "latest":
        # linuxkit takes the port of a registry for a tag, and stores the name without one.
        untagged = _refs(connection, refs.OF_TAG, tag=None, **repository)
        found = [root for root in untagged if "@" not in (root.name or "")]
    # Its older versions put docker.io before everything that has two parts.
    older = many([f"docker.io/{text}", f"docker.io/{text}:{tag}"])
    return found or _refs(connection, refs.OF_NAMES, names=older)


def _by_whole_digest(connection: Connection, text: str, digest: Digest) -> list[Root]:
    """Find ``[name@]digest``: the digest decides, and the entry with the nearest name is taken.

    No entry is found by a name that looks like a digest: a digest is content.
    """
    name = text.rpartition("@")[0]
    named = _refs(connection, refs.OF_DIGESTS, low=digest, high=digest)
    near = [root for root in named if root.name is None or _distance(root, name) < _FAR]
    found = near or _blobs(connection, low=digest, high=digest)
    if not found:
        raise BlobNotFound(digest)
    return sorted(found, key=lambda root: _distance(root, name))[:1]


def _distance(root: Root, text: str) -> int:
    """Return how far the name of a root is from one that is wanted; 0 if it is the same."""
    if not text or root.name == text:
        return 0
    try:
        name, wanted = Reference.parse(root.name or ""), Reference.parse(text)
    except InvalidReference:
        return _FAR
    if (name.domain, name.path) != (wanted.domain, wanted.path):
        return _FAR
    return int(name.tag != wanted.tag)


def _by_digest(connection: Connection, text: str) -> list[Root]:
    try:
        digest = Digest.declared(text)
    except InvalidDigest:
        return _by_prefix(connection, text)
    named = _refs(connection, refs.OF_DIGESTS, low=digest, high=digest)
    return named[:1] or _blobs(connection, low=digest, high=digest)


def _by_prefix(connection: Connection, text: str) -> list[Root]:
    matched = _PREFIX.fullmatch(text)
    if matched is None:
        return []
    low = f"sha256:{matched[1]}"
    high = f"{low}g"  # comes after every digit
    found = {root.blob_id: root for root in _refs(connection, refs.OF_DIGESTS, low=low, high=high)}
    unnamed = _blobs(connection, low=low, high=high)
    return [*found.values(), *(root for root in unnamed if root.blob_id not in found)]


def _refs(
    connection: Connection, statement: Rows[RefRow], **values: str | int | None
) -> list[Root]:
    return [
        Root(
            name=row.name,
            digest=codecs.digest(row.digest),
            media_type=row.media_type,
            size=row.size,
            kind=codecs.kind(row.kind),
            blob_id=row.blob_id,
            ref_id=row.id,
            entry=row.entry,
            is_attached=is_attached_kind(row.entry_kind),
        )
        for row in connection.each(statement, **values)
    ]


def _blobs(connection: Connection, *, low: str, high: str) -> list[Root]:
    return [
        Root(
            name=None,
            digest=codecs.digest(row.digest),
            media_type=row.media_type,
            size=row.size,
            kind=codecs.kind(row.kind),
            blob_id=row.id,
            ref_id=None,
        )
        for row in connection.each(blobs.OF_DIGESTS, low=low, high=high)
    ]


def candidates(connection: Connection, text: str) -> Sequence[str]:
    """Return the names that are nearest to a text, the nearest first."""
    spelled: dict[str, str] = {}
    for name in connection.values(refs.NAMES):
        spelled.update(dict.fromkeys(_forms(name), name))
    near = difflib.get_close_matches(text, spelled, n=_CANDIDATES, cutoff=0.6)
    return list(dict.fromkeys(spelled[form] for form in near))


def _forms(name: str) -> Iterator[str]:
    """Yield the forms in which a name may have been typed."""
    yield name
    try:
        yield Reference.parse(name).familiar
    except InvalidReference:
        return
    last = name.rpartition("/")[2]
    yield last
    yield last.partition(":")[0]
