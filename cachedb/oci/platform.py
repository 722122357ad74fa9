"""Platforms: what an image runs on, as containerd/platforms reads and compares them."""

from __future__ import annotations

import platform as host
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from cachedb.errors import InvalidPlatform

if TYPE_CHECKING:
    from cachedb.oci.fields import Fields

_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+")
_OS = re.compile(r"([A-Za-z0-9_.-]+)(?:\(([^()]*)\))?")
_KNOWN_OS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 "
    "solaris windows zos".split()
)
_KNOWN_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 "
    "mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
_ARM_GENERATIONS = {"5": ("v5",), "6": ("v6", "v5"), "7": ("v7", "v6", "v5")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """An operating system, an architecture, and its variant.

    `str()` gives the familiar ``os/architecture/variant``; `full` adds the version and the
    features of the operating system. `parse` reads both.

    Example:
        >>> str(Platform.parse("linux/aarch64"))
        'linux/arm64'
        >>> Platform.parse("linux/arm").normalized().variant
        'v7'
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def full(self) -> str:
        """The text form with ``(version+feature)`` after the operating system."""
        features = "".join(f"+{_escape(name)}" for name in sorted(filter(None, self.os_features)))
        extra = f"{_escape(self.os_version)}{features}"
        system = f"{self.os}({extra})" if extra else self.os
        return "/".join(part for part in (system, self.architecture, self.variant) if part)

    @property
    def is_unknown(self) -> bool:
        """Whether it is the ``unknown/unknown`` that BuildKit gives to attestations."""
        return self.os == "unknown" and self.architecture == "unknown"

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os``, ``architecture``, ``os/architecture`` or ``os/architecture/variant``.

        What is left out is that of this machine, and the rest is normalised.

        Raises:
            InvalidPlatform: A part is empty, has other characters, or one word is neither a
                known operating system nor a known architecture.
        """
        head, *rest = text.split("/")
        matched = _OS.fullmatch(head)
        if matched is None or len(rest) > 2 or not all(map(_COMPONENT.fullmatch, rest)):  # noqa: PLR2004
            raise InvalidPlatform(text, "expected os/architecture or os/architecture/variant")
        version, *features = (unquote(part) for part in (matched[2] or "").split("+"))
        if rest:
            name, architecture = matched[1], rest[0]
            variant = rest[1] if len(rest) > 1 else ""
        else:
            name, architecture, variant = _one_word(text, matched[1])
        given = cls(
            os=name,
            architecture=architecture,
            variant=variant,
            os_version=version,
            os_features=tuple(features),
        ).normalized()
        # containerd prints and keeps the implied variant as absent: linux/arm is arm/v7.
        implied = given.architecture == "arm" and given.variant == "v7"
        return replace(given, variant="") if implied and not variant else given

    @classmethod
    def from_fields(cls, fields: Fields) -> Platform:
        """Read the ``platform`` of a descriptor, or the fields of a config, as it stands."""
        return cls(
            os=fields.get("os", str) or "",
            architecture=fields.get("architecture", str) or "",
            variant=fields.get("variant", str) or "",
            os_version=fields.get("os.version", str) or "",
            os_features=fields.strings("os.features"),
        )

    def to_json(self) -> dict[str, str | list[str]]:
        """Return the ``platform`` object of a descriptor."""
        found: dict[str, str | list[str]] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            found["os.version"] = self.os_version
        if self.os_features:
            found["os.features"] = list(self.os_features)
        if self.variant:
            found["variant"] = self.variant
        return found

    def normalized(self) -> Platform:
        """Fold aliases: aarch64 is arm64, its v8 is implied, arm alone is arm/v7."""
        architecture, variant = _normalize_architecture(self.architecture, self.variant)
        return replace(
            self,
            os=_normalize_os(self.os),
            architecture=architecture,
            variant=variant,
            os_features=tuple(self.os_features),
        )

    def is_same_as(self, other: Platform) -> bool:
        """Whether `other` is this very platform, aliases and implied variants aside."""
        ours, theirs = self.normalized(), other.normalized()
        return (ours.os, ours.architecture, ours.variant) == (
            theirs.os,
            theirs.architecture,
            theirs.variant,
        ) and _runs_on(theirs, ours)

    def rank(self, other: Platform) -> int | None:
        """Say how well this platform runs `other`: 0 best, then worse; None if it does not.

        An arm/v7 runs v6 and v5, arm64 runs arm, amd64 runs 386 (containerd's ``Only``).
        """
        have = other.normalized()
        for position, candidate in enumerate(self._runnable()):
            if candidate.is_same_as(have):
                return position
        return None

    def _runnable(self) -> list[Platform]:
        """Return what this platform runs, itself first."""
        me = self.normalized()
        found = [me]
        if me.architecture == "amd64":
            generation = int(me.variant[1:]) if re.fullmatch(r"v[2-9]", me.variant) else 1
            found += [
                replace(me, variant=f"v{n}" if n > 1 else "") for n in range(generation - 1, 0, -1)
            ]
            found.append(replace(me, architecture="386", variant=""))
        elif me.architecture == "arm":
            found += [replace(me, variant=v) for v in _ARM_GENERATIONS.get(me.variant[1:], ())[1:]]
        elif me.architecture == "arm64":
            found += [replace(me, architecture="arm", variant=v) for v in ("v8", "v7", "v6", "v5")]
        return found


def this_machine() -> Platform:
    """Return the platform of the machine that we run on; containers run Linux elsewhere too."""
    system = host.system().lower()
    return Platform(
        os="linux" if system == "darwin" else system, architecture=host.machine()
    ).normalized()


def _one_word(text: str, word: str) -> tuple[str, str, str]:
    here = this_machine()
    if _normalize_os(word) in _KNOWN_OS:
        variant = here.variant if here.architecture == "arm" and here.variant != "v7" else ""
        return word, here.architecture, variant
    architecture, variant = _normalize_architecture(word, "")
    if architecture in _KNOWN_ARCHITECTURES:
        return here.os, architecture, "" if (architecture, variant) == ("arm", "v7") else variant
    raise InvalidPlatform(text, "neither an operating system nor an architecture")


def _normalize_os(name: str) -> str:
    folded = name.lower()
    return "darwin" if folded == "macos" else folded


def _normalize_architecture(architecture: str, variant: str) -> tuple[str, str]:
    architecture, variant = architecture.lower(), variant.lower()
    match architecture:
        case "i386":
            return "386", ""
        case "x86_64" | "x86-64" | "amd64":
            return "amd64", "" if variant == "v1" else variant
        case "aarch64" | "arm64":
            return "arm64", "" if variant in {"8", "v8", "v8.0"} else variant
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


def _runs_on(image: Platform, host_platform: Platform) -> bool:
    """Whether a Windows image of that build runs on that host: the builds have to agree."""
    if image.os != "windows" or not image.os_version or not host_platform.os_version:
        return True
    return image.os_version.split(".")[:3] == host_platform.os_version.split(".")[:3]


def _escape(text: str) -> str:
    return quote(text, safe=" !\"#$&'*,-.:;<=>?@[\\]^_`{|}~")
