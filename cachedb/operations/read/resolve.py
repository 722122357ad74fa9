"""Resolution of names and digests to root descriptors, and of blobs to refs that contain them."""

from __future__ import annotations

import difflib
from collections import defaultdict
from typing import TYPE_CHECKING

from cachedb.catalog import codecs
from cachedb.catalog.enums import Kind
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
from cachedb.oci.names.short_name import ShortName
from cachedb.oci.platform.model import Platform
from cachedb.oci.reference import Reference
from cachedb.patterns import lazy
from cachedb.records import NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from cachedb.catalog.executor import Bound, Connection
    from cachedb.catalog.statement import Rows
    from cachedb.catalog.statements.refs import RefRow

_PREFIX = lazy(r"(?:sha256:([0-9a-f]{4,63})|([0-9a-f]{6,63}))")
_CANDIDATES = 3
_FAR = 2


class Root(NamedTuple):
    """Resolved name or digest; `name` is None for content without a name, `size` is in bytes."""

    name: str | None
    digest: Digest
    media_type: str
    """Media type that index.json declares."""
    size: int
    kind: Kind
    blob_id: int
    """Id of the target in the catalog."""
    ref_id: int | None
    """Id of the ref in the catalog; None for content without a ref."""
    entry: str | None = None
    """The JSON of its entry in index.json, as `Entry.text` has it."""
    is_attached: bool = False
    """Whether it is a signature, an attestation or an SBOM of the image of its name."""
    is_pinned: bool = False
    """Whether the ref is pinned."""
    declared_id: int | None = None
    """The id of the platform that its entry declares."""
    configured_id: int | None = None
    """The id of the platform that its config names."""

    @property
    def choice(self) -> str:
        """The text that resolves to it alone: ``name@digest``, or the digest without a name."""
        return str(self.digest) if self.name is None else f"{self.name}@{self.digest}"


class ResolvedImage(Record):
    """Image that a name or a digest resolves to: one document, or one manifest a platform.

    Some tools write the manifests of an image under one name, each for a platform of its own,
    and no index (docs/reference/names.md). `roots` are its documents in the order of index.json,
    each digest once; `entries` are all of its entries there, and `attached` the entries of its
    name that are signatures, attestations and SBOMs.
    """

    roots: tuple[Root, ...]
    entries: tuple[Root, ...]
    attached: tuple[Root, ...] = ()

    @property
    def name(self) -> str | None:
        """Its name, None for content that is addressed by its digest."""
        return self.roots[0].name

    @property
    def label(self) -> str:
        """Its name, or its digest if it has none."""
        return self.name or str(self.roots[0].digest)

    @property
    def is_split(self) -> bool:
        """Whether it is one manifest a platform, without an index."""
        return len(self.roots) > 1


def find(connection: Connection, text: str) -> Root:
    """Resolve a name, in any of its forms, or a digest to its only root.

    Raises:
        AmbiguousName: Several documents have that name, also as platforms of one image.
        RefNotFound: No image has that name.
        BlobNotFound: No blob has that digest.
    """
    roots = find_image(connection, text).roots
    if len(roots) > 1:
        raise AmbiguousName(text, [root.choice for root in roots])
    return roots[0]


def find_image(connection: Connection, text: str) -> ResolvedImage:
    """Resolve a name, in any of its forms, or a digest to its image.

    A name is looked up unchanged in index.json first, then as a reference: with docker.io,
    library/ and latest where they are omitted, and without the tag, as linuxkit stores some. A
    short name resolves to the only name that ends with its parts. A digest, or the beginning of
    one, may be that of any blob. The image has precedence over entries attached to it.

    Raises:
        AmbiguousName: Several images have that name, and are not the platforms of one.
        RefNotFound: No image has that name.
        BlobNotFound: No blob has that digest.
    """
    found = find_all(connection, text)
    entries = [root for root in found if not root.is_attached] or found
    roots = list({root.digest: root for root in reversed(entries)}.values())[::-1]
    if len(roots) > 1 and not _are_platforms_of_one(connection, roots):
        raise AmbiguousName(text, [root.choice for root in roots])
    attached = [] if entries is found else [root for root in found if root.is_attached]
    return ResolvedImage(roots=tuple(roots), entries=tuple(entries), attached=tuple(attached))


