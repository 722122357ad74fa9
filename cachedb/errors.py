"""Exceptions of cachedb, each with its exit code.

    CacheError
        InvalidInput
            InvalidDigest
            InvalidMediaType
            InvalidReference
            InvalidPlatform
            InvalidManifest
            InvalidPackageURL
            InvalidArchive
            QueryError
            LimitExceeded
            Refused
                CatalogOfAnother
        NotFound
            RefNotFound
                AmbiguousName
            BlobNotFound
            PlatformNotFound
            CacheNotFound
        CorruptCache
            CorruptBlob
            NotALayout
            CatalogMismatch
            UnreadableGraph
        CacheBusy
        SchemaTooNew
        RegistryError
            AuthenticationFailed
            RegistryUnavailable
            RateLimited
            UntrustedOrigin
            WrongContent
        ValidationFailed
        StorageFailed
        Declined

A `CacheError` has its facts as attributes and builds its message from them, so
callers test types and attributes, never text. Text from outside the program is
inserted with `!r`, which escapes characters that do not print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class CacheError(Exception):
    """Base class of the errors of cachedb; `hint` is a command or a word that can be typed."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint: str | None = hint


class InvalidInput(CacheError):
    """Input does not follow its grammar or specification."""

    exit_code = 2


class InvalidDigest(InvalidInput):
    """A string is not an OCI digest (image-spec, descriptor.md §Digests)."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid digest {text!r}: {why}")
        self.text = text
        self.why = why


class InvalidMediaType(InvalidInput):
    """A string is not a media type (RFC 6838 §4.2)."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid media type {text!r}: {why}")
        self.text = text
        self.why = why


class InvalidReference(InvalidInput):
    """A string is not an image reference."""

    def __init__(self, text: str, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"invalid reference {text!r}: {why}", hint=hint)
        self.text = text
        self.why = why


class InvalidPlatform(InvalidInput):
    """A string or a descriptor is not a platform (image-spec, image-index.md §platform)."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid platform {text!r}: {why}", hint="linux/arm64/v8")
        self.text = text
        self.why = why


class InvalidManifest(InvalidInput):
    """A document does not follow image-spec.

    `path` is the place in the document, as in ``manifests[2].platform.os``; `document` is the
    digest or the file name of the document, or empty if it is not known.
    """

    def __init__(self, why: str, path: str = "", *, document: str = "") -> None:
        where = ": ".join(part for part in (document, path) if part)
        super().__init__(f"{where}: {why}" if where else why)
        self.path = path
        self.why = why
        self.document = document

    def of(self, document: str) -> InvalidManifest:
        """Return a copy of the error that names the document."""
        return InvalidManifest(self.why, self.path, document=document)


class InvalidPackageURL(InvalidInput):
    """A string is not a package URL."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid package URL {text!r}: {why}")
        self.text = text
        self.why = why


class InvalidArchive(InvalidInput):
    """A tar archive is truncated, malformed, or holds no image."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class QueryError(InvalidInput):
    """A query has a syntax error or a type error; `span` is its start and end in `source`.

    `hints` are corrections that can be typed; the first one is also `hint`.
    """

    def __init__(
        self, why: str, source: str, span: tuple[int, int], *, hints: Sequence[str] = ()
    ) -> None:
        super().__init__(why, hint=hints[0] if hints else None)
        self.why = why
        self.source = source
        self.span = span
        self.hints: tuple[str, ...] = tuple(hints)


class LimitExceeded(InvalidInput):
    """Data from outside exceeds a limit of `cachedb.limits`."""

    def __init__(self, what: str, limit_name: str, limit: int, variable: str) -> None:
        hint = f"{variable}=NUMBER raises the limit"
        super().__init__(f"{what} exceeds the {limit_name} limit of {limit}", hint=hint)
        self.what = what
        self.limit = limit


class Refused(InvalidInput):
    """The operation would destroy more than the arguments name."""


class CatalogOfAnother(Refused):
    """The catalog in a server is that of another layout; `catalog` is its name.

    `is_copy` says that this layout is a copy of that one, and has its identifier.
    """

    def __init__(
        self, message: str, catalog: str, *, is_copy: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.catalog = catalog
        self.is_copy = is_copy


class NotFound(CacheError):
    """A name, digest, platform or cache does not exist."""

    exit_code = 3


class RefNotFound(NotFound):
    """No ref has that name, or several match; `candidates` are similar or matching names."""

    def __init__(
        self, text: str, candidates: Sequence[str] = (), *, why: str = "", hint: str | None = None
    ) -> None:
        if hint is None and candidates:
            hint = f"did you mean {', '.join(candidates)}?"
        super().__init__(why or f"no such reference: {text!r}", hint=hint)
        self.text = text
        self.candidates: tuple[str, ...] = tuple(candidates)


class AmbiguousName(RefNotFound):
    """Several images have that name; `candidates` are texts that each stand for one of them."""

    def __init__(self, text: str, candidates: Sequence[str]) -> None:
        chosen = list(dict.fromkeys(candidates))
        super().__init__(
            text,
            chosen,
            why=f"{text!r} is the name of {len(chosen)} images",
            hint=f"choose one: {_listed(chosen)}",
        )


def _listed(choices: Sequence[str], most: int = 5) -> str:
    more = f" or {len(choices) - most} others" if len(choices) > most else ""
    return " or ".join(choices[:most]) + more


class BlobNotFound(NotFound):
    """The cache does not hold that blob."""

    def __init__(self, digest: str, why: str = "") -> None:
        super().__init__(why or f"blob {digest} is not in the cache")
        self.digest = digest


class PlatformNotFound(NotFound):
    """An image does not have a platform; `available` are those that it has."""

    def __init__(self, name: str, wanted: str, available: Sequence[str]) -> None:
        has = ", ".join(available) if available else "none"
        super().__init__(f"{name!r} has no {wanted} (it has {has})")
        self.name = name
        self.wanted = wanted
        self.available: tuple[str, ...] = tuple(available)


HINT_TO_FILL = (
    "cachedb pull NAME or cachedb import FILE creates it, or choose another with --cache DIR"
)


class CacheNotFound(NotFound):
    """There is no directory at that path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no cache at {path!r}: no such directory", hint=HINT_TO_FILL)
        self.path = path


