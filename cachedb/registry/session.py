"""Session with one registry: authentication, redirects, retries and warnings."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from cachedb.errors import (
    AuthenticationFailed,
    RateLimited,
    RegistryError,
    RegistryUnavailable,
    UntrustedOrigin,
)
from cachedb.feedback.log import Logger
from cachedb.limits import REDIRECTS
from cachedb.registry.auth import scopes
from cachedb.registry.auth.authenticator import Authenticator
from cachedb.registry.auth.credentials import ANONYMOUS
from cachedb.registry.auth.trusted_token_servers import trust_in_redirect_target
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.api_errors import Failure
from cachedb.registry.http.origin import Origin, redact, resolve
from cachedb.registry.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.registry.auth.credentials import Credential
    from cachedb.registry.auth.scopes import Access
    from cachedb.registry.http.request import Request
    from cachedb.registry.http.response import Response
    from cachedb.registry.http.settings import RegistrySettings

_log = Logger("cachedb.registry")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_WITH_BODY = frozenset({307, 308})
_REPEATABLE = frozenset({"GET", "HEAD"})
_MOST_WARNINGS = 8
_MOST_ORIGINS = 16
_LONGEST_BACKOFF = 20.0
_WORTH_REPORTING = 2.0
_UNREACHABLE_SECONDS = 5.0


class Session:
    """Session with one registry; thread-safe."""

    def __init__(
        self, home: Origin, credential: Callable[[str], Credential], settings: RegistrySettings
    ) -> None:
        self.home = home
        self._settings = settings
        self._transport = Transport(home, settings)
        # Token requests are sent once: the request that needs the token has the retries.
        self._authenticator = Authenticator(home, credential, self._transport.send, settings)
        self._lock = threading.Lock()
        self._foreign: dict[Origin, Authenticator] = {}
        self._said: set[str] = set()
        self._unreachable: tuple[RegistryUnavailable | None, float] = None, 0.0

    def send(self, request: Request, access: Access) -> Response:
        """Send a request with authentication, redirects and retries, and return its response.

        A response has any status except those of failed logins and transient errors.
        Costs up to one request per redirect, two for a login, all times the retries.

        Raises:
            RegistryUnavailable: No response, or a server error after the last retry.
            RateLimited: Retry-After is beyond the limit, or 429 after the last retry.
            AuthenticationFailed: The login failed.
            UntrustedOrigin: A redirect to an origin that is not allowed.
        """
        return self._send_if_reachable(lambda: self._follow_redirects(request, access))

    def send_once(self, request: Request, access: Access) -> Response:
        """Send a request like `send`, without retries: the caller resumes."""
        return self._follow_redirects(request, access)

    def back_off(self, attempt: int, failure: Failure) -> None:
        """Wait before the next attempt: exponential backoff with jitter, or Retry-After.

        Raises:
            RegistryError: The failure itself, if it is not transient.
            RateLimited: Retry-After is beyond the limit.
        """
        if not failure.is_transient:
            raise failure.error
        deadlines = self._settings.deadlines
        backoff = min(deadlines.backoff_seconds * 2**attempt, _LONGEST_BACKOFF)
        seconds = backoff * random.uniform(0.5, 1)  # noqa: S311 - it spreads clients, no secret
        if failure.retry_at is not None:
            asked = (failure.retry_at - datetime.now(UTC)).total_seconds()
            if asked > deadlines.longest_retry_after:
                raise RateLimited(
                    f"{failure.error}; Retry-After is {asked:.0f} s, beyond the limit",
                    retry_at=failure.retry_at,
                ) from failure.error
            seconds = max(seconds, asked)
        if seconds >= _WORTH_REPORTING:
            self._warn(str(failure.error), f"; retrying in {seconds:.0f} s")
        _log.info("attempt %d failed, retrying in %.1f s: %s", attempt + 1, seconds, failure.error)
        deadlines.wait(seconds)

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def _send_if_reachable(self, send: Callable[[], Response]) -> Response:
        """Send with retries, but fail at once if the registry has just been unreachable."""
        error, since = self._unreachable
        if error is not None and time.monotonic() - since < _UNREACHABLE_SECONDS:
            raise error
        try:
            return self._retry(send)
        except RegistryUnavailable as error:
            if error.unanswered == str(self.home):
                # Without this, each of a thousand names would wait for the same unreachable
                # registry.
                self._unreachable = error, time.monotonic()
            raise

    def _retry(self, send: Callable[[], Response]) -> Response:
        for attempt in range(self._settings.deadlines.retries):
            try:
                response = send()
            except (RegistryUnavailable, RateLimited) as error:
                failed = Failure.of(error)
            else:
                if not api_errors.is_transient(response.status):
                    return response
                with response:
                    failed = api_errors.failure_of(response, f"read {redact(response.url)!r}")
            self.back_off(attempt, failed)
        response = send()
        if api_errors.is_transient(response.status):
            with response:
                raise api_errors.error_of(response, f"read {redact(response.url)!r}")
        return response

    def _follow_redirects(self, request: Request, access: Access) -> Response:
        response = self._authenticate(request, access)
        for _ in range(REDIRECTS.value):
            if response.status not in _REDIRECTS:
                return response
            with response:
                request = request._replace(url=_redirect(response, request))
            if Origin.of(request.url) == self.home:
                response = self._authenticate(request, access)
            else:
                response = self._send_to_other_origin(request, access)
        if response.status in _REDIRECTS:
            response.close()
            raise RegistryError(
                f"{redact(request.url)!r} redirects more than {REDIRECTS.value} times",
                hint=f"{REDIRECTS.variable}=NUMBER raises the limit",
            )
        return response

    def _send_to_other_origin(self, request: Request, access: Access) -> Response:
        """Send a redirected request to another origin, without credentials.

        If that origin requires a token and issues tokens itself, an anonymous one is fetched.
        """
        authenticator = self._anonymous_at(Origin.of(request.url))
        header = authenticator.header_for(access)
        response = self._transport.send(_authorized(request, header))
        if response.status == HTTPStatus.UNAUTHORIZED:
            with response:
                try:
                    header = authenticator.authorize(response, access, header)
                except (AuthenticationFailed, UntrustedOrigin) as error:
                    raise self._foreign_login(request, response) from error
            response = self._transport.send(_authorized(request, header))
        if request.method == "HEAD" and response.status == HTTPStatus.FORBIDDEN:
            return response  # a signed URL is valid for one method, and only GET decides
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            with response:
                raise self._foreign_login(request, response)
        return response

    def _foreign_login(self, request: Request, response: Response) -> AuthenticationFailed:
        return AuthenticationFailed(
            f"{str(self.home)!r} redirects to {redact(request.url)!r}, which answers "
            f"{response.status}; the credentials for {self.home.name!r} are not sent there"
        )

    def _anonymous_at(self, origin: Origin) -> Authenticator:
        """Return the authenticator of a redirect target; it knows no credentials."""
        with self._lock:
            if origin not in self._foreign:
                if len(self._foreign) >= _MOST_ORIGINS:
                    self._foreign.clear()
                self._foreign[origin] = Authenticator(
                    origin,
                    lambda _repository: ANONYMOUS,
                    self._transport.send,
                    self._settings,
                    trust_in_redirect_target,
                    scopes.of_redirect_target,
                )
            return self._foreign[origin]

    def _authenticate(self, request: Request, access: Access) -> Response:
        header = self._authenticator.header_for(access)
        response = self._send_to_home(request, header)
        if response.status != HTTPStatus.UNAUTHORIZED:
            return response
        with response:
            header = self._authenticator.authorize(response, access, header)
        response = self._send_to_home(request, header)
        if response.status == HTTPStatus.UNAUTHORIZED:
            with response:
                raise api_errors.error_of(response, "log in")
        return response

    def _send_to_home(self, request: Request, authorization: str | None) -> Response:
        response = self._transport.send(_authorized(request, authorization))
        for line in response.header_lines("Warning")[:_MOST_WARNINGS]:
            warning = headers.warning_text(line.encode("latin-1", "replace"))
            if warning is not None:
                self._warn(f"{self.home.authority} warns: {warning!r}")
        return response

    def _warn(self, warning: str, detail: str = "") -> None:
        """Warn once per text; `detail` may differ."""
        if warning not in self._said:
            self._said.add(warning)
            self._settings.warn(f"{warning}{detail}")


def _authorized(request: Request, header: str | None) -> Request:
    if header is None:
        return request
    return request._replace(headers={**request.headers, "Authorization": header})


def _redirect(response: Response, request: Request) -> str:
    """Return the URL of a redirect, byte for byte.

    Raises:
        UntrustedOrigin: From https to http, from a public to a local address, or with a body
            to another origin.
        RegistryError: There is no Location.
    """
    location = response.header("Location")
    if not location:
        raise RegistryError(f"{redact(response.url)!r} redirects without a Location")
    target = resolve(response.url, location)
    to, home = Origin.of(target), response.origin
    where = f"{redact(response.url)!r} redirects to {redact(target)!r}"
    if request.method not in _REPEATABLE and (
        to != home or response.status not in _REDIRECTS_WITH_BODY
    ):
        raise UntrustedOrigin(f"{where}: refusing to send a {request.method} to another origin")
    if home.scheme == "https" and to.scheme != "https":
        raise UntrustedOrigin(f"{where}: refusing to go from https to http")
    if to.is_local and not home.is_local:
        raise UntrustedOrigin(f"{where}: refusing to go to a local address")
    return target
