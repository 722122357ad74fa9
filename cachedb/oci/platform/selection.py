"""Selection of platforms: the manifests of an index for the wanted platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci import attestation
from cachedb.oci.platform.match import only
from cachedb.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.manifest import Index
    from cachedb.oci.platform.model import Platform


class Clues(NamedTuple):
    """Readers of listed manifests, for properties that their descriptors do not declare.

    `subject_of` returns the digest that a manifest refers to, `platform_of` the platform in the
    config of an image. Both return None for a manifest that has none, or that is absent.
    """

    subject_of: Callable[[Descriptor], str | None]
    platform_of: Callable[[Descriptor], Platform | None]


class Selection(NamedTuple):
    """The chosen manifests of one index, in its order, and platforms in that order.

    `offered` are those of all images that the index itself lists, `taken` those of the chosen
    ones. Inner indexes are always chosen, because only their content states their platforms.
    """

    chosen: tuple[Descriptor, ...]
    """Descriptors of the chosen manifests, in the order of the index."""
    offered: tuple[Platform, ...]
    taken: tuple[Platform, ...]


def select(index: Index, wanted: Sequence[Platform], clues: Clues) -> Selection:
    """Select the manifests of an index for some platforms; all of them if none is wanted.

    Each platform gets the best manifest that runs on it: itself, else the one that containerd
    selects (arm/v6 on arm/v7). The platform of an image is that of its descriptor, else that of
    its config: `platform` of a descriptor is optional (image-spec, image-index.md). Attestations
    follow the manifests that they are about, by annotation or by subject.
    """
    images = list(_images(index, clues))
    offered = tuple(dict.fromkeys(platform for _, platform in images))
    if not wanted:
        return Selection(index.manifests, offered, offered)
    best: set[str] = {found for each in wanted if (found := _best(images, each))}
    chosen = best | {each.digest for each in index.manifests if each.media_type.is_index}
    while followers := set(_followers(index.manifests, chosen, clues)):
        chosen |= followers
    return Selection(
        chosen=tuple(each for each in index.manifests if each.digest in chosen),
        offered=offered,
        taken=tuple(dict.fromkeys(platform for digest, platform in images if digest in best)),
    )


def is_unclear(descriptor: Descriptor) -> bool:
    """Return whether the content of a manifest must be read for its platform or its subject.

    BuildKit's newer attestations are artifacts in the index, with a subject and no annotation.
    """
    if attestation.about(descriptor.annotations) is not None:
        return False
    if not descriptor.media_type.is_manifest:
        return False
    return descriptor.platform is None or descriptor.platform.is_unknown


def is_silent(descriptor: Descriptor) -> bool:
    """Return whether the content of a listed document must be read for its platforms."""
    if descriptor.media_type.is_index:
        return True
    return descriptor.platform is None and is_unclear(descriptor)


def is_offered(wanted: Platform, offered: Sequence[Platform]) -> bool:
    """Return whether one of the platforms runs on the wanted one."""
    return any(only(wanted).matches(each) for each in offered)


def _images(index: Index, clues: Clues) -> Iterator[tuple[str, Platform]]:
    """Yield the digests of the images that an index lists, with their platforms."""
    for each in index.manifests:
        if each.media_type.is_manifest:
            found = clues.platform_of(each) if is_silent(each) else each.platform
            if found is not None and not found.is_unknown:
                yield each.digest, found


def _best(images: Sequence[tuple[str, Platform]], wanted: Platform) -> str | None:
    matcher = only(wanted)
    fitting = [
        (matcher.key(platform), digest) for digest, platform in images if matcher.matches(platform)
    ]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _followers(listed: Iterable[Descriptor], chosen: set[str], clues: Clues) -> Iterator[str]:
    """Yield the digests of attestations about the chosen manifests that are not chosen yet."""
    for each in listed:
        if each.digest in chosen:
            continue
        about = attestation.about(each.annotations)
        if about is None and is_unclear(each):
            about = clues.subject_of(each)
        if about in chosen:
            yield each.digest