class CorruptCache(CacheError):
    """Files on disk contradict the layout or the catalog."""

    exit_code = 4


class CorruptBlob(CorruptCache):
    """The size or the hash of a blob differs from its descriptor, or it is no regular file."""

    def __init__(self, digest: str, why: str, *, path: str = "") -> None:
        where = f" ({path})" if path else ""
        super().__init__(f"blob {digest} {why}{where}", hint="cachedb verify --repair")
        self.digest = digest
        self.why = why
        self.path = path


class NotALayout(CorruptCache):
    """A directory is not a usable OCI image layout."""

    def __init__(self, path: str, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path!r} is not a usable OCI image layout: {why}", hint=hint)
        self.path = path
        self.why = why


class CatalogMismatch(CorruptCache):
    """The catalog belongs to another layout, or is damaged."""


class UnreadableGraph(CorruptCache):
    """A reachable document cannot be read, so a collection would delete its children.

    `image` is a name or digest of an image that needs the document.
    """

    def __init__(
        self, digest: str, why: str, path: str, image: str = "the image that needs it"
    ) -> None:
        super().__init__(
            f"refusing to collect: {path} is reachable and cannot be read: {why}",
            hint=f"cachedb verify --repair, or cachedb rm {image}",
        )
        self.digest = digest
        self.why = why
        self.path = path


class CacheBusy(CacheError):
    """Another process holds a lock that the operation needs."""

    exit_code = 5


class SchemaTooNew(CacheError):
    """The catalog was written by a newer cachedb."""

    exit_code = 6


class RegistryError(CacheError):
    """A registry refused a request or deviates from distribution-spec."""

    exit_code = 7


class AuthenticationFailed(RegistryError):
    """The registry refuses the credentials, or needs some and there are none."""


class RegistryUnavailable(RegistryError):
    """The registry cannot be reached, or answers with server errors.

    `unanswered` is the origin that did not answer at all; if `is_lasting`, a retry would fail too.
    """

    def __init__(
        self,
        message: str,
        *,
        unanswered: str | None = None,
        is_lasting: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.unanswered = unanswered
        self.is_lasting = is_lasting


class RateLimited(RegistryError):
    """The registry limits requests; `retry_at` is the time of the next one, if it said so."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class UntrustedOrigin(RegistryError):
    """A server redirects to an origin, or asks for a secret, that is not trusted."""


class WrongContent(RegistryError):
    """A registry sent other content than was requested; `subject` names the request."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"{subject}: {why}")
        self.subject = subject
        self.why = why


class ValidationFailed(CacheError):
    """A check has findings; raised by the command line only."""

    exit_code = 8


class StorageFailed(CacheError):
    """The file system refused: disk full, read-only, or permission denied."""

    exit_code = 9

    @classmethod
    def of(cls, error: OSError, doing: str) -> StorageFailed:
        """Make the error of a failed system call; `doing` completes "cannot …"."""
        return cls(f"cannot {doing}: {(error.strerror or str(error)).lower()}")


class Declined(CacheError):
    """A confirmation was declined and nothing was changed; raised by the command line only."""

    exit_code = 10
