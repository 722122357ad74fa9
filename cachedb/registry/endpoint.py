"""The distribution API of one registry: what is read from it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cachedb.errors import (
    BlobNotFound,
    InvalidDigest,
    InvalidManifest,
    InvalidMediaType,
    RefNotFound,
    RegistryUnavailable,
    UntrustedOrigin,
    WrongContent,
)
from cachedb.limits import MANIFEST_BYTES, PAGES
from cachedb.oci import manifest as documents
from cachedb.oci import media_type as media_types
from cachedb.oci.descriptor import Descriptor
from cachedb.oci.digest import Digest
from cachedb.oci.fields import Fields
from cachedb.oci.media_type import MediaType
from cachedb.oci.reference import TAG, TagName
from cachedb.oci.strict_json import decode_object
from cachedb.registry import headers, problems, scopes, tls
from cachedb.registry.exchange import Exchange
from cachedb.registry.origin import Origin, path_segment, redact, resolve
from cachedb.registry.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cachedb.oci.reference import Reference
    from cachedb.registry.credentials import Credential
    from cachedb.registry.settings import RegistrySettings
    from cachedb.registry.transport import Answer

_KINDS = (
    media_types.OCI_INDEX,
    media_types.OCI_MANIFEST,
    media_types.DOCKER_LIST,
    media_types.DOCKER_MANIFEST,
    media_types.OCI_ARTIFACT,
)
ACCEPTED = ", ".join(_KINDS)
# What servers say when they do not know what a manifest is.
_VAGUE_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
_NO_HEAD = frozenset({400, 405, 501})


_TAGS_A_PAGE = 1000


@dataclass(slots=True)
class BlobStream:
    """The body of a blob, from `offset` on; iterate it once."""

    offset: int
    _descriptor: Descriptor
    _answer: Answer | None

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces of at least a quarter of a MiB, but for the last one.

        Raises:
            RegistryUnavailable: The body ends early; what came before has been yielded.
            WrongContent: There is more than the descriptor says.
        """
        position, size = self.offset, self._descriptor.size
        for chunk in self._answer.chunks() if self._answer is not None else ():
            position += len(chunk)
            if position > size:
                raise WrongContent(
                    f"blob {self._descriptor.digest}", f"is longer than {size} bytes"
                )
            yield chunk
        if position < size:
            raise RegistryUnavailable(
                f"blob {self._descriptor.digest}: the body ends after {position} of {size} bytes"
            )


