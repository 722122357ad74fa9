"""Authentication at one origin: from a challenge and credentials to an Authorization header.

Challenges, credentials and tokens are bound to that origin and sent to no other.
"""

from __future__ import annotations

import base64
import io
import threading
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from cachedb.errors import AuthenticationFailed, InvalidManifest, RegistryError
from cachedb.feedback.log import Logger
from cachedb.limits import TOKEN_BYTES
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.patterns import lazy
from cachedb.registry.auth import challenges, scopes
from cachedb.registry.auth.credentials import ANONYMOUS
from cachedb.registry.auth.trusted_token_servers import TokenServerTrust, trust_in
from cachedb.registry.http import api_errors
from cachedb.registry.http.origin import redact
from cachedb.registry.http.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachedb.registry.auth.challenges import Challenge
    from cachedb.registry.auth.credentials import Credential
    from cachedb.registry.auth.scopes import Access
    from cachedb.registry.http.origin import Origin
    from cachedb.registry.http.response import Response
    from cachedb.registry.http.settings import RegistrySettings

    _ChooseScopes = Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]

_log = Logger("cachedb.registry.auth")
_CLIENT_ID = "cachedb"
_TOKEN = lazy(r"[\x21-\x7e]+")
_SHORTEST_LIFE = timedelta(seconds=60)
_LONGEST_LIFE = timedelta(hours=12)
# Refresh before the token expires, so that it is valid for the whole request.
_MARGIN = timedelta(seconds=15)
_ISSUED_LONG_AGO = 1970


class Token(NamedTuple):
    """A bearer token and the time at which it expires."""

    value: str
    """Text of the token, a secret."""
    expires_at: datetime
    """Time of its end, in UTC."""

    def __repr__(self) -> str:
        return f"Token(value='…', expires_at={self.expires_at!r})"

    @classmethod
    def parse(cls, body: bytes, now: datetime) -> Token:
        """Parse the response of a token server (distribution, token authentication).

        Raises:
            RegistryError: It has no token, or one with characters that a header cannot hold.
        """
        try:
            fields = Fields(decode_object(body))
            value = fields.get("token", str) or fields.get("access_token", str)
            # Servers write these as texts or fractions; without them a token gets the shortest
            # lifetime.
            seconds = fields.damaged().get("expires_in", int) or 0
            issued_at = _time(fields.damaged().get("issued_at", str)) or now
        except InvalidManifest as error:
            raise RegistryError(f"the token server returned no token: {error}") from error
        if not value:
            raise RegistryError("the token server returned no token")
        if not _TOKEN.fullmatch(value):
            raise RegistryError("the token server returned a token that no header can hold")
        life = timedelta(seconds=min(max(seconds, 0), int(_LONGEST_LIFE.total_seconds())))
        return cls(value=value, expires_at=issued_at + max(life, _SHORTEST_LIFE))


