"""Error responses: the error document of the distribution-spec, as exceptions."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from cachedb.errors import (
    AuthenticationFailed,
    InvalidManifest,
    RateLimited,
    RegistryError,
    RegistryUnavailable,
)
from cachedb.limits import ERROR_BODY_BYTES
from cachedb.oci import strict_json
from cachedb.registry.http import headers
from cachedb.registry.http.proxies import proxy_login_hint

if TYPE_CHECKING:
    from cachedb.registry.http.origin import Origin
    from cachedb.registry.http.response import Response

_LOGIN_NAMES = {"registry-1.docker.io": "docker.io"}
_LONGEST_TEXT = 200
_MOST_ERRORS = 8
# Transient: the same request may succeed later; unknown uploads occur behind load balancers.
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT_CODES = frozenset({"BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS", "UNAVAILABLE", "UNKNOWN"})


class APIError(NamedTuple):
    """One entry of the ``errors`` of an error response (distribution-spec, Error Codes)."""

    code: str
    message: str = ""
    """Text for people, of the registry."""

    def __str__(self) -> str:
        return f"{self.code!r}: {self.message!r}" if self.message else repr(self.code)


def parse(body: bytes) -> tuple[APIError, ...]:
    """Parse an error document; return an empty tuple for any other body."""
    try:
        document = strict_json.decode(body)
    except InvalidManifest:
        return ()
    entries = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return ()
    return tuple(
        APIError(code=_text(entry, "code"), message=_text(entry, "message"))
        for entry in entries[:_MOST_ERRORS]
        if isinstance(entry, dict)
    )


def is_transient(status: int, errors: tuple[APIError, ...] = ()) -> bool:
    """Return whether the same request may succeed later."""
    if errors:
        return all(error.code in _TRANSIENT_CODES for error in errors)
    return status in _TRANSIENT_STATUS


class Failure(NamedTuple):
    """An error response: its exception, and whether and when to retry."""

    error: RegistryError
    is_transient: bool
    """Whether a later attempt can succeed."""
    retry_at: datetime | None = None
    """Time before which no attempt is made (RFC 9110 §10.2.3); None if not stated."""

    @classmethod
    def of(cls, error: RegistryError) -> Failure:
        """Describe an error without a response; transient unless it is marked as lasting."""
        retry_at = error.retry_at if isinstance(error, RateLimited) else None
        is_lasting = isinstance(error, RegistryUnavailable) and error.is_lasting
        return cls(error=error, is_transient=not is_lasting, retry_at=retry_at)


def failure_of(response: Response, what: str) -> Failure:
    """Read an error response.

    `what` completes "cannot …", as in ``pull 'alpine:3.20'``. A 404 is a plain RegistryError: the
    caller names the absent content.
    """
    body = response.read_start(ERROR_BODY_BYTES.value)
    found = parse(body)
    return Failure(
        error=_error(response, f"cannot {what}: {response.origin} answers ", found, body),
        is_transient=is_transient(response.status, found),
        retry_at=retry_at(response),
    )


def error_of(response: Response, what: str) -> RegistryError:
    """Return the exception for an error response."""
    return failure_of(response, what).error


def login_hint(origin: Origin) -> str:
    """Return the command that stores credentials for a registry."""
    return f"docker login {_LOGIN_NAMES.get(origin.host, origin.name)}"


def retry_at(response: Response) -> datetime | None:
    """Return the time of the Retry-After header, if there is one."""
    return headers.retry_after(response.header("Retry-After"), datetime.now(UTC))


def _error(
    response: Response, start: str, found: tuple[APIError, ...], body: bytes
) -> RegistryError:
    message = f"{start}{_status(response.status)}{_detail(found, body)}"
    # Without TLS, the response may be that of the proxy.
    if response.proxy is not None and response.origin.scheme == "http":
        message += f", through the proxy {response.proxy}"
    match response.status:
        case 401 | 403:
            return AuthenticationFailed(message, hint=login_hint(response.origin))
        case 429:
            return RateLimited(message, retry_at=retry_at(response))
        case 407 if response.proxy is not None:
            return RegistryError(message, hint=proxy_login_hint(response.proxy))
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUS:
            return RegistryUnavailable(message)
        case _:
            return RegistryError(message)


def _detail(found: tuple[APIError, ...], body: bytes) -> str:
    if found:
        return f" ({', '.join(map(str, found))})"
    text = body[:_LONGEST_TEXT].decode("utf-8", "replace").strip()
    return f" ({text!r})" if text else ""


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return str(status)


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
