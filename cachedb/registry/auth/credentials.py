"""Stored credentials: the files of docker and podman, and credential helpers.

Lookup follows docker/cli and containers/image: keys may be repositories, the longest match wins;
the helper that a file names, for a registry or for all, takes precedence over the entries of
that file.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cachedb.errors import InvalidManifest, RegistryError, StorageFailed
from cachedb.limits import CREDENTIAL_FILE_BYTES
from cachedb.oci import strict_json
from cachedb.oci.json_fields import Fields
from cachedb.patterns import lazy
from cachedb.registry.auth import credential_helpers
from cachedb.registry.auth.credential_helpers import TOKEN_USER
from cachedb.registry.http.settings import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cachedb.registry.auth.credential_helpers import Secret

DOCKER_HUB = "docker.io"
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_RUN = Path("/run/containers")
_SCHEMES = lazy(r"^https?://")
# base64(1) wraps long lines; the decoder of Go, which docker and skopeo use, skips line ends.
_LINE_ENDS = lazy(r"[\r\n]")
_API_SUFFIX = lazy(r"/v[12]/?$")


class Credential(NamedTuple):
    """User name and password, or a token, for one registry; `ANONYMOUS` is neither."""

    username: str = ""
    """User name; '' without one, as in the texts below."""
    password: str = ""
    identity_token: str = ""
    """Refresh token of OAuth 2.0 (RFC 6749 §1.5)."""
    registry_token: str = ""
    """Bearer token that is sent as it is."""

    def __repr__(self) -> str:
        return "Credential(…)"

    @classmethod
    def from_fields(cls, fields: Fields) -> Credential:
        """Parse an entry of ``auths``; ``auth`` takes precedence over username and password."""
        username, password = decode_auth(fields.get("auth", str) or "")
        if not username and not password:
            username = fields.get("username", str) or ""
            password = fields.get("password", str) or ""
        return cls(
            username=username,
            password=password,
            identity_token=fields.get("identitytoken", str) or "",
            registry_token=fields.get("registrytoken", str) or "",
        )

    @classmethod
    def from_secret(cls, secret: Secret) -> Credential:
        """Convert the output of a helper; the user name ``<token>`` marks an identity token."""
        if secret.username == TOKEN_USER:
            return cls(identity_token=secret.secret)
        return cls(username=secret.username, password=secret.secret)


ANONYMOUS = Credential()


def decode_auth(text: str) -> tuple[str, str]:
    """Decode base64 of ``user:password``; an empty text is no user and no password.

    Raises:
        InvalidManifest: It is not base64, or has no colon.
    """
    if not text:
        return "", ""
    try:
        decoded = base64.b64decode(_LINE_ENDS.sub("", text), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidManifest("not base64 of user:password", "auth") from error
    username, colon, password = decoded.partition(":")
    if not colon:
        raise InvalidManifest("not base64 of user:password", "auth")
    return username, password.strip("\0")


class CredentialFile(NamedTuple):
    """One credential file: entries by key, helpers by registry, and a default helper."""

    path: str
    """Path of the file, for messages."""
    auths: Mapping[str, Any] = MappingProxyType({})
    """Entries of ``auths``, by registry or repository."""
    helpers: Mapping[str, str] = MappingProxyType({})
    store: str = ""
    """Name of the default helper; '' without one."""

    def __repr__(self) -> str:
        return f"CredentialFile({self.path!r})"

    @classmethod
    def parse(cls, content: bytes, path: str) -> CredentialFile:
        """Parse the JSON document of docker's ``config.json`` or podman's ``auth.json``.

        Raises:
            InvalidManifest: It is not a JSON object with the fields of such a file.
        """
        if not content.strip():
            return cls(path=path)
        try:
            fields = Fields(strict_json.decode_object(content))
            return cls(
                path=path,
                auths=fields.get("auths", dict) or {},
                helpers=fields.string_map("credHelpers"),
                store=fields.get("credsStore", str) or "",
            )
        except InvalidManifest as error:
            raise error.of(repr(path)) from error

    def find(self, name: str, ask: Callable[[str, str], Secret | None]) -> Credential | None:
        """Return the credential for a registry or repository, or None.

        Raises:
            InvalidManifest: The entry for it is malformed.
        """
        host = name.partition("/")[0]
        helper = self._helper_of(host)
        if helper is not None:
            program, server = helper
            # An empty name disables the default helper for this registry.
            if program:
                found = _asked(ask(program, server))
                if found is not None:
                    return found
        elif self.store:
            found = _asked(ask(self.store, server_key(host)))
            if found is not None:
                return found
        return self._entry(name)

    def helper_for(self, host: str) -> str:
        """Return the name of the helper for `host`, empty if there is none."""
        helper = self._helper_of(host)
        return self.store if helper is None else helper[0]

    def _helper_of(self, host: str) -> tuple[str, str] | None:
        """Return the helper for a registry, and the server name to pass to it."""
        for key in (host, server_key(host)):
            if key in self.helpers:
                return self.helpers[key], server_key(key)
        for key, program in self.helpers.items():
            if _SCHEMES.match(key) and hostname(key) == host and _is_whole_registry(key):
                return program, key
        return None

    def _entry(self, name: str) -> Credential | None:
        for key in keys(name):
            if key in self.auths:
                return self._read(key)
        host = name.partition("/")[0]
        wanted = _DOCKER_HUB_NAMES if host in _DOCKER_HUB_NAMES else {host}
        if host in _DOCKER_HUB_NAMES and DOCKER_HUB_KEY in self.auths:
            return self._read(DOCKER_HUB_KEY)
        for key in self.auths:
            if _is_whole_registry(key) and hostname(key) in wanted:
                return self._read(key)
        return None

    def _read(self, key: str) -> Credential | None:
        try:
            found = Credential.from_fields(
                Fields({"entry": self.auths[key]}).object("entry") or Fields({})
            )
        except InvalidManifest as error:
            raise InvalidManifest(
                error.why, error.path, document=f"{self.path!r}, {key!r}"
            ) from error
        return None if found == ANONYMOUS else found


class Credentials:
    """The credential files of a user, parsed once, in order of precedence; thread-safe.

    A helper is run once per server, however many repositories are used there. One that fails
    is reported to `warn` and skipped: many configurations name helpers that are not installed,
    and most images need no login.
    """

    def __init__(
        self,
        files: tuple[CredentialFile, ...] = (),
        *,
        ask: Callable[[str, str], Secret | None] = credential_helpers.get_secret,
        warn: Callable[[str], None] = ignore,
    ) -> None:
        self._files = files
        self._ask = ask
        self._warn = warn
        self._lock = threading.Lock()
        self._secrets: dict[tuple[str, str], Secret | None] = {}

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        logins: Mapping[str, tuple[str, str]] = MappingProxyType({}),
        warn: Callable[[str], None] = ignore,
    ) -> Credentials:
        """Take logins, then parse $DOCKER_AUTH_CONFIG, then the files of `credential_paths`.

        `logins` has user name and password by registry.

        Raises:
            InvalidManifest: One of them is malformed.
        """
        found = []
        if logins:
            auths = {name: {"username": u, "password": p} for name, (u, p) in logins.items()}
            found.append(CredentialFile.parse(json.dumps({"auths": auths}).encode(), "logins"))
        given = environment.get("DOCKER_AUTH_CONFIG", "")
        if given.strip():
            found.append(CredentialFile.parse(given.encode(), "$DOCKER_AUTH_CONFIG"))
        for path in credential_paths(environment):
            is_default = path not in _named_paths(environment)
            if is_default and _is_in_closed_folder(path):
                continue
            content = _content(path)
            if content is not None:
                found.append(CredentialFile.parse(content, str(path)))
        return cls(tuple(found), warn=warn)

    def finder(self, registry: str) -> Callable[[str], Credential]:
        """Return a function that finds the credential for a repository of `registry`."""
        return lambda repository: self.find(f"{registry}/{repository}")

    def find(self, name: str) -> Credential:
        """Return the credential for ``registry`` or ``registry/repository``, or `ANONYMOUS`."""
        for file in self._files:
            found = file.find(name, self._ask_once)
            if found is not None:
                return found
        return ANONYMOUS

    def _ask_once(self, helper: str, server: str) -> Secret | None:
        with self._lock:
            key = helper, server
            if key not in self._secrets:
                self._secrets[key] = self._ask_or_warn(helper, server)
            return self._secrets[key]

    def _ask_or_warn(self, helper: str, server: str) -> Secret | None:
        try:
            return self._ask(helper, server)
        except RegistryError as error:
            self._warn(f"no credentials for {server!r}: {error}")
            return None


def keys(name: str) -> Iterator[str]:
    """Yield the keys that apply to a name, the most specific one first.

    Example:
        >>> list(keys("quay.io/user/image"))
        ['quay.io/user/image', 'quay.io/user', 'quay.io']
    """
    while name:
        yield name
        name = name.rpartition("/")[0]


def hostname(key: str) -> str:
    """Return the host and port of a key, which may be a URL."""
    return _SCHEMES.sub("", key).partition("/")[0]


def server_key(host: str) -> str:
    """Return the server name of a registry in the protocol of helpers."""
    return DOCKER_HUB_KEY if host == DOCKER_HUB else host


def _is_whole_registry(key: str) -> bool:
    """Return whether a key is for every repository of a host: a host or a URL (path ignored)."""
    return bool(_SCHEMES.match(key)) or "/" not in _API_SUFFIX.sub("", key).rstrip("/")


def _asked(secret: Secret | None) -> Credential | None:
    if secret is None:
        return None
    found = Credential.from_secret(secret)
    return None if found == ANONYMOUS else found


def credential_paths(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the paths of credential files: those that variables name, then the default ones."""
    home = environment.get("HOME", "")
    docker = environment.get("DOCKER_CONFIG", "")
    podman = environment.get("REGISTRY_AUTH_FILE", "")
    yield from _named_paths(environment)
    if home and not docker:
        yield Path(home, ".docker", "config.json")
    if podman:
        return
    runtime, config = environment.get("XDG_RUNTIME_DIR"), environment.get("XDG_CONFIG_HOME")
    # Without a session, as under sudo, `skopeo login` and `podman login` write to /run.
    yield (
        Path(runtime, "containers", "auth.json")
        if runtime
        else _RUN / str(os.getuid()) / "auth.json"
    )
    if config or home:
        yield Path(config or Path(home, ".config"), "containers", "auth.json")


def _named_paths(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the paths that variables name."""
    docker = environment.get("DOCKER_CONFIG", "")
    podman = environment.get("REGISTRY_AUTH_FILE", "")
    found = (Path(docker, "config.json") if docker else None, Path(podman) if podman else None)
    return tuple(filter(None, found))


def _is_in_closed_folder(path: Path) -> bool:
    """Return whether the user may not enter a folder, so that no login of theirs is in it.

    Podman makes /run/containers for root alone; $HOME may be that of another user under sudo.
    """
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(CREDENTIAL_FILE_BYTES.value + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageFailed.of(error, f"read {str(path)!r}") from error
    CREDENTIAL_FILE_BYTES.check(len(content), repr(str(path)))
    return content
