"""Selection: which manifests of an index belong to the platforms that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci import attestation
from cachedb.oci.platform.match import only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cachedb.oci import Descriptor, Index, Platform


def select_manifests(index: Index, wanted: Sequence[Platform]) -> tuple[Descriptor, ...]:
    """Return what an index lists for some platforms, in its order; everything if none is wanted.

    Each platform gets the best manifest that runs on it: itself, else what containerd would take
    (arm/v6 on arm/v7). Annotated attestations follow the manifests that they are about. Indexes
    inside the index are returned as well: only their content tells what is in them.
    """
    if not wanted:
        return index.manifests
    chosen = {found.digest for platform in wanted if (found := _best(index, platform))}
    return tuple(
        descriptor
        for descriptor in index.manifests
        if descriptor.digest in chosen
        or descriptor.media_type.is_index
        or attestation.about(descriptor.annotations) in chosen
    )


def select_with_referrers(
    index: Index, wanted: Sequence[Platform], subject_of: Callable[[Descriptor], str | None]
) -> tuple[Descriptor, ...]:
    """Do as `select_manifests`, and return the listed artifacts about what is chosen as well.

    `subject_of` reads what a document is about; it is asked where nothing but its content tells.
    """
    chosen = select_manifests(index, wanted)
    if not wanted:
        return chosen
    digests = {descriptor.digest for descriptor in chosen}
    followers = {
        descriptor.digest
        for descriptor in index.manifests
        if descriptor.digest not in digests
        and may_be_referrer(descriptor)
        and subject_of(descriptor) in digests
    }
    return tuple(d for d in index.manifests if d.digest in digests | followers)


def may_be_referrer(descriptor: Descriptor) -> bool:
    """Whether only the content can tell if a listed manifest is about another one.

    BuildKit's newer attestations are artifacts in the index, with a subject and no annotation.
    """
    if attestation.about(descriptor.annotations) is not None:
        return False
    if not descriptor.media_type.is_manifest:
        return False
    return descriptor.platform is None or descriptor.platform.is_unknown


def is_offered(wanted: Platform, offered: Sequence[Platform]) -> bool:
    """Whether one of the platforms runs on the one that is wanted."""
    return any(only(wanted).matches(each) for each in offered)


def _best(index: Index, platform: Platform) -> Descriptor | None:
    matcher = only(platform)
    fitting = [
        (matcher.key(descriptor.platform), descriptor)
        for descriptor in index.manifests
        if descriptor.platform is not None and matcher.matches(descriptor.platform)
    ]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None