class Endpoint:
    """One registry at one base URL; several threads may use it.

    `prefix` is put before every repository: that is how mirrors hold several registries.
    """

    def __init__(
        self,
        home: Origin,
        prefix: str,
        credential: Callable[[], Credential],
        settings: RegistrySettings,
    ) -> None:
        self._prefix = prefix
        self._credential = credential
        self._settings = settings
        self._lock = threading.Lock()
        self._exchange = Exchange(home, credential, settings)
        # A registry on this machine may speak either; it is asked over http first, and nothing
        # secret is said before it answered.
        self._may_speak_tls = home.is_loopback and home.scheme == "http"

    @property
    def home(self) -> Origin:
        """The origin of the registry."""
        return self._exchange.home

    def resolve(self, reference: Reference) -> Descriptor:
        """Return what a tag or digest stands for, with one HEAD where the registry allows it.

        Raises:
            RefNotFound: The registry does not have it.
        """
        target: TagName | Digest = reference.digest or reference.tag or "latest"  # type: ignore[assignment]
        with self.send(
            "HEAD",
            self._manifest_path(reference.path, target),
            _pull(self._repository(reference.path)),
            {"Accept": ACCEPTED},
        ) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                raise RefNotFound(
                    str(reference), why=f"{str(self.home)!r} has no {str(reference)!r}"
                )
            if answer.status == HTTPStatus.OK:
                found = _described(answer, target)
                if found is not None:
                    return found
            elif answer.status not in _NO_HEAD:
                raise problems.error_of(answer, f"resolve {str(reference)!r}")
        return self.manifest(reference.path, target)[0]

    def manifest(
        self, repository: str, target: Descriptor | Digest | TagName
    ) -> tuple[Descriptor, bytes]:
        """Return a manifest or an index as it is on the wire, checked against its digest.

        A descriptor is held to its size and media type as well.

        Raises:
            RefNotFound: The registry does not have it.
            WrongContent: It sent something else.
            LimitExceeded: It is too large to be parsed.
        """
        name: Digest | TagName = target.digest if isinstance(target, Descriptor) else target
        what = f"{repository}@{name}" if isinstance(name, Digest) else f"{repository}:{name}"
        with self.send(
            "GET",
            self._manifest_path(repository, name),
            _pull(self._repository(repository)),
            {"Accept": ACCEPTED},
        ) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                raise RefNotFound(what, why=f"{str(self.home)!r} has no {what!r}")
            if answer.status != HTTPStatus.OK:
                raise problems.error_of(answer, f"pull {what!r}")
            content = answer.read(MANIFEST_BYTES, f"the manifest of {what!r}")
            found = _checked(answer, content, name, what)
        if isinstance(target, Descriptor):
            _check_same(found, target, what)
        return found, content

    @contextmanager
    def blob(
        self, repository: str, descriptor: Descriptor, offset: int = 0
    ) -> Iterator[BlobStream]:
        """Open a blob for reading from `offset` on, or from 0 if the registry cannot do that.

        The bytes are counted and not hashed.

        Raises:
            BlobNotFound: The registry does not have it.
            WrongContent: It offers another size.
        """
        digest = Digest(descriptor.digest)  # an algorithm that we cannot compute is not fetched
        if 0 < offset == descriptor.size:
            yield BlobStream(offset, descriptor, None)
            return
        ranges = {"Range": f"bytes={offset}-"} if offset else {}
        with self.send(
            "GET", self._blob_path(repository, digest), _pull(self._repository(repository)), ranges
        ) as answer:
            yield BlobStream(self._start_of(answer, descriptor, offset), descriptor, answer)

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Ask whether a repository has a blob."""
        with self.send(
            "HEAD", self._blob_path(repository, digest), _pull(self._repository(repository))
        ) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            if answer.status != HTTPStatus.OK:
                raise problems.error_of(answer, f"ask for blob {digest}")
            return True

    def tags(self, repository: str) -> Iterator[TagName]:
        """Yield the tags of a repository in the registry's order, page by page.

        A name that is no tag by the distribution-spec is reported as a warning and left out.

        Raises:
            RefNotFound: The registry does not have the repository.
            LimitExceeded: There are too many pages for what they bring.
        """
        path = self._path(repository, f"tags/list?n={_TAGS_A_PAGE}")
        for answer in self.pages(path, _pull(self._repository(repository))):
            if answer.status == HTTPStatus.NOT_FOUND:
                raise RefNotFound(
                    repository, why=f"{str(self.home)!r} has no repository {repository!r}"
                )
            if answer.status != HTTPStatus.OK:
                raise problems.error_of(answer, f"list the tags of {repository!r}")
            content = answer.read(MANIFEST_BYTES, f"the list of tags of {repository!r}")
            yield from self._tags_in(content, repository)

    def pages(self, path: str, scopes: Sequence[str]) -> Iterator[Answer]:
        """Yield the first page of a list, then what its Link headers lead to."""
        seen: set[str] = set()
        while path not in seen:
            PAGES.check(len(seen) + 1, f"the list at {path!r}")
            seen.add(path)
            with self.send("GET", path, scopes) as answer:
                yield answer
                following = next_page(answer)
            if following is None:
                return
            path = following
        raise WrongContent(repr(path), "the list leads back to a page that was read before")

    def send(
        self, method: str, path: str, scopes: Sequence[str], headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request without a body to a path below ``/v2/`` and return the answer."""

        def ask() -> Answer:
            url = f"{self.home}{path}"
            return self._exchange.send(
                Request(method=method, url=url, headers=headers or {}), scopes
            )

        if not self._may_speak_tls:
            return ask()
        try:
            answer = ask()
        except RegistryUnavailable:
            if not self._turns_out_to_speak_tls():
                raise
            return ask()
        if answer.status == HTTPStatus.BAD_REQUEST and self._turns_out_to_speak_tls():
            answer.close()
            return ask()
        self._may_speak_tls = False
        return answer

    def close(self) -> None:
        """Close idle connections."""
        self._exchange.close()

    def _turns_out_to_speak_tls(self) -> bool:
        """Ask the port for a TLS handshake, and change over to https if it agrees."""
        with self._lock:
            if self.home.scheme == "https":
                return True
            self._may_speak_tls = False
            if not tls.is_spoken_at(self.home, self._settings.patience.connect_seconds):
                return False
            self._exchange.close()
            home = Origin.at("https", self.home.authority)
            self._exchange = Exchange(home, self._credential, self._settings)
            return True

    def _tags_in(self, content: bytes, repository: str) -> Iterator[TagName]:
        try:
            found = Fields(decode_object(content)).strings("tags")
        except InvalidManifest as error:
            raise WrongContent(f"the tags of {repository!r}", str(error)) from error
        for text in found:
            if TAG.fullmatch(text):
                yield TagName(text)
            else:
                self._settings.warn(f"{repository!r} has a tag that cannot be: {text[:128]!r}")

    def _start_of(self, answer: Answer, descriptor: Descriptor, offset: int) -> int:
        what = f"blob {descriptor.digest}"
        match answer.status:
            case HTTPStatus.OK:
                start = 0
            case HTTPStatus.PARTIAL_CONTENT if offset:
                start = offset
                if headers.content_range_start(answer.header("Content-Range") or "") != offset:
                    raise WrongContent(what, "the registry sends another range than asked for")
            case HTTPStatus.NOT_FOUND:
                raise BlobNotFound(descriptor.digest, f"{str(self.home)!r} does not have {what}")
            case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise WrongContent(what, f"the registry has no bytes after {offset}")
            case _:
                raise problems.error_of(answer, f"pull {what}")
        length = headers.content_length(answer.header_lines("Content-Length"))
        if length is not None and start + length != descriptor.size:
            raise WrongContent(
                what, f"the registry offers {start + length} bytes, not {descriptor.size}"
            )
        return start

    def _repository(self, repository: str) -> str:
        return f"{self._prefix}{repository}"

    def _path(self, repository: str, rest: str) -> str:
        return f"/v2/{self._prefix}{repository}/{rest}"

    def _manifest_path(self, repository: str, target: Digest | TagName) -> str:
        return self._path(repository, f"manifests/{path_segment(target)}")

    def _blob_path(self, repository: str, digest: Digest) -> str:
        return self._path(repository, f"blobs/{path_segment(digest)}")


