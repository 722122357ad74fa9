"""A host in a network namespace of its own, whose link to the server is cut by itself."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.hosts import worker

_CLONE_NEWNET = 0x40000000


class NoNamespaces(Exception):
    """A container, or its kernel, makes no network namespaces or links."""


class Network(NamedTuple):
    """A namespace with one link to that of the tests."""

    name: str
    link: str
    """Name of the link inside of the namespace."""
    address: str
    """Address of the server, at the other end."""


@contextmanager
def linked() -> Iterator[Network]:
    """Make a namespace, and remove it with its link.

    Raises:
        NoNamespaces: The system refuses it.
    """
    key = f"{os.getpid() % 0xFFFF:04x}"
    name, link, here = f"cachedb-{key}", f"cdb-b{key}", f"cdb-a{key}"
    third = os.getpid() % 250
    network = Network(name, link, f"10.213.{third}.1")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", link, "netns", name)
        _ip("addr", "add", f"{network.address}/24", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-n", name, "addr", "add", f"10.213.{third}.2/24", "dev", link)
        connect(network)
        yield network
    finally:
        _ip("netns", "del", name)


def connect(network: Network) -> None:
    """Plug the link in."""
    _ip("-n", network.name, "link", "set", network.link, "up")


def command(
    network: Network, commit: int, is_cut: str, cache: str, arguments: Sequence[str], catalog: str
) -> int:
    """Run a command in the namespace, whose link is cut when it sends a COMMIT of that number.

    The file `is_cut` is made then.
    """
    with Path(f"/run/netns/{network.name}").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    execute, commits = psycopg.Connection.execute, 0

    def executing(self: Any, query: Any, *values: Any, **options: Any) -> Any:
        nonlocal commits
        commits += query == "COMMIT"
        if query == "COMMIT" and commits == commit:
            _ip("link", "set", network.link, "down")
            Path(is_cut).touch()
        return execute(self, query, *values, **options)

    psycopg.Connection.execute = executing  # type: ignore[method-assign]
    return worker.command(cache, arguments, catalog)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(words)}: {done.stderr.strip()}")
