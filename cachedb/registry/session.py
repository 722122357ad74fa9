"""Exchanges: a request with its login, its redirects and its second attempts."""

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
from cachedb.limits import REDIRECTS
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

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_WITH_BODY = frozenset({307, 308})
_REPEATABLE = frozenset({"GET", "HEAD"})
_MOST_WARNINGS = 8
_MOST_ORIGINS = 16
_LONGEST_BACKOFF = 20.0
_WORTH_TELLING = 2.0
_SILENCE = 5.0


class Session:
    """Talks to one registry; several threads may use it."""

    def __init__(
        self, home: Origin, credential: Callable[[str], Credential], settings: RegistrySettings
    ) -> None:
        self.home = home
        self._settings = settings
        self._transport = Transport(home, settings)
        # A token request is sent once: it is part of the attempts of whatever needs the token.
        self._authenticator = Authenticator(home, credential, self._transport.send, settings)
        self._lock = threading.Lock()
        self._abroad: dict[Origin, Authenticator] = {}
        self._said: set[str] = set()
        self._silence: tuple[RegistryUnavailable | None, float] = None, 0.0

    def send(self, request: Request, access: Access) -> Response:
        """Send a request, log in if asked to, follow redirects, and try again if it may help.

        The answer has whatever status it has, but for failed logins and for errors that
        outlasted every attempt.

        Raises:
            RegistryUnavailable: There was no answer, or only server errors.
            RateLimited: The server wants us to come back later than we care to wait.
            AuthenticationFailed: The login failed.
            UntrustedOrigin: A redirect leads where it must not.
        """
        return self._persist(lambda: self._follow(request, access))

    def send_once(self, request: Request, access: Access) -> Response:
        """Do as `send`, but leave another attempt to the caller, who knows how to resume."""
        return self._follow(request, access)

    def wait(self, attempt: int, failure: Failure) -> None:
        """Wait before the next attempt: longer each time, or as long as the server says.

        Raises:
            RegistryError: The failure itself, if another attempt would not help.
            RateLimited: The server wants us to come back later than we care to wait.
        """
        if not failure.is_passing:
            raise failure.error
        deadlines = self._settings.deadlines
        backoff = min(deadlines.backoff_seconds * 2**attempt, _LONGEST_BACKOFF)
        seconds = backoff * random.uniform(0.5, 1)  # noqa: S311 - it spreads clients, no secret
        if failure.retry_at is not None:
            asked = (failure.retry_at - datetime.now(UTC)).total_seconds()
            if asked > deadlines.longest_retry_after:
                raise RateLimited(
                    f"{failure.error}; it says to come back in {asked:.0f} s",
                    retry_at=failure.retry_at,
                ) from failure.error
            seconds = max(seconds, asked)
        if seconds >= _WORTH_TELLING:
            self._warn(str(failure.error), f"; trying again in {seconds:.0f} s")
        deadlines.wait(seconds)

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def _persist(self, send: Callable[[], Response]) -> Response:
        """Send until it goes well, but not to a registry that has just been silent all along."""
        silence, since = self._silence
        if silence is not None and time.monotonic() - since < _SILENCE:
            raise silence
        try:
            return self._insist(send)
        except RegistryUnavailable as error:
            if error.unanswered == str(self.home):
                # Or each of a thousand names would be as patient with it as the first one.
                self._silence = error, time.monotonic()
            raise

    def _insist(self, send: Callable[[], Response]) -> Response:
        for attempt in range(self._settings.deadlines.retries):
            try:
                response = send()
            except (RegistryUnavailable, RateLimited) as error:
                failed = Failure.of(error)
            else:
                if not api_errors.is_passing(response.status):
                    return response
                with response:
                    failed = api_errors.failure_of(response, f"read {redact(response.url)!r}")
            self.wait(attempt, failed)
        response = send()
        if api_errors.is_passing(response.status):
            with response:
                raise api_errors.error_of(response, f"read {redact(response.url)!r}")
        return response

    def _follow(self, request: Request, access: Access) -> Response:
        response = self._log_in(request, access)
        for _ in range(REDIRECTS.value):
            if response.status not in _REDIRECTS:
                return response
            with response:
                request = request._replace(url=_redirect(response, request))
            if Origin.of(request.url) == self.home:
                response = self._log_in(request, access)
            else:
                response = self._send_abroad(request, access)
        if response.status in _REDIRECTS:
            response.close()
            raise RegistryError(
                f"{redact(request.url)!r} redirects more than {REDIRECTS.value} times",
                hint=f"{REDIRECTS.variable}=NUMBER raises the limit",
            )
        return response

    def _send_abroad(self, request: Request, access: Access) -> Response:
        """Send a redirected request to another origin, without credentials.

        If that origin wants a token and issues it itself, an anonymous one is fetched.
        """
        authenticator = self._anonymous_at(Origin.of(request.url))
        header = authenticator.header_for(access)
        response = self._transport.send(_authorized(request, header))
        if response.status == HTTPStatus.UNAUTHORIZED:
            with response:
                try:
                    header = authenticator.authorize(response, access, header)
                except (AuthenticationFailed, UntrustedOrigin) as error:
                    raise self._not_ours(request, response) from error
            response = self._transport.send(_authorized(request, header))
        if request.method == "HEAD" and response.status == HTTPStatus.FORBIDDEN:
            return response  # a signed URL is valid for one method, and only GET decides
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            with response:
                raise self._not_ours(request, response)
        return response

    def _not_ours(self, request: Request, response: Response) -> AuthenticationFailed:
        return AuthenticationFailed(
            f"{str(self.home)!r} redirects to {redact(request.url)!r}, which answers "
            f"{response.status}; the credentials for {self.home.name!r} are not sent there"
        )

    def _anonymous_at(self, origin: Origin) -> Authenticator:
        """Return the authenticator of a redirect target; it knows no credentials."""
        with self._lock:
            if origin not in self._abroad:
                if len(self._abroad) >= _MOST_ORIGINS:
                    self._abroad.clear()
                self._abroad[origin] = Authenticator(
                    origin,
                    lambda _repository: ANONYMOUS,
                    self._transport.send,
                    self._settings,
                    trust_in_redirect_target,
                )
            return self._abroad[origin]

    def _log_in(self, request: Request, access: Access) -> Response:
        header = self._authenticator.header_for(access)
        response = self._send_home(request, header)
        if response.status != HTTPStatus.UNAUTHORIZED:
            return response
        with response:
            header = self._authenticator.authorize(response, access, header)
        response = self._send_home(request, header)
        if response.status == HTTPStatus.UNAUTHORIZED:
            with response:
                raise api_errors.error_of(response, "log in")
        return response

    def _send_home(self, request: Request, authorization: str | None) -> Response:
        response = self._transport.send(_authorized(request, authorization))
        for line in response.header_lines("Warning")[:_MOST_WARNINGS]:
            warning = headers.warning_text(line.encode("latin-1", "replace"))
            if warning is not None:
                self._warn(f"{self.home.authority} warns: {warning!r}")
        return response

    def _warn(self, warning: str, detail: str = "") -> None:
        """Say something, once; the detail may be another one each time."""
        if warning not in self._said:
            self._said.add(warning)
            self._settings.warn(f"{warning}{detail}")


def _authorized(request: Request, header: str | None) -> Request:
    if header is None:
        return request
    return request._replace(headers={**request.headers, "Authorization": header})


def _redirect(response: Response, request: Request) -> str:
    """Return where a redirect leads.

    Raises:
        UntrustedOrigin: From https to http, from outside to a local address, or with a body
            to another origin.
        RegistryError: It leads nowhere.
    """
    location = response.header("Location")
    if not location:
        raise RegistryError(f"{redact(response.url)!r} redirects without saying where")
    target = resolve(response.url, location)
    to, home = Origin.of(target), response.origin
    where = f"{redact(response.url)!r} redirects to {redact(target)!r}"
    if request.method not in _REPEATABLE and (
        to != home or response.status not in _REDIRECTS_WITH_BODY
    ):
        raise UntrustedOrigin(f"{where}: refusing to send a {request.method} elsewhere")
    if home.scheme == "https" and to.scheme != "https":
        raise UntrustedOrigin(f"{where}: refusing to go from https to http")
    if to.is_local and not home.is_local:
        raise UntrustedOrigin(f"{where}: refusing to go to a local address")
    return target
