"""References: the names of images, as distribution/reference reads them."""

from __future__ import annotations

import re
from typing import NewType

from cachedb.errors import InvalidDigest, InvalidReference
from cachedb.oci.digest import Digest
from cachedb.patterns import lazy
from cachedb.records import Record

TagName = NewType("TagName", str)
RepositoryName = NewType("RepositoryName", str)

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = TagName("latest")
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_LONGEST_NAME = 255

_ALNUM = r"[a-z0-9]+"
_SEPARATOR = r"(?:[._]|__|-+)"
_COMPONENT = f"{_ALNUM}(?:{_SEPARATOR}{_ALNUM})*"
_PATH = f"{_COMPONENT}(?:/{_COMPONENT})*"
_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[(?:[a-fA-F0-9:]+)\])"
_DOMAIN = rf"{_HOST}(?::[0-9]+)?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

DOMAIN = lazy(_DOMAIN)
TAG = lazy(_TAG)
NAME = lazy(rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH})")
REFERENCE = lazy(
    rf"(?P<name>(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH}))"
    rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
IDENTIFIER = lazy(r"[a-f0-9]{64}")
_TRANSPORTS = frozenset(
    ("containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive")
)


class Reference(Record):
    """A normalised image name: ``domain/path``, with a tag, a digest, both or neither.

    `str()` is the canonical form and `familiar` the short one that Docker prints; `parse`
    reads both.

    Example:
        >>> str(Reference.parse("alpine:3.20"))
        'docker.io/library/alpine:3.20'
        >>> Reference.parse("docker.io/library/alpine").familiar
        'alpine'
    """

    domain: str
    """Host of the registry, with its port."""
    path: str
    """Path of the repository in the registry."""
    tag: TagName | None = None
    """Tag; None without one."""
    digest: Digest | None = None
    """Digest; None without one."""

    def __str__(self) -> str:
        return self._with_suffix(self.repository)

    @property
    def repository(self) -> RepositoryName:
        """The name without tag and digest."""
        return RepositoryName(f"{self.domain}/{self.path}")

    @property
    def familiar(self) -> str:
        """The shortest text that parses to this reference."""
        name: str = self.repository
        if self.domain == DEFAULT_DOMAIN:
            short = self.path.removeprefix(_OFFICIAL)
            name = short if "/" not in short else self.path
        # Docker prints the short form of docker.io/foo.bar/baz too, although it parses to another
        # image.
        found = self._with_suffix(name)
        return found if _is_familiar(found) else str(self)

    @property
    def is_name_only(self) -> bool:
        """Whether there is neither a tag nor a digest."""
        return self.tag is None and self.digest is None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a name as users type it: docker.io and library/ may be omitted.

        Raises:
            InvalidReference: The text does not follow the grammar of distribution/reference.
        """
        if IDENTIFIER.fullmatch(text):
            raise InvalidReference(text, "64 hex digits are an image ID, not a name")
        domain, remainder = _split_domain(text)
        path = re.split("[:@]", remainder, maxsplit=1)[0]
        if path != path.lower():
            raise InvalidReference(text, "a repository name has to be lower-case")
        return cls._strict(f"{domain}/{remainder}", text)

    @classmethod
    def _strict(cls, full: str, text: str) -> Reference:
        matched = REFERENCE.fullmatch(full)
        if matched is None or matched["domain"] is None:
            why = "expected [registry/]repository[:tag][@digest]"
            hint = _without_transport(text)
            raise InvalidReference(text, why, hint=hint)
        if len(matched["path"]) > _LONGEST_NAME:
            raise InvalidReference(text, f"the path is longer than {_LONGEST_NAME} characters")
        return cls(
            domain=matched["domain"],
            path=matched["path"],
            tag=TagName(matched["tag"]) if matched["tag"] else None,
            digest=_digest(matched["digest"], text),
        )

    @classmethod
    def parse_pinned(cls, text: str) -> Reference:
        """Parse a name for a pull: by digest if it has one, else by tag, by default latest.

        Example:
            >>> str(Reference.parse_pinned("alpine"))
            'docker.io/library/alpine:latest'
        """
        found = cls.parse(text)
        return found.with_digest(found.digest) if found.digest else found.with_default_tag()

    def with_default_tag(self) -> Reference:
        """Add ``latest`` when there is neither a tag nor a digest."""
        return self.replace(tag=DEFAULT_TAG) if self.is_name_only else self

    def with_tag(self, tag: str) -> Reference:
        """Return the reference to another tag of the same repository, without a digest.

        Raises:
            InvalidReference: The tag breaks the grammar (distribution-spec, Pulling manifests).
        """
        if not TAG.fullmatch(tag):
            raise InvalidReference(tag, "not a tag")
        return self.replace(tag=TagName(tag), digest=None)

    def with_digest(self, digest: Digest) -> Reference:
        """Return the reference to one digest of the same repository, without a tag."""
        return self.replace(tag=None, digest=digest)

    def _with_suffix(self, name: str) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{name}{tag}{digest}"


def parse_any(text: str) -> Reference | Digest:
    """Parse the name of an image on a command line: a name, a digest, or its 64 hex digits.

    Raises:
        InvalidReference: It is none of these.

    Example:
        >>> type(parse_any("sha256:" + "a" * 64)).__name__
        'Digest'
    """
    if IDENTIFIER.fullmatch(text):
        return Digest(f"sha256:{text}")
    try:
        return Digest(text)
    except InvalidDigest:
        return Reference.parse(text)


def _digest(text: str | None, reference: str) -> Digest | None:
    if not text:
        return None
    try:
        return Digest(text)
    except InvalidDigest as error:
        raise InvalidReference(reference, error.why) from error


def _without_transport(text: str) -> str | None:
    """Return a hint for a name with a transport, as those of skopeo (containers-transports(5))."""
    transport, colon, rest = text.partition(":")
    if transport == "docker" and rest.startswith("//"):
        return f"without the transport: {rest[2:]}"
    if colon and transport in _TRANSPORTS:
        return "cachedb import FILE reads archives and layouts; names have no transport"
    return None


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if slash and _is_domain(first):
        domain, remainder = first, rest
    else:
        domain, remainder = DEFAULT_DOMAIN, text
    if domain == _LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = _OFFICIAL + remainder
    return domain, remainder


def _is_familiar(text: str) -> bool:
    first, slash, _ = text.partition("/")
    return not IDENTIFIER.fullmatch(text) and not (slash and _is_domain(first))


def _is_domain(component: str) -> bool:
    """Return whether the first component is a registry: has a dot, port or upper-case letter."""
    return bool(set(".:") & set(component)) or (
        component == "localhost" or component != component.lower()
    )
