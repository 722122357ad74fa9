"""Compatibility of architectures: aliases, variants and Windows builds (containerd/platforms)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

# Two digits bound the list of variants that a document can demand.
_GENERATION = lazy(r"v?([0-9]{1,2})")
_ARM64_VARIANT = lazy(r"v?([0-9]{1,2})(?:\.([0-9]))?")
_OLDEST_ARM = 5
_ARMV8 = 8
_ARMV9 = 9
# v9.0 is a superset of v8.5, and the last v8 is v8.9.
_V9_IS_V8_PLUS = 5
_LAST_V8_MINOR = 9

_BUILD = lazy(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,5})(?:\..*)?")
# From Windows Server 2022 on, a host runs the images of that and every later build up to its own.
_FIRST_STABLE_BUILD = 20348


def normalize_os(name: str) -> str:
    """Fold case and Apple's name for its system."""
    folded = name.lower()
    return "darwin" if folded == "macos" else folded


def normalize_architecture(architecture: str, variant: str) -> tuple[str, str]:
    """Fold aliases, and drop the variant that its architecture implies (arm's is v7)."""
    architecture, variant = architecture.lower(), variant.lower()
    match architecture:
        case "i386":
            return "386", ""
        case "x86_64" | "x86-64" | "amd64":
            return "amd64", "" if variant == "v1" else variant
        case "aarch64" | "arm64":
            return "arm64", {"8": "", "v8": "", "v8.0": "", "v9.0": "v9"}.get(variant, variant)
        case "armhf":
            return "arm", "v7"
        case "armel":
            return "arm", "v6"
        case "arm" if variant in {"", "7"}:
            return "arm", "v7"
        case "arm" if variant in {"5", "6", "8"}:
            return "arm", f"v{variant}"
        case _:
            return architecture, variant


def runnable(architecture: str, variant: str) -> Iterator[tuple[str, str]]:
    """Yield the architectures and variants that a normalised one runs, the best first."""
    yield architecture, variant
    match architecture:
        case "amd64":
            for generation in range(_generation(variant) - 1, 0, -1):
                yield normalize_architecture("amd64", f"v{generation}")
            yield "386", ""
        case "arm":
            for generation in range(_generation(variant) - 1, _OLDEST_ARM - 1, -1):
                yield "arm", f"v{generation}"
        case "arm64":
            yield from _older_arm64(variant or "v8")


def _older_arm64(variant: str) -> Iterator[tuple[str, str]]:
    matched = _ARM64_VARIANT.fullmatch(variant)
    if matched is not None:
        major, minor = int(matched[1]), int(matched[2] or 0)
        if major == _ARMV9:
            yield from _minors(major, minor - 1)
            major, minor = _ARMV8, min(minor + _V9_IS_V8_PLUS, _LAST_V8_MINOR) + 1
        if major >= _ARMV8:
            yield from _minors(major, minor - 1)
    thirty_two = "v8" if variant.startswith(("v8.", "v9.")) else variant
    yield from runnable("arm", thirty_two)


def _minors(major: int, newest: int) -> Iterator[tuple[str, str]]:
    for minor in range(newest, -1, -1):
        yield normalize_architecture("arm64", f"v{major}.{minor}" if minor else f"v{major}")


def _generation(variant: str) -> int:
    matched = _GENERATION.fullmatch(variant)
    return int(matched[1]) if matched else 0


def windows_runs(host: str, image: str) -> bool:
    """Return whether a Windows host of one ``os.version`` runs an image of another.

    An absent version matches every version; before Server 2022 the builds have to be equal.
    """
    ours = windows_build(host)
    if ours is None or not image:
        return True
    theirs = windows_build(image) or (0, 0, 0)
    if ours[:2] != theirs[:2]:
        return False
    if ours[2] < _FIRST_STABLE_BUILD:
        return ours[2] == theirs[2]
    return _FIRST_STABLE_BUILD <= theirs[2] <= ours[2]


def windows_build(version: str) -> tuple[int, int, int] | None:
    """Return major, minor and build of a Windows ``os.version``; None without them."""
    matched = _BUILD.fullmatch(version)
    return (int(matched[1]), int(matched[2]), int(matched[3])) if matched else None
