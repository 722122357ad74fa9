"""Patterns of references: `alpine`, `acme/*`, `docker.io/library/alpine:3.19`, `x@sha256:ab`.

A pattern without a registry matches at the end of a repository's path, whole components only:
`alpine` means any repository that ends in `/alpine`, in any registry, with any tag, and never
`my-alpine`. With a registry the whole path has to match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cachedb.oci.reference import DEFAULT_DOMAIN
from cachedb.patterns import lazy
from cachedb.query.messages import error_at
from cachedb.query.semantics import globs
from cachedb.records import Record

if TYPE_CHECKING:
    from cachedb.query.semantics.globs import Glob
    from cachedb.query.syntax.tree import Span

_HEX: Final = lazy(r"[0-9a-fA-F]{6,}")
_WITH_ALGORITHM: Final = lazy(r"(?P<algorithm>sha256|sha384|sha512):(?P<hex>[0-9a-fA-F]*)")
_ANY_ALGORITHM: Final = lazy(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]*")
_ALGORITHMS: Final = ("sha256", "sha384", "sha512")
_HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_LIBRARY: Final = "library/"
_LONGEST: Final = 600


class NamePattern(Record):
    """A pattern for the parts of a name; None matches anything.

    `whole` is the pattern for names that are not references and have no parts.
    """

    text: str
    """Pattern as it was typed."""
    registry: Glob | None = None
    """Pattern of the host of the registry."""
    path: Glob
    """Pattern of the path of the repository."""
    tag: Glob | None = None
    """Pattern of the tag."""
    digest: DigestPrefix | None = None
    """Beginning of the digest."""
    whole: Glob

    @property
    def plain(self) -> str | None:
        """The canonical reference, if the pattern has no wildcards, no gaps and no digest."""
        if self.registry is None or self.tag is None or self.digest is not None:
            return None
        registry, path, tag = self.registry.literal, self.path.literal, self.tag.literal
        if registry is None or path is None or tag is None:
            return None
        return f"{registry}/{path}:{tag}"


class DigestPrefix(Record):
    """The beginning of a digest, once for each possible algorithm."""

    prefixes: tuple[str, ...]

    @property
    def whole(self) -> str | None:
        """The digest, if it is complete."""
        if len(self.prefixes) != 1:
            return None
        algorithm, _, encoded = self.prefixes[0].partition(":")
        return self.prefixes[0] if len(encoded) == _HEX_DIGITS.get(algorithm) else None


def looks_like_digest(text: str) -> bool:
    """Return whether a bare word is the beginning of a digest rather than a name."""
    return bool(_HEX.fullmatch(text) or _WITH_ALGORITHM.fullmatch(text))


def parse_digest(text: str, span: Span) -> DigestPrefix:
    """Read the beginning of a digest.

    Raises:
        QueryError: The text is not a digest, or is too short.
    """
    if found := _WITH_ALGORITHM.fullmatch(text):
        digits, longest = found["hex"].lower(), _HEX_DIGITS[found["algorithm"]]
        if len(digits) > longest:
            raise error_at(span, f"{found['algorithm']} has {longest} digits, and this has more")
        return DigestPrefix(prefixes=(f"{found['algorithm']}:{digits}",))
    if _HEX.fullmatch(text):
        fitting = [name for name in _ALGORITHMS if len(text) <= _HEX_DIGITS[name]]
        if not fitting:
            raise error_at(span, "too many digits for a digest")
        return DigestPrefix(prefixes=tuple(f"{name}:{text.lower()}" for name in fitting))
    algorithm, colon, _ = text.partition(":")
    if colon and algorithm in _ALGORITHMS:
        raise error_at(
            span, f"the digits of a {algorithm} are 0-9 and a-f", f"{algorithm}:6b86b273"
        )
    if _ANY_ALGORITHM.fullmatch(text):
        return DigestPrefix(prefixes=(text,))
    raise error_at(
        span,
        f"`{text}` is not the beginning of a digest",
        "write at least 6 of its digits: 6b86b273",
        "or the algorithm before them: sha256:6b86",
    )


def parse_name(text: str, span: Span) -> NamePattern:
    """Read a pattern of references.

    Raises:
        QueryError: A part is empty, or the digest behind the `@` is invalid.
    """
    name, at, digest = text.partition("@")
    registry, name = _registry(name)
    path, tag = _tag(name)
    parts = path.split("/")
    if not all(parts) or tag == "":
        why = f"`{text}` is not a reference: a part of it is empty"
        raise error_at(span, why, "alpine:3.20", "docker.io/library/alpine")
    if len(text) > _LONGEST:
        raise error_at(span, f"a pattern of references has at most {_LONGEST} characters")
    if registry == DEFAULT_DOMAIN and len(parts) == 1 and globs.parse(path, span).literal:
        path = _LIBRARY + path
    return NamePattern(
        text=text,
        registry=globs.parse(registry, span) if registry else None,
        path=globs.parse(path, span),
        tag=globs.parse(tag, span) if tag is not None else None,
        digest=parse_digest(digest, span) if at else None,
        whole=globs.parse(text, span),
    )


def _registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    plain = globs.plain(first)
    if slash and (set(".:") & set(plain) or plain == "localhost"):
        return (DEFAULT_DOMAIN if plain == "index.docker.io" else first), rest
    return "", name


def _tag(name: str) -> tuple[str, str | None]:
    head, slash, last = name.rpartition("/")
    path, colon, tag = last.partition(":")
    return f"{head}{slash}{path}", tag if colon else None
