"""Credential helpers: programs that keep secrets in a keychain (docker-credential-…)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from typing import NamedTuple

from cachedb.errors import InvalidManifest, RegistryError
from cachedb.limits import TOKEN_BYTES
from cachedb.oci.json_fields import Fields
from cachedb.oci.strict_json import decode_object
from cachedb.patterns import lazy

TOKEN_USER = "<token>"  # noqa: S105 - marks an identity token in the protocol of helpers
_PREFIX = "docker-credential-"
_NAME = lazy(r"[A-Za-z0-9._-]{1,64}")
_SERVER = lazy(r"[A-Za-z0-9._:/\[\]-]{1,1024}")
SECONDS = 30
_NOT_FOUND = "credentials not found in native keychain"


class Secret(NamedTuple):
    """User name and secret that a helper returns for a server."""

    username: str
    """User name; ``<token>`` for an identity token."""
    secret: str

    def __repr__(self) -> str:
        return "Secret(…)"


def get_secret(name: str, server: str) -> Secret | None:
    """Run the helper ``docker-credential-NAME get`` for `server`; None if it has no secret.

    The program is found on PATH, started without a shell, and reads the server from standard
    input, for up to 30 seconds. A name or a server with other characters than those of names
    is refused: a slash in a name would run any file, a newline in a server would start a
    second line of the protocol.

    Raises:
        RegistryError: The helper is missing, fails, times out, or prints invalid output.
    """
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise RegistryError(f"{name!r} is not the name of a credential helper")
    if not _SERVER.fullmatch(server):
        raise RegistryError(f"refusing to pass {server!r} to a credential helper")
    program = shutil.which(_PREFIX + name)
    if program is None:
        raise RegistryError(f"the credential helper {_PREFIX + name!r} is not on the PATH")
    response, succeeded = _run(program, server)
    if not succeeded:
        if response.strip() == _NOT_FOUND.encode():
            return None
        raise RegistryError(f"{_PREFIX + name!r} fails for {server!r}")
    return parse(response, _PREFIX + name)


def parse(response: bytes, program: str) -> Secret:
    """Parse the output of a helper.

    Raises:
        RegistryError: It is not a JSON object with a user name and a secret.
    """
    try:
        fields = Fields(decode_object(response))
        return Secret(
            username=fields.get("Username", str) or "", secret=fields.get("Secret", str) or ""
        )
    except InvalidManifest as error:
        raise RegistryError(f"{program!r} did not return a secret: {error}") from error


def _run(program: str, server: str) -> tuple[bytes, bool]:
    """Run a helper, and return its output and whether it succeeded."""
    limit = TOKEN_BYTES.value
    with subprocess.Popen(  # noqa: S603 - the path is from which(), the argument is fixed
        [program, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Not communicate(): it has no limit on the size of the output.
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(server.encode())
            output = process.stdout.read(limit + 1)
            if len(output) > limit:
                process.kill()
                raise RegistryError(f"{program!r} answers with more than {limit} bytes")
            code = process.wait()
        finally:
            watchdog.cancel()
    if code == -signal.SIGKILL:
        raise RegistryError(f"{program!r} does not answer within {SECONDS} s")
    return output, code == 0
