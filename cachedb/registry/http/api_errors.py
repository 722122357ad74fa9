"""Answers that are errors: what the server says, and which exception it is."""

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
_MOST_PROBLEMS = 8
# Another attempt may go well after these; "unknown upload" happens behind load balancers.
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset({"BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS", "UNAVAILABLE", "UNKNOWN"})


class APIError(NamedTuple):
    """One entry of the ``errors`` that a registry sends."""

    code: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code!r}: {self.message!r}" if self.message else repr(self.code)


def parse(body: bytes) -> tuple[APIError, ...]:
    """Read the error document of the distribution-spec; nothing if it is something else."""
    try:
        document = strict_json.decode(body)
    except InvalidManifest:
        return ()
    entries = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return ()
    return tuple(
        APIError(code=_text(entry, "code"), message=_text(entry, "message"))
        for entry in entries[:_MOST_PROBLEMS]
        if isinstance(entry, dict)
    )


def is_passing(status: int, errors: tuple[APIError, ...] = ()) -> bool:
    """Whether the same request may succeed a little later."""
    if errors:
        return all(error.code in _PASSING_CODES for error in errors)
    return status in _PASSING_STATUS


class Failure(NamedTuple):
    """What an answer that is an error means."""

    error: RegistryError
    is_passing: bool
    retry_at: datetime | None = None

    @classmethod
    def of(cls, error: RegistryError) -> Failure:
        """Describe an error that may pass, unless it says that it does not."""
        retry_at = error.retry_at if isinstance(error, RateLimited) else None
        is_lasting = isinstance(error, RegistryUnavailable) and error.is_lasting
        return cls(error=error, is_passing=not is_lasting, retry_at=retry_at)


def failure_of(response: Response, what: str) -> Failure:
    """Read an answer that is an error.

    `what` is what we wanted, as in ``pull 'alpine:3.20'``; "absent" is not decided here.
    """
    body = response.read_start(ERROR_BODY_BYTES.value)
    found = parse(body)
    return Failure(
        error=_error(response, f"cannot {what}: {response.origin} answers ", found, body),
        is_passing=is_passing(response.status, found),
        retry_at=retry_at(response),
    )


def error_of(response: Response, what: str) -> RegistryError:
    """Return the exception for an answer that is an error."""
    return failure_of(response, what).error


def login_hint(origin: Origin) -> str:
    """Return the command that stores credentials for a registry."""
    return f"docker login {_LOGIN_NAMES.get(origin.host, origin.name)}"


def retry_at(response: Response) -> datetime | None:
    """Return when the server says to come back."""
    return headers.retry_after(response.header("Retry-After"), datetime.now(UTC))


def _error(
    response: Response, start: str, found: tuple[APIError, ...], body: bytes
) -> RegistryError:
    message = f"{start}{_status(response.status)}{_said(found, body)}"
    match response.status:
        case 401 | 403:
            return AuthenticationFailed(message, hint=login_hint(response.origin))
        case 429:
            return RateLimited(message, retry_at=retry_at(response))
        case 407 if response.proxy is not None:
            return RegistryError(
                f"{message}, from the proxy {response.proxy}",
                hint=proxy_login_hint(response.proxy),
            )
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING_STATUS:
            return RegistryUnavailable(message)
        case _:
            return RegistryError(message)


def _said(found: tuple[APIError, ...], body: bytes) -> str:
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