def images_of(connection: Connection, roots: Sequence[Root]) -> list[ResolvedImage]:
    """Group refs into images: those of one name that are one manifest a platform make one.

    Every other ref is an image of its own. The order is that of the first ref of each.
    """
    split = split_names(connection, roots)
    found: dict[object, list[Root]] = {}
    for root in roots:
        is_part = root.name in split and not root.is_attached
        found.setdefault(root.name if is_part else (root.ref_id, root.blob_id), []).append(root)
    return [
        ResolvedImage(roots=_each_digest_once(group), entries=tuple(group))
        for group in found.values()
    ]


def _each_digest_once(group: Sequence[Root]) -> tuple[Root, ...]:
    if len(group) == 1:
        return tuple(group)
    return tuple({root.digest: root for root in reversed(group)}.values())[::-1]


def split_names(connection: Connection, roots: Iterable[Root]) -> frozenset[str]:
    """Return the names whose refs among these are the platforms of one image, several each."""
    by_name: dict[str, dict[Digest, Root]] = defaultdict(dict)
    for root in roots:
        if root.name is not None and not root.is_attached:
            by_name[root.name].setdefault(root.digest, root)
    return frozenset(
        name
        for name, found in by_name.items()
        if len(found) > 1 and _are_platforms_of_one(connection, list(found.values()))
    )


def _are_platforms_of_one(connection: Connection, roots: Sequence[Root]) -> bool:
    """Return whether roots of one name are image manifests, each for a platform of its own."""
    if len({root.name for root in roots}) > 1 or roots[0].name is None:
        return False
    if any(root.kind is not Kind.MANIFEST for root in roots):
        return False
    known = platforms_of(connection, roots)
    found = [known.get(root.blob_id) for root in roots]
    distinct = {each for each in found if each is not None and not each.is_unknown}
    return len(distinct) == len(roots)


def platforms_of(connection: Connection, roots: Iterable[Root]) -> Mapping[int, Platform]:
    """Return the platform of each root by its blob: that of its entry, or else of its config."""
    keys = {
        root.blob_id: key
        for root in roots
        if (key := root.declared_id or root.configured_id) is not None
    }
    known = platforms(connection, set(keys.values()))
    return {blob_id: known[key] for blob_id, key in keys.items() if key in known}


def platforms(connection: Connection, ids: Collection[int]) -> dict[int, Platform]:
    """Return the platforms of these ids."""
    if not ids:
        return {}
    return {
        row.id: Platform(
            os=row.os,
            architecture=row.architecture,
            variant=row.variant,
            os_version=row.os_version,
        )
        for row in connection.each(blobs.PLATFORMS, ids=many(ids))
    }


def find_roots(connection: Connection, text: str) -> list[Root]:
    """Resolve a name to the roots of its image, or a digest to every ref that contains its blob.

    A blob that no ref contains is its own root. Raises as `find_image` does.
    """
    found = find_image(connection, text).roots
    if found[0].ref_id is not None:
        return list(found)
    return containing(connection, found[0]) or list(found)


def find_all(connection: Connection, text: str) -> list[Root]:
    """Return every root that a text resolves to: two for a name of two entries.

    Raises:
        RefNotFound: No image has that name.
        BlobNotFound: No blob has that digest.
    """
    digest = whole_digest(text)
    if digest is not None:
        return _by_whole_digest(connection, text, digest)
    found = (
        _by_name(connection, text)
        or _by_short_name(connection, text)
        or _by_digest(connection, text)
    )
    if found:
        return found
    raise RefNotFound(text, candidates(connection, text))


def every(connection: Connection) -> list[Root]:
    """Return every ref, in the order of index.json."""
    return _refs(connection, refs.ALL)


def of_refs(connection: Connection, ids: Collection[int]) -> list[Root]:
    """Return the refs of these ids, in the order of index.json."""
    return _refs(connection, refs.OF_IDS, ids=many(ids))


def of_shared_names(connection: Connection) -> list[Root]:
    """Return the refs whose name another ref has, too, in the order of index.json."""
    return _refs(connection, refs.OF_SHARED_NAMES)


