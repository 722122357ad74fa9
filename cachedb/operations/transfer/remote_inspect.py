"""Remote inspection: properties of images at registries, without pulling them.

No request is sent to mirrors, because their content does not prove a publication.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cachedb.catalog.index.ref_rows import parts_of
from cachedb.errors import (
    CacheError,
    InvalidManifest,
    InvalidReference,
    PlatformNotFound,
    RefNotFound,
)
from cachedb.oci import (
    Descriptor,
    Digest,
    Index,
    Manifest,
    Platform,
    Reference,
    graph,
    manifest,
)
from cachedb.oci.platform import selection
from cachedb.oci.platform.match import only, only_strict
from cachedb.oci.platform.model import this_machine
from cachedb.oci.reference import DEFAULT_TAG
from cachedb.operations.transfer.remote_config import configured_platform, read_config
from cachedb.operations.transfer.workers import JOBS, run_all, workers
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cachedb.oci.graph import RequiredContent
    from cachedb.oci.reference import TagName
    from cachedb.operations.read.resolve import Root
    from cachedb.registry.client import Client
    from cachedb.registry.registry import Registry

_Connect: TypeAlias = Callable[[str], "Client"]


def image_in_registry(client: Client, reference: Reference, platform: Platform | None) -> bool:
    """Return whether a registry has an image, for a platform if one is given.

    The platform has to be equal: an amd64 that runs a 386 does not count. Platforms that an index
    does not declare are read from the configs of its images.

    Raises:
        RegistryError: The request failed; this is never reported as absence.
    """
    registry = client.origin
    try:
        if platform is None:
            registry.resolve(reference)
            return True
        root = _read(registry, reference, _target(reference))
    except RefNotFound:
        return False
    found = _read_graph(registry, reference, root, JOBS, selection.is_silent)
    declared = (child.platform for each in found for child in _listed(each))
    configured = (
        configured_platform(registry, reference.path, each.parsed)
        for each in found
        if each.descriptor.platform is None
    )
    matcher = only_strict(platform)
    return any(each is not None and matcher.matches(each) for each in chain(declared, configured))


def _listed(document: _RemoteDocument) -> tuple[Descriptor, ...]:
    return document.parsed.manifests if isinstance(document.parsed, Index) else ()


def list_tags(client: Client, reference: Reference) -> Iterator[TagName]:
    """Yield the tags of a repository in the order of the registry.

    Raises:
        InvalidReference: The reference is to one image.
        RefNotFound: The registry does not have the repository.
    """
    if not reference.is_name_only:
        raise InvalidReference(reference.familiar, "expected a repository, without tag or digest")
    return client.origin.tags(reference.path)


class RemoteManifest(Record):
    """One image or artifact at a registry; `size` is that of all content, in bytes."""

    descriptor: Descriptor
    platform: Platform | None
    """Platform that its descriptor, else its config, names; None without one."""
    artifact_type: str | None
    """Type of the artifact; None for an image."""
    layers: int
    """Number of layers."""
    size: int


class RemoteImage(Record):
    """A reference at a registry; `content` is the document byte for byte.

    `size` is that of all of it, what images share counted once.
    """

    reference: Reference
    descriptor: Descriptor
    content: bytes
    manifests: tuple[RemoteManifest, ...]
    """Manifests below the document, in its order."""
    size: int


def inspect(client: Client, reference: Reference, jobs: int = JOBS) -> RemoteImage:
    """Return platforms and sizes of an image at a registry: one request for each manifest.

    Raises:
        RefNotFound: The registry does not have it.
    """
    registry = client.origin
    root = _read(registry, reference, _target(reference))
    found = _read_graph(registry, reference, root, jobs, lambda _: True)
    return RemoteImage(
        reference=reference,
        descriptor=root.descriptor,
        content=root.content,
        size=sum({k: v for each in found for k, v in each.sizes.items()}.values()),
        manifests=tuple(
            _summary(registry, reference, each)
            for each in found
            if isinstance(each.parsed, Manifest)
        ),
    )


def document(client: Client, reference: Reference) -> bytes:
    """Return the index or the manifest that a reference resolves to, byte for byte."""
    _, content = client.origin.manifest(reference.path, _target(reference))
    return content


def config(client: Client, reference: Reference, platforms: Sequence[Platform]) -> bytes:
    """Return the config of the image for a platform, of this machine without one, or the only one.

    Raises:
        PlatformNotFound: The image has no such platform.
        WrongContent: The registry sends other bytes.
    """
    registry = client.origin
    root = _read(registry, reference, _target(reference))
    found = _read_graph(registry, reference, root, 1, lambda _: True)
    images = {
        _summary(registry, reference, each).platform: each.parsed.config
        for each in found
        if isinstance(each.parsed, Manifest)
        and each.parsed.is_image
        and not each.parsed.is_attestation
    }
    wanted = platforms or ([this_machine()] if len(images) > 1 else ())
    for platform, chosen in images.items():
        is_wanted = platform is not None and any(only(p).matches(platform) for p in wanted)
        if chosen is not None and (is_wanted or not wanted):
            return read_config(registry, reference.path, chosen)
    raise PlatformNotFound(
        reference.familiar, ", ".join(map(str, wanted)), [str(each) for each in images if each]
    )


class Publication(StrEnum):
    """State of a name of the cache in its registry."""

    PUBLISHED = "published"
    """The name resolves to the same digest there."""
    DIFFERENT = "different"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """The request failed."""


class Published(Record):
    """A name of the cache and its state in the registry; `error` if that is unknown."""

    root: Root
    publication: Publication
    error: CacheError | None = None

    @property
    def is_published(self) -> bool:
        """Whether a pull would restore the same image."""
        return self.publication is Publication.PUBLISHED


def check_published(
    roots: Sequence[Root], connect: _Connect, jobs: int = JOBS
) -> tuple[Published, ...]:
    """Resolve some names at their registries: one request a name.

    A failed request is reported as UNKNOWN, not raised.
    """
    questions = [_question(root, connect) for root in roots]
    with workers(jobs) as pool:
        return tuple(run_all(pool, lambda ask: ask(), questions))


def _question(root: Root, connect: _Connect) -> Callable[[], Published]:
    """Prepare the request for one name; open the client in the calling thread."""
    try:
        if root.name is None or parts_of(root.name)[0] is None:
            raise InvalidReference(
                root.name or root.digest, "not the name of an image in a registry"
            )
        reference = Reference.parse(root.name)
        registry = connect(reference.domain).origin
    except CacheError as error:
        unknown = Published(root=root, publication=Publication.UNKNOWN, error=error)
        return lambda: unknown
    return lambda: _ask(root, reference, registry)


def _ask(root: Root, reference: Reference, registry: Registry) -> Published:
    try:
        there = registry.resolve(reference)
    except RefNotFound:
        return Published(root=root, publication=Publication.ABSENT)
    except CacheError as error:
        return Published(root=root, publication=Publication.UNKNOWN, error=error)
    same = there.digest == root.digest
    return Published(
        root=root, publication=Publication.PUBLISHED if same else Publication.DIFFERENT
    )


class _RemoteDocument(NamedTuple):
    """A document at a registry."""

    descriptor: Descriptor
    content: bytes
    parsed: Index | Manifest

    @property
    def sizes(self) -> dict[Digest, int]:
        """The sizes of the document and of its blobs, those that may be absent among them."""
        leaves = graph.required_content(self.parsed).leaves
        return {each.digest: each.size for each in (self.descriptor, *leaves)}


def _read_graph(
    registry: Registry,
    reference: Reference,
    root: _RemoteDocument,
    jobs: int,
    is_wanted: Callable[[Descriptor], bool],
) -> list[_RemoteDocument]:
    """Read the documents below a root, level by level, each once; the root is the first."""
    found: dict[Digest, _RemoteDocument] = {root.descriptor.digest: root}
    with workers(jobs) as pool:

        def read(level: Sequence[Descriptor]) -> list[RequiredContent]:
            """Read the documents of one level that were not read yet, several at a time."""
            new = [each for each in level if each.digest not in found]
            answers = run_all(pool, lambda each: _read(registry, reference, each), new)
            found.update({each.descriptor.digest: each for each in answers})
            needed = [graph.required_content(found[each.digest].parsed) for each in level]
            return [
                each._replace(documents=tuple(filter(is_wanted, each.documents)))
                for each in needed
            ]

        graph.explore([root.descriptor], read, repr(reference.familiar))
    return list(found.values())


def _read(
    registry: Registry, reference: Reference, target: Descriptor | Digest | TagName
) -> _RemoteDocument:
    answered, content = registry.manifest(reference.path, target)
    # The response lacks the declarations of the index about a child, such as its platform.
    descriptor = target if isinstance(target, Descriptor) else answered
    try:
        parsed = manifest.parse(content, descriptor.media_type)
    except InvalidManifest as error:
        raise error.of(descriptor.digest) from error
    return _RemoteDocument(descriptor, content, parsed)


def _target(reference: Reference) -> Digest | TagName:
    return reference.digest or reference.tag or DEFAULT_TAG


def _summary(
    registry: Registry, reference: Reference, document: _RemoteDocument
) -> RemoteManifest:
    parsed = document.parsed
    assert isinstance(parsed, Manifest)
    platform = document.descriptor.platform or configured_platform(
        registry, reference.path, parsed
    )
    return RemoteManifest(
        descriptor=document.descriptor,
        platform=platform,
        artifact_type=None if parsed.is_image else graph.listed_artifact_type(parsed),
        layers=len(parsed.layers),
        size=sum(document.sizes.values()),
    )
