"""Content graph: children of documents, content that an image requires, and the one walker.

The kinds of documents, and the content that each of them requires, are tabulated in
docs/explanation/content-graph.md. Everything here is iterative: the depth of a graph is bounded
by `GRAPH_DEPTH`, the number of its documents by `GRAPH_NODES`, and neither by Python's stack.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cachedb.limits import CONFIG_BYTES, GRAPH_DEPTH, GRAPH_NODES
from cachedb.oci.descriptor import CONTAINERD_NAME, REF_NAME
from cachedb.oci.manifest import ChildRole, Index, Manifest
from cachedb.oci.salvage import salvage, salvage_platform
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.digest import Digest
    from cachedb.oci.manifest import Child
    from cachedb.oci.media_type import MediaType
    from cachedb.oci.platform.model import Platform
    from cachedb.oci.salvage import Salvage

    AnyDocument: TypeAlias = Index | Manifest | Salvage

_Node = TypeVar("_Node", bound=Hashable)
_Item = TypeVar("_Item")


# -- required content -----------------------------------------------------------------------------


class RequiredContent(NamedTuple):
    """Content that one document needs, in the order of the document.

    All of it is published before the document. `optional` content may be absent everywhere; it is
    carried wherever it is present. The subject is in neither list: an artifact is complete without
    it, and a registry requires it first (distribution-spec, Pushing Manifests with Subject).
    """

    documents: tuple[Descriptor, ...] = ()
    """Indexes and manifests, which require further content."""
    blobs: tuple[Descriptor, ...] = ()
    """Configs, layers, and the layers of an index of layers; embedded content among them."""
    optional: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    """Document that this one refers to; None without one."""

    @property
    def leaves(self) -> tuple[Descriptor, ...]:
        """The blobs that are not documents, required ones first."""
        return (*self.blobs, *self.optional)


def children(document: AnyDocument) -> Iterator[Child]:
    """Yield every descriptor of a document with its role: the content in order, the subject last.

    A salvaged document yields the descriptors that can be read.
    """
    return document.children()


def owned_digests(content: bytes) -> Iterator[Digest]:
    """Yield the digests that a document owns: all of its descriptors but the subject.

    Accepts documents that break rules, so that the collector keeps their content.

    Raises:
        InvalidManifest: The content is not a JSON object with one meaning.
    """
    for child in children(salvage(content)):
        if child.role is not ChildRole.SUBJECT:
            yield child.descriptor.digest


def subject_digest(content: bytes) -> Digest | None:
    """Return the digest of the subject of a document, valid or not; None without one.

    Raises:
        InvalidManifest: The content is not a JSON object with one meaning.
    """
    for child in children(salvage(content)):
        if child.role is ChildRole.SUBJECT:
            return child.descriptor.digest
    return None


def is_document(media_type: MediaType) -> bool:
    """Return whether content of a media type is an index or a manifest of a known kind."""
    return media_type.is_index or media_type.is_manifest


def may_be_absent(role: ChildRole, media_type: MediaType, *, is_embedded: bool) -> bool:
    """Return whether an image works without a child that is absent as a blob.

    A non-distributable layer may be absent (image-spec, layer.md §Non-Distributable Layers), and
    so may content that its descriptor embeds (descriptor.md §Embedded Content). A subject is not
    content. Which manifests of an index are needed depends on the platforms that are wanted.
    """
    match role:
        case ChildRole.SUBJECT:
            return True
        case ChildRole.CONFIG:
            return is_embedded
        case ChildRole.LAYER:
            return is_embedded or not media_type.is_distributable
        case ChildRole.MANIFEST:
            return False


def required_content(
    document: Index | Manifest | None, chosen: Sequence[Descriptor] | None = None
) -> RequiredContent:
    """Return the content that a document requires; a blob of an unknown type requires none.

    Of an index only the `chosen` manifests are required, if given: those of the wanted platforms,
    with their attestations. An index that lists no document at all is an index of layers, as
    BuildKit's caches are, and requires each of them. Beside documents, any other blob is optional.
    """
    match document:
        case Index():
            return _content_of_index(document, chosen)
        case Manifest():
            return _content_of_manifest(document)
        case None:
            return RequiredContent()


def _content_of_index(index: Index, chosen: Sequence[Descriptor] | None) -> RequiredContent:
    wanted = index.manifests if chosen is None else chosen
    leaves = tuple(each for each in index.manifests if not is_document(each.media_type))
    is_of_layers = len(leaves) == len(index.manifests)
    return RequiredContent(
        documents=tuple(each for each in wanted if is_document(each.media_type)),
        blobs=leaves if is_of_layers else (),
        optional=() if is_of_layers else leaves,
        subject=index.subject,
    )


def _content_of_manifest(manifest: Manifest) -> RequiredContent:
    content = [child for child in children(manifest) if child.role is not ChildRole.SUBJECT]
    return RequiredContent(
        blobs=tuple(each.descriptor for each in content if not _is_optional(each)),
        optional=tuple(each.descriptor for each in content if _is_optional(each)),
        subject=manifest.subject,
    )


def _is_optional(child: Child) -> bool:
    """Return whether content may be absent everywhere; embedded content is in its descriptor."""
    descriptor = child.descriptor
    if descriptor.data is not None:
        return False
    return may_be_absent(child.role, descriptor.media_type, is_embedded=False)


def configured_platform(
    document: Index | Manifest | None, read: Callable[[Descriptor], bytes | None]
) -> Platform | None:
    """Return the platform in the config of an image; None for anything else.

    `read` returns the bytes of the config, or None where it is absent. A config that breaks other
    rules still has its platform (image-spec, config.md §Properties).

    Raises:
        LimitExceeded: The config is declared too large; it is not read then.
    """
    config = _image_config(document)
    if config is None:
        return None
    check_config_size(document)
    content = read(config) if config.data is None else config.data
    found = None if content is None else salvage_platform(content)
    return found if found is not None and (found.os or found.architecture) else None


def check_config_size(document: Index | Manifest | None) -> None:
    """Refuse an image by the size that it declares for its config, before the config is fetched.

    Raises:
        LimitExceeded: It is more than `CONFIG_BYTES`.
    """
    config = _image_config(document)
    if config is not None:
        CONFIG_BYTES.check(config.size, f"config {config.digest}")


def _image_config(document: Index | Manifest | None) -> Descriptor | None:
    return document.config if isinstance(document, Manifest) and document.is_image else None


def described_referrer(referrer: Descriptor, document: Index | Manifest | None) -> Descriptor:
    """Return the descriptor of a referrer for a list of referrers, without a name.

    It repeats the artifact type of the document, else the type of its config, and its annotations
    (distribution-spec, Listing Referrers). Annotations that would give an entry of index.json a
    name are omitted.
    """
    if document is None:
        return referrer
    kept = {k: v for k, v in document.annotations.items() if k not in {REF_NAME, CONTAINERD_NAME}}
    return referrer.replace(artifact_type=listed_artifact_type(document), annotations=kept)


def listed_artifact_type(document: Index | Manifest) -> MediaType | None:
    """Return the artifact type of a document, else the type of its config.

    That is what a list of referrers states (distribution-spec, Listing Referrers).
    """
    if document.artifact_type or isinstance(document, Index) or document.config is None:
        return document.artifact_type
    return document.config.media_type


# -- the walker -----------------------------------------------------------------------------------


def walk(
    roots: Iterable[_Node],
    below: Callable[[Sequence[_Node]], Iterable[Sequence[_Node]]],
    what: str,
) -> dict[_Node, tuple[_Node, ...]]:
    """Visit the descendants of some nodes, level by level, each node once; return their children.

    `below` is called once a level with the nodes that are new there, and returns the children of
    each in the same order: a level can be read by one statement, or by several threads. `what`
    names the graph in errors.

    Raises:
        LimitExceeded: The graph is deeper than `GRAPH_DEPTH` or has more than `GRAPH_NODES` nodes.
    """
    found: dict[_Node, tuple[_Node, ...]] = {}
    level = list(dict.fromkeys(roots))
    depth = 0
    while level:
        GRAPH_DEPTH.check(depth, f"the nesting of {what}")
        check_count(len(found) + len(level), what)
        for node, listed in zip(level, below(level), strict=True):
            found[node] = tuple(listed)
        fresh = (child for node in level for child in found[node] if child not in found)
        level = list(dict.fromkeys(fresh))
        depth += 1
    return found


def check_count(documents: int, what: str) -> None:
    """Refuse to read more documents of one graph than the limit; `what` names the graph.

    Raises:
        LimitExceeded: There are more than `GRAPH_NODES`.
    """
    GRAPH_NODES.check(documents, f"the number of documents of {what}")


def children_first(
    roots: Iterable[_Node], below: Mapping[_Node, Sequence[_Node]]
) -> Iterator[_Node]:
    """Yield walked nodes in the order of publication: children before parents, each once.

    Siblings keep their order.
    """
    entered: set[_Node] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, is_left = stack.pop()
            if is_left:
                yield node
            elif node not in entered:
                entered.add(node)
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(below.get(node, ())))


def leaves(
    items: Iterable[_Item], inside: Callable[[_Item], Iterable[_Item] | None]
) -> Iterator[_Item]:
    """Yield the leaves of a graph depth first, in the order of the documents.

    `inside` returns None for an item that holds no others. Terminates only if `inside` returns no
    items for an item that it has been called with before; `walk` enforces the limits on the size
    of a graph.
    """
    stack = [iter(items)]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
        elif (inner := inside(item)) is None:
            yield item
        else:
            stack.append(iter(inner))


class ContentGraph(NamedTuple):
    """The documents below some roots: the descriptor and the required content of each.

    Documents are in the order in which they were met, level by level.
    """

    roots: tuple[Digest, ...]
    """Digests at which the walk began."""
    descriptors: Mapping[Digest, Descriptor]
    """The descriptor by which each document, present or absent, was met first."""
    content: Mapping[Digest, RequiredContent]
    """The required content of the documents that are present."""

    @property
    def missing(self) -> tuple[Descriptor, ...]:
        """The documents that are absent."""
        return tuple(d for digest, d in self.descriptors.items() if digest not in self.content)

    @property
    def documents(self) -> tuple[Digest, ...]:
        """The documents that are present, in the order of publication.

        Children come before parents, and a subject before what refers to it.
        """
        before = {
            digest: [each.digest for each in (*needed.documents, needed.subject) if each]
            for digest, needed in self.content.items()
        }
        ordered = children_first(self.descriptors, before)
        return tuple(digest for digest in ordered if digest in self.content)

    def without(self, dropped: Collection[Digest]) -> ContentGraph:
        """Return the graph without some documents, and without references to them."""
        return ContentGraph(
            roots=self.roots,
            descriptors={k: each for k, each in self.descriptors.items() if k not in dropped},
            content={
                key: needed._replace(
                    documents=tuple(d for d in needed.documents if d.digest not in dropped)
                )
                for key, needed in self.content.items()
                if key not in dropped
            },
        )

    @property
    def blobs(self) -> dict[Digest, Descriptor]:
        """The blobs that the documents require."""
        return _by_digest(each for needed in self.content.values() for each in needed.blobs)

    @property
    def optional(self) -> dict[Digest, Descriptor]:
        """The blobs that may be absent, because no document requires them."""
        found = _by_digest(each for needed in self.content.values() for each in needed.optional)
        return {digest: found[digest] for digest in sorted(found.keys() - self.blobs.keys())}


def explore(
    roots: Iterable[Descriptor],
    read: Callable[[Sequence[Descriptor]], Iterable[RequiredContent | None]],
    what: str,
    referrers: Callable[[Sequence[Descriptor]], Iterable[Sequence[Descriptor]]] | None = None,
) -> ContentGraph:
    """Walk documents from their roots down, and through their referrers.

    `read` returns the required content of each document of a level, None for an absent one.
    `referrers` returns the referrers of each of them; without it, referrers are not walked.

    Raises:
        LimitExceeded: The graph is deeper than `GRAPH_DEPTH` or has more than `GRAPH_NODES`
            documents.
    """
    descriptors: dict[Digest, Descriptor] = {}
    content: dict[Digest, RequiredContent] = {}

    def below(level: Sequence[Digest]) -> Iterator[list[Digest]]:
        """Read the documents of one level, and yield the children of each."""
        described = [descriptors[digest] for digest in level]
        needed = list(read(described))
        about: list[Sequence[Descriptor]] = [()] * len(level)
        if referrers is not None:
            about = list(referrers(described))
        for digest, found, referring in zip(level, needed, about, strict=True):
            if found is not None:
                content[digest] = found
            listed = [*(found.documents if found else ()), *referring]
            for child in listed:
                descriptors.setdefault(child.digest, child)
            yield [child.digest for child in listed]

    starts = list(roots)
    descriptors.update(_by_digest(starts))
    walk([each.digest for each in starts], below, what)
    return ContentGraph(
        roots=tuple(each.digest for each in starts), descriptors=descriptors, content=content
    )


def _by_digest(descriptors: Iterable[Descriptor]) -> dict[Digest, Descriptor]:
    found: dict[Digest, Descriptor] = {}
    for each in descriptors:
        found.setdefault(each.digest, each)
    return found
