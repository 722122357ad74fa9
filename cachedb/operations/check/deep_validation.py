"""Deep validation: every byte hashed, and every layer unpacked.

An image can be invalid although every blob matches its digest: its config has the digests of the
unpacked layers (the diff IDs), and a runtime refuses an image whose layers differ from them. A
layer that can be read lazily has a table of contents, on which a lazy runtime relies before it has
the files.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeAlias, cast

from cachedb.archive import table_of_contents
from cachedb.archive.compression import Decompressed
from cachedb.archive.file_tree import is_malformed_whiteout
from cachedb.archive.image_tree import hash_members
from cachedb.archive.tar import reader
from cachedb.errors import BlobNotFound, InvalidArchive, InvalidManifest, LimitExceeded
from cachedb.feedback.progress import CountedStream
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Digest, Manifest, config, manifest
from cachedb.operations.check import validate, verify
from cachedb.operations.check.validate import Condition, LayerFault
from cachedb.operations.transfer.local_graph import read_config
from cachedb.operations.transfer.workers import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from hashlib import _Hash as Hash

    from cachedb.catalog.connect import Catalog
    from cachedb.feedback.progress import Task
    from cachedb.layout import Layout
    from cachedb.oci import Descriptor, Platform
    from cachedb.operations.read.resolve import Root

    SbomClaim: TypeAlias = tuple[Descriptor, Digest]

_CHUNK = 1 << 20


def validate_deeply(
    layout: Layout,
    catalog: Catalog,
    roots: Sequence[Root],
    wanted: Sequence[Platform],
    distrust: Callable[[Sequence[Descriptor]], None],
) -> list[validate.Validation]:
    """Validate images: hash every blob, and unpack every layer.

    `distrust` receives the layers whose table of contents is false.
    """
    verify.verify(layout, catalog, {root.blob_id for root in roots})
    with catalog.reading() as connection:
        found = validate.validate(connection, roots, wanted)
    # No transaction is open while layers are unpacked, which can take minutes.
    whole = {report.digest for each in found for report in each.platforms if report.is_whole}
    unpacked = _unpack(layout, whole)
    wrong = unpacked.faults
    if not wrong:
        return found
    distrust(unpacked.lying)
    with catalog.reading() as connection:
        return validate.validate(connection, roots, wanted, wrong)


def contradictions(layout: Layout, manifests: Iterable[Digest]) -> dict[Digest, LayerFault]:
    """Report each image whose layers differ from its config or their tables, with the reason.

    A layer whose files an export would refuse is reported as well: one that is not a tar archive,
    and one with a whiteout that names no file.

    A layer of several images is unpacked once. Artifacts have no diff IDs that a runtime compares,
    and a layer that may be absent is not required.

    Raises:
        BlobNotFound: A manifest or a config is not in the layout.
        CorruptBlob: A blob has another hash than its digest.
    """
    return _unpack(layout, manifests).faults


class _Unpacked(NamedTuple):
    """Images with a fault, and layers whose table of contents is false."""

    faults: dict[Digest, LayerFault]
    lying: list[Descriptor]


def _unpack(layout: Layout, manifests: Iterable[Digest]) -> _Unpacked:
    found: dict[Digest, LayerFault] = {}
    claims: dict[Digest, list[SbomClaim]] = {}
    for digest in manifests:
        try:
            claims[digest] = _claims(layout, digest)
        except InvalidManifest as error:
            found[digest] = LayerFault(Condition.WRONG_LAYERS, str(error))
    distinct = {_key(claim): claim for each in claims.values() for claim in each}
    size = sum(layer.size for layer, _ in distinct.values())
    with (
        layout.progress.task("unpack", size) as task,
        workers(os.cpu_count() or 1) as pool,
    ):
        checked = pool.map(lambda claim: _contradiction(layout, claim, task), distinct.values())
        wrong = dict(zip(distinct, checked, strict=True))
    for digest, each in claims.items():
        faults = [fault for claim in each if (fault := wrong[_key(claim)])]
        if faults:
            found[digest] = faults[0]
    lying = [
        layer
        for key, (layer, _) in distinct.items()
        if (fault := wrong[key]) and fault.condition is Condition.FALSE_TOC
    ]
    return _Unpacked(found, lying)


def _key(claim: SbomClaim) -> tuple[Digest, Digest, tuple[tuple[str, str], ...]]:
    layer, diff_id = claim
    return layer.digest, diff_id, tuple(sorted(layer.annotations.items()))


def _claims(layout: Layout, digest: Digest) -> list[SbomClaim]:
    """Return the layers of an image, each with its diff ID."""
    content = layout.blobs.read(digest, MANIFEST_BYTES)
    kind = manifest.guess(content)
    document = None if kind is None else manifest.parse(content, kind)
    if not isinstance(document, Manifest) or document.is_attestation or not document.is_image:
        return []
    described = document.config
    assert described is not None  # only images have one
    configured = config.parse(read_config(layout, described))
    if len(configured.diff_ids) != len(document.layers):
        raise InvalidManifest(
            f"{len(configured.diff_ids)} for {len(document.layers)} layers", "rootfs.diff_ids"
        )
    pairs = zip(document.layers, configured.diff_ids, strict=True)
    return [pair for pair in pairs if not pair[0].media_type.is_encrypted]


def _contradiction(layout: Layout, claim: SbomClaim, task: Task) -> LayerFault | None:
    layer, _ = claim
    why = _wrong_content(layout, claim, task)
    if why is not None:
        return LayerFault(Condition.WRONG_LAYERS, why)
    if table_of_contents.is_declared(layer.annotations) and layer.media_type.may_unpack:
        lie = _false_table(layout, layer)
        return None if lie is None else LayerFault(Condition.FALSE_TOC, lie)
    return None


def _false_table(layout: Layout, layer: Descriptor) -> str | None:
    """Return in what the table of contents of a layer differs from its archive."""
    name = f"layer {layer.digest}"
    try:
        with _open(layout, layer) as source:
            told = table_of_contents.read(source, layer.size, layer.annotations, name=name)
        with _open(layout, layer) as source:
            stored = list(hash_members(source, name=name))
    except BlobNotFound:
        return None  # one that may be absent
    except (InvalidArchive, LimitExceeded) as error:
        return str(error)
    difference = table_of_contents.first_difference(told or [], stored)
    return None if difference is None else f"{name}: its table of contents {difference}"


def _open(layout: Layout, layer: Descriptor) -> BinaryIO:
    return layout.blobs.open(layer.digest) if layer.data is None else io.BytesIO(layer.data)


def _wrong_content(layout: Layout, claim: SbomClaim, task: Task) -> str | None:
    layer, diff_id = claim
    name = f"layer {layer.digest}"
    hasher = diff_id.hasher()
    unreadable = None
    try:
        with _open(layout, layer) as source:
            counted = cast("BinaryIO", CountedStream(source, task))
            unpacked = _Hashed(Decompressed(counted, name=name), hasher)
            if layer.media_type.may_unpack:
                unreadable = _first_fault(unpacked, name)
            unpacked.drain()
    except InvalidArchive as error:
        return str(error)
    except BlobNotFound:
        if layer.media_type.is_distributable:
            raise
        return None
    actual = f"{diff_id.algorithm}:{hasher.hexdigest()}"
    if actual != diff_id:
        return f"{name} unpacks to {actual}, its config declares {diff_id}"
    return unreadable


def _first_fault(layer: _Hashed, name: str) -> str | None:
    """Read the members of a layer; return why an export of its files refuses one."""
    try:
        for entry in reader.read_layer(cast("BinaryIO", layer), name=name):
            if is_malformed_whiteout(entry.member.path):
                return f"{name}: {entry.member.path!r} is not a whiteout: it names no file"
    except (InvalidArchive, LimitExceeded) as error:
        return str(error)
    return None


class _Hashed:
    """A stream that hashes its bytes as they are read."""

    def __init__(self, stream: BinaryIO, hasher: Hash) -> None:
        self._stream = stream
        self._hasher = hasher
        self._damage: InvalidArchive | None = None

    def read(self, size: int) -> bytes:
        """Read and hash up to `size` bytes; fewer only at the end."""
        try:
            chunk = self._stream.read(size)
        except InvalidArchive as error:
            self._damage = error
            raise
        self._hasher.update(chunk)
        return chunk

    def drain(self) -> None:
        """Read and hash the rest of the stream.

        Raises:
            InvalidArchive: The stream is damaged.
        """
        if self._damage is not None:
            raise self._damage
        while self.read(_CHUNK):
            pass