def _pull(repository: str) -> tuple[str, ...]:
    return (scopes.of_repository(repository, ["pull"]),)


def _described(answer: Answer, target: Digest | TagName) -> Descriptor | None:
    """Return the descriptor that the headers of a HEAD make, or None if one is missing."""
    digest = _stated_digest(answer, str(target)) or (
        target if isinstance(target, Digest) else None
    )
    length = headers.content_length(answer.header_lines("Content-Length"))
    kind = _stated_type(answer)
    if digest is None or length is None or kind is None:
        return None
    if isinstance(target, Digest):
        if digest.algorithm == target.algorithm and digest != target:
            raise WrongContent(str(target), f"the registry answers with {digest}")
        digest = target
    return Descriptor(media_type=kind, digest=digest, size=length)


def _stated_digest(answer: Answer, what: str) -> Digest | None:
    text = answer.header("Docker-Content-Digest")
    if not text:
        return None
    try:
        return Digest(text)
    except InvalidDigest as error:
        raise WrongContent(what, f"the registry answers with an {error}") from error


def _stated_type(answer: Answer) -> MediaType | None:
    try:
        found = MediaType(answer.header("Content-Type") or "")
    except InvalidMediaType:
        return None
    return found if found.is_index or found.is_manifest else None


def _checked(answer: Answer, content: bytes, name: Digest | TagName, what: str) -> Descriptor:
    """Describe a document after comparing it with what was asked for and what is said of it."""
    if isinstance(name, Digest):
        digest = Digest.of(content, name.algorithm)
        if digest != name:
            raise WrongContent(repr(what), f"the registry sent {digest}")
    else:
        stated = _stated_digest(answer, repr(what))
        digest = Digest.of(content, stated.algorithm if stated else "sha256")
        if stated is not None and stated != digest:
            raise WrongContent(repr(what), f"the registry sent {digest} and called it {stated}")
    return Descriptor(media_type=_type_of(answer, content, what), digest=digest, size=len(content))


def _type_of(answer: Answer, content: bytes, what: str) -> MediaType:
    found = _stated_type(answer)
    if found is not None:
        return found
    said = (answer.header("Content-Type") or "").partition(";")[0].strip().lower()
    guessed = documents.guess(content) if said in _VAGUE_TYPES else None
    if guessed is None or not (guessed.is_index or guessed.is_manifest):
        shown = guessed or said[:80]
        raise WrongContent(repr(what), f"{str(shown)!r} is not the type of an index or a manifest")
    return guessed


def _check_same(found: Descriptor, wanted: Descriptor, what: str) -> None:
    if found.size != wanted.size:
        raise WrongContent(
            repr(what), f"it has {found.size} bytes, and {wanted.size} were promised"
        )
    if found.media_type != wanted.media_type:
        raise WrongContent(
            repr(what),
            f"it is sent as {str(found.media_type)!r}, not as {str(wanted.media_type)!r}",
        )


def next_page(answer: Answer) -> str | None:
    """Return the path of the page after this one, if there is one.

    Raises:
        UntrustedOrigin: It is said to be at another origin.
    """
    for link in headers.parse_links(answer.header_lines("Link")):
        if link.parameters.get("rel") == "next":
            url = resolve(answer.url, link.target)
            if Origin.of(url) != answer.origin:
                raise UntrustedOrigin(f"the next page is said to be at {redact(url)!r}")
            parts = urlsplit(url)
            return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return None
