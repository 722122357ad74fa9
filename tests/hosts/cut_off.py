"""A host in a network namespace of its own, whose link to the server and the registry it cuts."""

import ctypes
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.hosts import worker

_CLONE_NEWNET = 0x40000000


class NoNamespaces(Exception):
    """A container, or its kernel, makes no network namespaces or links."""


class Event(Enum):
    """What a command does when its link is cut."""

    COMMIT = "it is about to send a COMMIT to the server"
    COMMITTED = "the server has answered a COMMIT"
    REQUEST = "it is about to send a request to the registry"
    ANSWER = "the head of an answer of the registry has arrived"


class Cut(NamedTuple):
    """The event at which a link is cut, counted from 1."""

    event: Event
    number: int

    def __str__(self) -> str:
        return f"{self.event.name.lower()}#{self.number}"


class Network(NamedTuple):
    """A namespace with one link to that of the tests."""

    name: str
    link: str
    """Name of the link inside of the namespace."""
    address: str
    """Address of the server and the registry, at the other end."""


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
    network: Network, cut: Cut, is_cut: str, cache: str, arguments: Sequence[str], catalog: str
) -> int:
    """Run a command in the namespace, whose link is cut at one of its events.

    The file `is_cut` is made then.
    """
    with Path(f"/run/netns/{network.name}").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    seen = itertools.count(1)

    def happens(event: Event) -> None:
        if event is cut.event and next(seen) == cut.number:
            _ip("link", "set", network.link, "down")
            Path(is_cut).touch()

    _watch(happens)
    return worker.command(cache, arguments, catalog)


def _watch(happens: Callable[[Event], None]) -> None:
    """Call a function at every event of this process."""
    execute, request = psycopg.Connection.execute, HTTPConnection.putrequest
    answer = HTTPConnection.getresponse

    def executing(self: Any, query: Any, *values: Any, **options: Any) -> Any:
        if query != "COMMIT":
            return execute(self, query, *values, **options)
        happens(Event.COMMIT)
        done = execute(self, query, *values, **options)
        happens(Event.COMMITTED)
        return done

    def requesting(self: Any, *values: Any, **options: Any) -> Any:
        happens(Event.REQUEST)
        return request(self, *values, **options)

    def answering(self: Any) -> Any:
        found = answer(self)
        happens(Event.ANSWER)
        return found

    psycopg.Connection.execute = executing  # type: ignore[method-assign]
    HTTPConnection.putrequest = requesting  # type: ignore[method-assign]
    HTTPConnection.getresponse = answering  # type: ignore[method-assign]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoNamespaces(f"ip {' '.join(words)}: {done.stderr.strip()}")