def _time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time; Go's zero time and invalid text are None."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if found.year < _ISSUED_LONG_AGO:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Authenticator:
    """Maker of Authorization headers for one origin, and cache of its tokens; thread-safe.

    `credential` finds the credential of a repository; it is called once for each, and only
    after the registry asked for a login. `trust` decides which token servers may receive it, and
    `choose_scopes` which scopes a token is for, out of those of the request and of the challenge.
    """

    def __init__(
        self,
        origin: Origin,
        credential: Callable[[str], Credential],
        send: Callable[[Request], Response],
        settings: RegistrySettings,
        trust: Callable[[str, Origin, RegistrySettings], TokenServerTrust] = trust_in,
        choose_scopes: _ChooseScopes = scopes.of_both,
    ) -> None:
        self._origin = origin
        self._find_credential = credential
        self._send = send
        self._settings = settings
        self._trust = trust
        self._choose_scopes = choose_scopes
        self._lock = threading.RLock()
        self._credentials: dict[str, Credential] = {}
        self._offered: tuple[Challenge, ...] = ()
        self._tokens: dict[tuple[str, ...], Token] = {}

    def header_for(self, access: Access) -> str | None:
        """Return the Authorization header to send with a request of these scopes, if any.

        Before the registry asked for a login there is none. Tokens are fetched as needed.
        """
        with self._lock:
            challenge = self._chosen(access) if self._offered else None
            if challenge is None:
                return None
            if challenge.scheme == "basic":
                # The registry may require no login for this repository.
                return self._basic(access) if self._credential_of(access).username else None
            return _bearer(self._token(challenge, access))

    def authorize(self, response: Response, access: Access, rejected: str | None) -> str:
        """Return the Authorization header that answers a 401 of the registry.

        `rejected` is the header of the request that got this 401. If another thread has logged
        in since, its token is used.

        Raises:
            AuthenticationFailed: There is no better header than the rejected one.
            UntrustedOrigin: The registry names a token server that is not trusted.
        """
        with self._lock:
            self._offered = challenges.parse(response.header_lines("WWW-Authenticate"))
            challenge = self._chosen(access)
            if challenge is None:
                raise AuthenticationFailed(
                    f"{str(self._origin)!r} asks for a login with neither Basic nor Bearer"
                )
            stale = self._tokens.get(scopes.merge(access.scopes))
            if stale is not None and rejected == _bearer(stale):
                del self._tokens[scopes.merge(access.scopes)]
            if challenge.scheme == "basic":
                header = self._basic(access)
            else:
                asked = scopes.of_challenge(challenge.parameters.get("scope", ""))
                header = _bearer(self._token(challenge, access, asked))
        if header == rejected:
            raise api_errors.error_of(response, "log in")
        return header

    def _chosen(self, access: Access) -> Challenge | None:
        if self._credential_of(access).username:
            return challenges.choose(self._offered)
        return challenges.choose_anonymous(self._offered)

    def _token(self, challenge: Challenge, access: Access, asked: tuple[str, ...] = ()) -> Token:
        key = scopes.merge(access.scopes)
        known = self._tokens.get(key)
        if known is None or known.expires_at - _MARGIN < datetime.now(UTC):
            known = self._tokens[key] = self._fetch(challenge, access, asked)
        return known

    def _basic(self, access: Access) -> str:
        credential = self._credential_of(access)
        if not credential.username and not credential.password:
            raise AuthenticationFailed(
                f"{str(self._origin)!r} asks for a login and there are no credentials for it",
                hint=api_errors.login_hint(self._origin),
            )
        return _basic(credential)

    def _credential_of(self, access: Access) -> Credential:
        found = self._credentials.get(access.repository)
        if found is None:
            found = self._credentials[access.repository] = self._find_credential(access.repository)
            _log.info("requests to %s are sent %s", access.repository, _described(found))
        return found

    def _fetch(self, challenge: Challenge, access: Access, asked: tuple[str, ...]) -> Token:
        credential = self._credential_of(access)
        if credential.registry_token:
            return Token(
                value=credential.registry_token, expires_at=datetime.now(UTC) + _LONGEST_LIFE
            )
        realm = challenge.parameters.get("realm", "").partition("#")[0]
        if not realm:
            raise AuthenticationFailed(
                f"{str(self._origin)!r} asks for a token and does not name its token server"
            )
        if self._trust(realm, self._origin, self._settings) is TokenServerTrust.ANONYMOUS:
            self._warn_of_withheld(credential, realm)
            credential = ANONYMOUS
        service = challenge.parameters.get("service", "")
        wanted = self._choose_scopes(access.scopes, asked)
        _log.info(
            "token for %s from %s, %s", " ".join(wanted), redact(realm), _described(credential)
        )
        if credential.identity_token:
            request = _refresh_request(realm, service, wanted, credential.identity_token)
        else:
            request = _token_request(realm, service, wanted, credential)
        with self._send(request) as response:
            if (
                response.status != HTTPStatus.OK
            ):  # redirects are not followed: the target is untrusted
                error = api_errors.error_of(response, f"get a token for {self._origin.name!r}")
                if isinstance(error, AuthenticationFailed):
                    error.hint = api_errors.login_hint(
                        self._origin
                    )  # credentials are stored for the registry
                raise error
            now = datetime.now(UTC)
            token = Token.parse(response.read(TOKEN_BYTES, "the token"), now)
        # The lifetime counts from now: by the time of a server whose clock is behind, every token
        # would be expired on arrival.
        return token._replace(expires_at=max(token.expires_at, now + _SHORTEST_LIFE))

    def _warn_of_withheld(self, credential: Credential, realm: str) -> None:
        if credential != ANONYMOUS:
            self._settings.warn(
                f"the credentials for {self._origin.authority!r} are not sent to its token "
                f"server {redact(realm)!r}: it is on another domain (--trust-realm allows it)"
            )


def _token_request(
    realm: str, service: str, wanted: tuple[str, ...], credential: Credential
) -> Request:
    query = [("service", service)] if service else []
    query += [("scope", scope) for scope in wanted]
    headers = {}
    if credential.username:
        query.append(("account", credential.username))
        headers["Authorization"] = _basic(credential)
    joint = "&" if "?" in realm else "?"
    return Request(
        method="GET", url=f"{realm}{joint}{urlencode(query)}" if query else realm, headers=headers
    )


def _refresh_request(
    realm: str, service: str, wanted: tuple[str, ...], identity_token: str
) -> Request:
    """Exchange an identity token for a bearer token: OAuth 2, posted, never in a URL."""
    form = urlencode(
        {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT_ID,
            "scope": " ".join(wanted),
            "refresh_token": identity_token,
        }
    ).encode()
    return Request(
        method="POST",
        url=realm,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        open_body=lambda: io.BytesIO(form),
        length=len(form),
    )


def _described(credential: Credential) -> str:
    """Return the kind of a credential, without any part of it."""
    if credential.identity_token:
        return "with an identity token"
    if credential.registry_token:
        return "with a registry token"
    return "with user name and password" if credential.username else "anonymously"


def _bearer(token: Token) -> str:
    return f"Bearer {token.value}"


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
