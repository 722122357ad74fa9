"""Everything cachedb raises on purpose.

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
        NotFound
            RefNotFound
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

A `CacheError` carries its facts as attributes and builds its own sentence, so
that callers branch on types and fields and never on text. Text that came from
outside is put in with `!r`, which escapes whatever does not print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class CacheError(Exception):
    """Base class of every error that cachedb raises on purpose.

    `hint` is a command, or a word to use instead, that the reader can type.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InvalidInput(CacheError):
    """What was given does not follow the grammar or the spec it should."""

    exit_code = 2


class InvalidDigest(InvalidInput):
    """A string is not an OCI digest."""

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
    """A string or a descriptor does not name a platform."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid platform {text!r}: {why}", hint="linux/arm64/v8")
        self.text = text
        self.why = why


class InvalidManifest(InvalidInput):
    """A document does not follow the image-spec.

    `path` says where in the document, as in ``manifests[2].platform.os``;
    `document` says which one (a digest or a file name), when that is known.
    """

    def __init__(self, why: str, path: str = "", *, document: str = "") -> None:
        where = ": ".join(part for part in (document, path) if part)
        super().__init__(f"{where}: {why}" if where else why)
        self.path = path
        self.why = why
        self.document = document

    def of(self, document: str) -> InvalidManifest:
        """Return the same error with the name of its document."""
        return InvalidManifest(self.why, self.path, document=document)


class InvalidPackageURL(InvalidInput):
    """A string is not a package URL."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid package URL {text!r}: {why}")
        self.text = text
        self.why = why


class InvalidArchive(InvalidInput):
    """A tar archive is cut short, malformed, or not an image."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class QueryError(InvalidInput):
    """A query does not parse or does not make sense; `span` is where in `source`.

    `hints` are things to write instead; the first is also `hint`.
    """

    def __init__(
        self, why: str, source: str, span: tuple[int, int], *, hints: Sequence[str] = ()
    ) -> None:
        super().__init__(why, hint=hints[0] if hints else None)
        self.why = why
        self.source = source
        self.span = span
        self.hints = tuple(hints)


class LimitExceeded(InvalidInput):
    """Something from outside is larger than the limit of its kind."""

    def __init__(self, what: str, limit_name: str, limit: int, variable: str) -> None:
        super().__init__(f"{what} exceeds the {limit_name} limit of {limit}")
        self.hint = f"{variable}=NUMBER raises the limit"
        self.what = what
        self.limit = limit


class Refused(InvalidInput):
    """What was asked would do harm that nobody asked for by name."""


class NotFound(CacheError):
    """Nothing in the cache answers to that name or digest."""

    exit_code = 3


class RefNotFound(NotFound):
    """No ref has that name, or none alone; `candidates` are the nearest."""

    def __init__(self, text: str, candidates: Sequence[str] = (), *, why: str = "") -> None:
        hint = f"did you mean {', '.join(candidates)}?" if candidates else None
        super().__init__(why or f"no such reference: {text!r}", hint=hint)
        self.text = text
        self.candidates = tuple(candidates)


class BlobNotFound(NotFound):
    """The cache does not hold that blob."""

    def __init__(self, digest: str, why: str = "") -> None:
        super().__init__(why or f"blob {digest} is not in the cache")
        self.digest = digest


class PlatformNotFound(NotFound):
    """An image has no such platform; `available` are those it has."""

    def __init__(self, name: str, wanted: str, available: Sequence[str]) -> None:
        has = ", ".join(available) if available else "none"
        super().__init__(f"{name!r} has no {wanted} (it has {has})")
        self.name = name
        self.wanted = wanted
        self.available = tuple(available)


class CacheNotFound(NotFound):
    """There is no directory at that path."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"no cache at {path!r}: no such directory",
            hint="give the folder of an OCI image layout with --cache DIR",
        )
        self.path = path


class CorruptCache(CacheError):
    """What is on disk is not what the layout says it is."""

    exit_code = 4


class CorruptBlob(CorruptCache):
    """The bytes of a blob do not have its size or do not hash to its name."""

    def __init__(self, digest: str, why: str, *, path: str = "") -> None:
        where = f" ({path})" if path else ""
        super().__init__(f"blob {digest} {why}{where}", hint="cachedb verify --repair")
        self.digest = digest
        self.why = why
        self.path = path


class NotALayout(CorruptCache):
    """A directory is not an OCI image layout that can be used."""

    def __init__(self, path: str, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path!r} is not a usable OCI image layout: {why}", hint=hint)
        self.path = path
        self.why = why


class CatalogMismatch(CorruptCache):
    """The catalog is not the one that belongs to this layout."""


class UnreadableGraph(CorruptCache):
    """Part of the content graph cannot be read, so nothing may be collected.

    `image` is what can be typed to name one that needs it.
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
    """Another process holds the lock that this operation needs."""

    exit_code = 5


class SchemaTooNew(CacheError):
    """The catalog was written by a newer cachedb."""

    exit_code = 6


class RegistryError(CacheError):
    """A registry did not do what the distribution spec says."""

    exit_code = 7


class AuthenticationFailed(RegistryError):
    """The registry does not accept our credentials, or we have none."""


class RegistryUnavailable(RegistryError):
    """The registry cannot be reached, or answers with server errors.

    `unanswered` is the origin that did not answer at all; `is_lasting` says that another attempt
    would not help.
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
    """The registry asks us to come back later; `retry_at` is when, if it said."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class UntrustedOrigin(RegistryError):
    """A server wants us to go, or to send a secret, where we should not."""


class WrongContent(RegistryError):
    """A registry sent other content than it was asked for; `subject` is what was asked."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"{subject}: {why}")
        self.subject = subject
        self.why = why


class ValidationFailed(CacheError):
    """A check found something; raised by the command line only."""

    exit_code = 8


class StorageFailed(CacheError):
    """The file system refused: full, read-only, or not permitted."""

    exit_code = 9

    @classmethod
    def of(cls, error: OSError, doing: str) -> StorageFailed:
        """Say what was being done when the system call failed."""
        return cls(f"cannot {doing}: {(error.strerror or str(error)).lower()}")
