"""Platforms that images run on, parsed and compared as containerd/platforms does."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cachedb.errors import InvalidPlatform
from cachedb.oci.platform.variants import (
    normalize_architecture,
    normalize_os,
    runnable,
    windows_build,
    windows_runs,
)
from cachedb.patterns import lazy
from cachedb.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cachedb.oci.json_fields import Fields

_COMPONENT = lazy(r"[A-Za-z0-9_.-]+")
_OPTION = r"(?:[A-Za-z0-9_.-]|%[0-9A-Fa-f]{2})"
_OS = lazy(rf"([A-Za-z0-9_-]+)(?:\(({_OPTION}*(?:\+{_OPTION}+)*)\))?")
_NOT_PLAIN = lazy(r"[^A-Za-z0-9_.-]")
_MOST_WORDS = 3
KNOWN_OS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 "
    "solaris windows zos".split()
)
KNOWN_ARCHITECTURES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 "
    "mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
# Names of machines by uname; containerd uses those of Go.
_MACHINES = {
    "armv5tejl": ("arm", "v5"),
    "armv5tel": ("arm", "v5"),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv8l": ("arm", "v8"),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "loongarch64": ("loong64", ""),
}


class Platform(Record):
    """An operating system, an architecture, and its variant.

    `str()` is ``os/architecture/variant``, with the build of Windows, which alone distinguishes
    some images of an index: ``windows(10.0.20348.1)/amd64``. `full` has the version and the
    features of every operating system. `parse` reads both.

    Example:
        >>> str(Platform.parse("linux/aarch64"))
        'linux/arm64'
        >>> Platform.parse("linux/arm").normalized().variant
        'v7'
        >>> Platform.parse("linux/arm64").rank(Platform.parse("linux/arm/v7"))
        2
    """

    os: str
    """Operating system, as ``GOOS``; '' only in documents."""
    architecture: str
    """Architecture, as ``GOARCH``; '' only in documents."""
    variant: str = ""
    """Variant of the architecture, as ``v7``; '' for the default one."""
    os_version: str = ""
    """Version of the operating system, as images of Windows have one."""
    os_features: tuple[str, ...] = ()
    """Features that the operating system must have, as ``win32k``."""

    def __str__(self) -> str:
        name = self.os or "unknown"
        is_build = self.os_version and normalize_os(name) == "windows"
        return self._with_os(f"{name}({_escape(self.os_version)})" if is_build else name)

    @property
    def full(self) -> str:
        """Return the text with ``(version+feature)`` behind the operating system."""
        features = "".join(f"+{_escape(name)}" for name in sorted(filter(None, self.os_features)))
        options = f"{_escape(self.os_version)}{features}"
        name = self.os or "unknown"
        return self._with_os(f"{name}({options})" if options else name)

    @property
    def is_unknown(self) -> bool:
        """Whether it is the ``unknown/unknown`` that BuildKit gives to attestations."""
        return self.os == "unknown" and self.architecture == "unknown"

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os``, ``architecture``, ``os/architecture`` or ``os/architecture/variant``.

        Omitted parts are those of this machine, and aliases are folded.

        Raises:
            InvalidPlatform: A part is empty, has other characters, or one word is neither a
                known operating system nor a known architecture.
        """
        words = text.split("/", maxsplit=_MOST_WORDS)
        matched = _OS.fullmatch(words[0])
        if (
            matched is None
            or len(words) > _MOST_WORDS
            or not all(map(_COMPONENT.fullmatch, words[1:]))
        ):
            raise InvalidPlatform(text, "expected os/architecture or os/architecture/variant")
        if len(words) == 1:
            given = _one_word(matched[1], text)
        else:
            given = _words(matched[1], words[1], "".join(words[2:]))
        version, *features = (_unescape(part, text) for part in (matched[2] or "").split("+"))
        return given.replace(os_version=version, os_features=tuple(features))

    @classmethod
    def from_fields(cls, fields: Fields) -> Platform:
        """Read the ``platform`` of a descriptor, or the fields of a config, unchanged.

        Docker writes an empty ``os`` and ``architecture`` in some images, so they may be ''.

        Raises:
            InvalidManifest: One of the two is missing, or a field is of another type.
        """
        variant, version = fields.get("variant", str), fields.get("os.version", str)
        return _of(
            fields.require("os", str),
            fields.require("architecture", str),
            "" if variant is None else variant,
            "" if version is None else version,
            fields.strings("os.features"),
        )

    def to_json(self) -> dict[str, str | list[str]]:
        """Return the ``platform`` object of a descriptor; empty options are left out."""
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
        architecture, variant = normalize_architecture(self.architecture, self.variant)
        return self.replace(
            os=normalize_os(self.os),
            architecture=architecture,
            variant=variant,
            os_features=tuple(sorted(set(filter(None, self.os_features)))),
        )

    def is_same_as(self, other: Platform) -> bool:
        """Return whether `other` is the same platform: aliases, implied variants, features aside.

        Two Windows versions have to be of one build, where both are given.
        """
        ours, theirs = self.normalized(), other.normalized()
        builds = windows_build(ours.os_version), windows_build(theirs.os_version)
        return _machine(ours) == _machine(theirs) and (
            ours.os != "windows" or None in builds or builds[0] == builds[1]
        )

    def covers(self, other: Platform) -> bool:
        """Return whether an image for `other` runs on this platform without emulation.

        The same machine, a Windows build that this one runs, and no feature that it lacks.
        """
        ours, theirs = self.normalized(), other.normalized()
        return (
            _machine(ours) == _machine(theirs)
            and (ours.os != "windows" or windows_runs(ours.os_version, theirs.os_version))
            and set(theirs.os_features) <= set(ours.os_features)
        )

    def rank(self, other: Platform) -> int | None:
        """Rank how well this platform runs `other`: 0 is best; None if it does not run it.

        An arm/v7 runs v6 and v5, arm64 runs arm, amd64 runs 386 (containerd's ``Only``).
        """
        for position, each in enumerate(self.runnable()):
            if each.covers(other):
                return position
        return None

    def runnable(self) -> Iterator[Platform]:
        """Yield this platform, normalised, then the others that run on it, the best first."""
        me = self.normalized()
        for architecture, variant in runnable(me.architecture, me.variant):
            yield me.replace(architecture=architecture, variant=variant)

    def _with_os(self, name: str) -> str:
        return "/".join(part for part in (name, self.architecture, self.variant) if part)


