"""Tags for the single platforms of an image: ``v1-amd64``, ``v1-arm-v7``, ``v1-windows-amd64``.

linuxkit pushes ``TAG-ARCHITECTURE``; where that would give one tag to two images (arm/v6 and
arm/v7, windows/amd64 and linux/amd64), the variant and the operating system are part of it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.oci.platform.variants import windows_build
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cachedb.oci.descriptor import Descriptor
    from cachedb.oci.platform.model import Platform
    from cachedb.oci.reference import Reference

_NOT_FOR_TAGS = lazy(r"[^A-Za-z0-9_.-]+")


def arch_tags(
    target: Reference, manifests: Iterable[Descriptor]
) -> tuple[dict[Reference, Descriptor], tuple[Descriptor, ...]]:
    """Name the images that an index lists; return also those that get no name of their own.

    Documents without a platform, or for unknown/unknown, are no images and get none. Of two images
    for one platform the first gets the tag, because a pull selects the first.

    Raises:
        InvalidReference: A tag would be too long.

    Example:
        >>> from cachedb.oci import Platform
        >>> suffix_of(Platform.parse("linux/arm64/v8")), suffix_of(Platform.parse("linux/arm/v6"))
        ('arm64', 'arm-v6')
    """
    found: dict[Reference, Descriptor] = {}
    nameless: list[Descriptor] = []
    for descriptor in manifests:
        platform = descriptor.platform
        if platform is None or platform.is_unknown or not platform.architecture:
            continue
        tag = target.with_tag(f"{target.tag}-{suffix_of(platform)}")
        if found.setdefault(tag, descriptor).digest != descriptor.digest:
            nameless.append(descriptor)
    return found, tuple(nameless)


def suffix_of(platform: Platform) -> str:
    """Return the suffix of the tag of a platform; the default variant is omitted.

    arm alone is arm/v7, and its tag says so. Of a Windows version the build is enough: a newer
    patch of it is the same platform.
    """
    normal = platform.normalized()
    system = "" if normal.os in {"", "linux"} else normal.os
    build = ".".join(map(str, windows_build(normal.os_version) or ()))
    parts = (system, normal.architecture, normal.variant, build)
    return "-".join(_NOT_FOR_TAGS.sub("_", part) for part in parts if part)
