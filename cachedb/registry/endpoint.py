"""One registry at one base URL: paths, scopes, and detection of TLS on loopback."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from cachedb.errors import RegistryError, RegistryUnavailable, UntrustedOrigin
from cachedb.registry.auth import scopes
from cachedb.registry.auth.scopes import Access
from cachedb.registry.http import headers
from cachedb.registry.http.api_errors import Failure
from cachedb.registry.http.origin import Origin, redact, request_target, resolve
from cachedb.registry.http.request import Request
from cachedb.registry.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cachedb.limits import Limit
    from cachedb.registry.auth.credentials import Credential
    from cachedb.registry.http.response import Response
    from cachedb.registry.http.settings import RegistrySettings

    _Send = Callable[[Session, Request], Response]

# A registry, a gateway or a signed URL may refuse HEAD and allow GET: only GET decides.
HEAD_REFUSED = frozenset({400, 403, 405, 501})


class Endpoint:
    """One registry at one base URL; thread-safe.

    `prefix` precedes the name of every repository, for a mirror of several registries.
    """

    def __init__(
        self,
        home: Origin,
        prefix: str,
        credential: Callable[[str], Credential],
        settings: RegistrySettings,
    ) -> None:
        self.settings = settings
        self._prefix = prefix
        self._credential = credential
        self._lock = threading.Lock()
        self._session = Session(home, credential, settings)
        # A registry on loopback may use http or https. Plain http is tried first, and no secret is
        # sent before a response.
        self._may_speak_tls = home.is_loopback and home.scheme == "http"

    def __str__(self) -> str:
        return repr(f"{self.home}/{self._prefix}".rstrip("/"))

    @property
    def home(self) -> Origin:
        """The origin of the registry."""
        return self._session.home

    def name(self, repository: str) -> str:
        """Return the name of a repository in this registry, with the prefix."""
        return f"{self._prefix}{repository}"

    def path(self, repository: str, rest: str) -> str:
        """Return the URL path of `rest` in a repository."""
        return f"/v2/{self.name(repository)}/{rest}"

    def pulling(self, repository: str) -> Access:
        """Return the access that reading from a repository needs."""
        return self._access(repository, ["pull"])

    def pushing(self, repository: str) -> Access:
        """Return the access that writing to a repository needs."""
        return self._access(repository, ["pull", "push"])

    def mounting(self, repository: str, source: str) -> Access:
        """Return the access that mounting a blob of `source` in a repository needs."""
        target = self.pushing(repository)
        return target._replace(scopes=(*target.scopes, *self.pulling(source).scopes))

    def _access(self, repository: str, actions: Sequence[str]) -> Access:
        name = self.name(repository)
        return Access(repository=name, scopes=(scopes.of_repository(name, actions),))

    def request(
        self, method: str, path: str, access: Access, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request without a body to a path, with retries: see `Session.send`."""
        return self.send(Request(method=method, url=path, headers=headers or {}), access)

    @contextmanager
    def fetch(
        self,
        path: str,
        access: Access,
        limit: Limit,
        what: str,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[Response, bytes]]:
        """Fetch a document into memory, with retries if the connection breaks.

        The content is empty if the status is not 200; the body is then unread.

        Raises:
            LimitExceeded: The document is larger than `limit`.
        """
        for attempt in count():
            with self.request("GET", path, access, headers) as response:
                try:
                    is_ok = response.status == HTTPStatus.OK
                    content = response.read(limit, what) if is_ok else b""
                except RegistryUnavailable as error:
                    if attempt >= self.settings.deadlines.retries:
                        raise
                    failure = Failure.of(error)
                else:
                    yield response, content
                    return
            self.back_off(attempt, failure)

    def request_once(
        self, method: str, path: str, access: Access, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request like `request`, without retries: the caller resumes."""
        request = Request(method=method, url=path, headers=headers or {})
        return self._send_to_path(lambda session, whole: session.send_once(whole, access), request)

    def send(self, request: Request, access: Access) -> Response:
        """Send a request whose URL is a path, with retries."""
        return self._send_to_path(lambda session, whole: session.send(whole, access), request)

    def send_once(self, request: Request, access: Access) -> Response:
        """Send a request to a URL that the registry returned, without retries."""
        return self._session.send_once(request, access)

    def back_off(self, attempt: int, failure: Failure) -> None:
        """Wait before the next attempt: see `Session.back_off`."""
        self._session.back_off(attempt, failure)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _send_to_path(self, send: _Send, request: Request) -> Response:
        """Send a request whose URL is a path; switch to https if the port speaks TLS."""
        if not self._may_speak_tls:
            return self._to_home(send, request)
        try:
            response = self._to_home(send, request)
        except RegistryUnavailable:
            if not self._switched_to_tls():
                raise
            return self._to_home(send, request)
        if response.status == HTTPStatus.BAD_REQUEST and self._switched_to_tls():
            response.close()
            return self._to_home(send, request)
        self._may_speak_tls = False
        return response

    def _to_home(self, send: _Send, request: Request) -> Response:
        session = self._session
        return send(session, request._replace(url=f"{session.home}{request.url}"))

    def _switched_to_tls(self) -> bool:
        """Probe the port with a TLS handshake, and switch to https if it succeeds."""
        with self._lock:
            if self.home.scheme == "https":
                return True
            self._may_speak_tls = False
            from cachedb.registry.http import tls_probe  # noqa: PLC0415 - it imports ssl

            if not tls_probe.is_spoken_at(self.home, self.settings.deadlines.connect_seconds):
                return False
            self._session.close()
            home = Origin.at("https", self.home.authority)
            self._session = Session(home, self._credential, self.settings)
            return True


def next_page(response: Response) -> str | None:
    """Return the path of the page after this one, None on the last page (RFC 8288, rel="next").

    An unreadable Link header is an error: treated as the last page, it would truncate the list.

    Raises:
        RegistryError: A Link header is malformed, or an entry of it has no ``rel``.
        UntrustedOrigin: The next page is at another origin.
    """
    target = None
    for link in headers.parse_links(response.header_lines("Link")):
        relations = link.parameters.get("rel", "").lower().split()
        if not relations:
            raise RegistryError(f"malformed Link header: {link.target[:80]!r} has no rel")
        if "next" in relations and target is None:
            target = link.target
    if target is None:
        return None
    url = resolve(response.url, target)
    if Origin.of(url) != response.origin:
        raise UntrustedOrigin(f"the next page is at another origin, {redact(url)!r}")
    return request_target(url)