def completed(connection: Connection, ids: Sequence[int]) -> list[Root]:
    """Return the refs of these ids in their order, with the other platforms of their images.

    The refs of an image that is one manifest a platform follow the first of them.
    """
    places = {key: place for place, key in enumerate(ids)}
    found = sorted(of_refs(connection, ids), key=lambda root: places[root.ref_id or 0])
    names = {root.name for root in found if root.name is not None and root.kind is Kind.MANIFEST}
    by_name: dict[str, list[Root]] = defaultdict(list)
    for root in _refs(connection, refs.OF_NAMES, names=many(names)) if names else ():
        by_name[root.name or ""].append(root)
    several = [root for group in by_name.values() if len(group) > 1 for root in group]
    split = split_names(connection, several)
    whole = [
        each
        for root in found
        for each in (by_name[root.name] if root.name in split and not root.is_attached else [root])
    ]
    return list({root.ref_id: root for root in whole}.values())


def unnamed_within(connection: Connection, ids: Collection[int]) -> list[Root]:
    """Return the refs without a name that reach part of the content of the refs of these ids."""
    return _refs(connection, refs.UNNAMED_WITHIN, ids=many(ids))


def tagged_after(connection: Connection, ids: Collection[int]) -> list[Root]:
    """Return the refs whose tag has the digest of something that only the refs of `ids` reach.

    Registries without an API for referrers keep a list of them under such a tag, and cosign 2
    signatures, attestations and SBOMs. Costs a scan of an index of refs.
    """
    return _refs(connection, refs.TAGGED_AFTER, ids=many(ids))


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
        # linuxkit parses the port of a registry as a tag, and stores the name without a tag.
        untagged = _refs(connection, refs.OF_TAG, tag=None, **repository)
        found = [root for root in untagged if "@" not in (root.name or "")]
    # Its older versions prefix every name of two parts with docker.io.
    older = many([f"docker.io/{text}", f"docker.io/{text}:{tag}"])
    return found or _refs(connection, refs.OF_NAMES, names=older)


def _by_short_name(connection: Connection, text: str) -> list[Root]:
    """Find the only name that ends with the parts of a short name; reads every name."""
    short = ShortName.parse(text)
    if short is None:
        return []
    names = list(dict.fromkeys(filter(short.matches, connection.values(refs.NAMES))))
    if len(names) > 1:
        raise AmbiguousName(text, names)
    return _refs(connection, refs.OF_NAMES, names=many(names)) if names else []


def _by_whole_digest(connection: Connection, text: str, digest: Digest) -> list[Root]:
    """Find ``[name@]digest``: the digest decides, and the entry with the nearest name is chosen.

    A name that looks like a digest finds no entry, because a digest addresses content.
    """
    name = text.rpartition("@")[0]
    named = _refs(connection, refs.OF_DIGESTS, low=digest, high=digest)
    near = [root for root in named if root.name is None or _distance(root, name) < _FAR]
    found = near or _blobs(connection, low=digest, high=digest)
    if not found:
        raise BlobNotFound(digest)
    return sorted(found, key=lambda root: _distance(root, name))[:1]


def _distance(root: Root, text: str) -> int:
    """Return the distance of the name of a root from the wanted one; 0 if equal."""
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
    low = f"sha256:{matched[1] or matched[2]}"
    high = f"{low}g"  # sorts after every digit
    found = {root.blob_id: root for root in _refs(connection, refs.OF_DIGESTS, low=low, high=high)}
    unnamed = _blobs(connection, low=low, high=high)
    return [*found.values(), *(root for root in unnamed if root.blob_id not in found)]


def _refs(connection: Connection, statement: Rows[RefRow], **values: Bound) -> list[Root]:
    return [
        # By position, in the order of the fields: a third of the time of keywords.
        Root(
            row.name,
            codecs.digest(row.digest),
            row.media_type,
            row.size,
            kind := codecs.kind(row.kind),
            row.blob_id,
            row.id,
            row.entry,
            kind is Kind.ATTESTATION or is_attached_kind(row.entry_kind),
            bool(row.pinned),
            row.declared_id,
            row.configured_id,
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