def this_machine() -> Platform:
    """Return the platform of this machine; of macOS and Windows, that of its Linux containers."""
    import platform as host  # noqa: PLC0415  (most commands do not ask for this machine)

    system = host.system().lower()
    name = host.machine().lower()
    architecture, variant = _MACHINES.get(name, (name, ""))
    return Platform(
        os="linux" if system == "darwin" else system, architecture=architecture, variant=variant
    ).normalized()


@lru_cache(maxsize=256)
def _of(
    os: str, architecture: str, variant: str, os_version: str, os_features: tuple[str, ...]
) -> Platform:
    return Platform(
        os=os,
        architecture=architecture,
        variant=variant,
        os_version=os_version,
        os_features=os_features,
    )


def _machine(platform: Platform) -> tuple[str, str, str]:
    return platform.os, platform.architecture, platform.variant


def _one_word(word: str, text: str) -> Platform:
    here = this_machine()
    if normalize_os(word) in KNOWN_OS:
        return _words(word, here.architecture, here.variant if here.variant != "v7" else "")
    architecture, _ = normalize_architecture(word, "")
    # "amd64(1)" is an unknown operating system, not an architecture.
    if architecture in KNOWN_ARCHITECTURES and word == text:
        return _words(here.os, word, "")
    raise InvalidPlatform(text, "neither an operating system nor an architecture")


def _words(os: str, architecture: str, variant: str) -> Platform:
    name, normal = normalize_architecture(architecture, variant)
    # containerd keeps the default variant only where it is written out.
    if name == "arm" and normal == "v7" and not variant:
        normal = ""
    if name == "arm64" and not normal and variant:
        normal = "v8"
    return Platform(os=normalize_os(os), architecture=name, variant=normal)


def _escape(text: str) -> str:
    return _NOT_PLAIN.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode(errors="replace")), text
    )


def _unescape(part: str, text: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415  (needed for escapes alone)

    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidPlatform(text, "the escaped bytes are not UTF-8") from error
