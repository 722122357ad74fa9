"""Digests: the names of blobs (image-spec, descriptor.md §Digests)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from cachedb.errors import InvalidDigest
from cachedb.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash

# The algorithms that go-digest registers, each with its number of hex digits.
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_ALGORITHM = lazy(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*")
_ENCODED = lazy(r"[a-zA-Z0-9=_-]+")
_HEX = lazy(r"[a-f0-9]+")
# Fast path: nearly all digests are SHA-256.
_USUAL = lazy(r"sha256:[a-f0-9]{64}")


class Digest(str):
    """A checked content digest such as ``sha256:6c3c62…``.

    A `Digest` has been through the grammar of the image-spec, so its parts are safe to use as path
    components, and cachedb can compute its algorithm. `Digest.declared` accepts any algorithm, as
    a descriptor may.

    Raises:
        InvalidDigest: The text is not a digest, or its algorithm is unknown.

    Example:
        >>> Digest.of(b"{}").algorithm
        'sha256'
        >>> Digest("md5:d41d8cd98f00b204e9800998ecf8427e")
        Traceback (most recent call last):
            ...
        cachedb.errors.InvalidDigest: invalid digest ...: unsupported algorithm 'md5'
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check `text` against the grammar and the registered algorithms (descriptor.md §Digests).

        Raises:
            InvalidDigest: It breaks the grammar, or cachedb cannot compute the algorithm.
        """
        digest = cls.declared(text)
        if not digest.is_verifiable:
            raise InvalidDigest(text, f"unsupported algorithm {digest.algorithm!r}")
        return digest

    @classmethod
    def declared(cls, text: str) -> Self:
        """Check `text` against the grammar alone.

        Implementations SHOULD let a digest of an unknown algorithm pass (descriptor.md §Digests);
        such a digest is listed, and its blob is never fetched or stored.

        Raises:
            InvalidDigest: It breaks the grammar.
        """
        if _USUAL.fullmatch(text):
            return super().__new__(cls, text)
        algorithm, colon, encoded = text.partition(":")
        if not colon or not encoded:
            raise InvalidDigest(text, "expected algorithm:encoded")
        if not _ALGORITHM.fullmatch(algorithm):
            raise InvalidDigest(text, f"{algorithm!r} is not the name of an algorithm")
        if not _ENCODED.fullmatch(encoded):
            raise InvalidDigest(text, "the encoded part has invalid characters")
        length = _HEX_DIGITS.get(algorithm)
        if length is not None and not (len(encoded) == length and _HEX.fullmatch(encoded)):
            raise InvalidDigest(text, f"expected {length} lower-case hex digits")
        return super().__new__(cls, text)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Self:
        """Compute the digest of `content`, by default with SHA-256.

        The registered algorithms are those of image-spec, descriptor.md §Digests.
        """
        import hashlib  # noqa: PLC0415  (loads OpenSSL: 3 ms, which a listing does not need)

        return cls(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """The part before the colon, in lower case."""
        return self.partition(":")[0]

    @property
    def encoded(self) -> str:
        """The part after the colon: hexadecimal digits in lower case for sha256 and sha512."""
        return self.partition(":")[2]

    @property
    def is_verifiable(self) -> bool:
        """Whether cachedb can compute the algorithm: sha256, sha384 or sha512."""
        return self.algorithm in _HEX_DIGITS

    def hasher(self) -> _Hash:
        """Return a fresh hash object of the digest's algorithm."""
        import hashlib  # noqa: PLC0415

        return hashlib.new(self.algorithm)


def are_usual(texts: Iterable[str]) -> bool:
    """Return whether all texts are digests of SHA-256; costs a third of making a `Digest` of each.

    Example:
        >>> are_usual([Digest.of(b""), Digest.of(b"{}")]), are_usual(["sha256:short"])
        (True, False)
    """
    return all(map(_USUAL.fullmatch, texts))
