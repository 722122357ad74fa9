"""A cache at work, other tools beside it, and crashes at any call that changes something.

A model knows which names there have to be: what was acknowledged is there, what was interrupted is
there or not. After every step the files are examined in plain Python (I1 to I6), and after every
crash the next command has to go on without help (I8, I9).
"""

import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cachedb.cache import Cache
from cachedb.errors import CacheError, UnreadableGraph
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import ImportOptions
from tests import build
from tests.crash import mutants, oracle, scenarios

BASE, SHARED = build.layer({"base": "1"}), build.layer({"shared": "1"})
IMAGES = {
    "one": build.image(BASE, labels={"n": "1"}),
    "two": build.image(BASE, SHARED, labels={"n": "2"}),
    "three": build.index(
        build.image(SHARED, labels={"n": "3"}), build.image(BASE, SHARED, arch="arm64")
    ),
    "four": build.index(build.image(build.layer({"alone": "4"}))),
}
NAMES = ["example.com/a:1", "example.com/b:1", "example.com/c:1"]
# Every call by which a file, a name or a directory changes; the rest of a write is in memory.
_CALLS = ("write", "rename", "link", "unlink", "fsync", "mkdir", "rmdir", "ftruncate", "fchmod")

things, names = st.sampled_from(sorted(IMAGES)), st.sampled_from(NAMES)
numbers = st.integers(0, 99)
# At which call the process dies: so many an operation makes, or a few more.
deaths_of_adding, deaths_of_removing = st.integers(1, 45), st.integers(1, 7)
deaths_of_collecting = st.integers(1, 45)


class Died(BaseException):
    """The process is gone: nothing that comes after may run."""


@contextmanager
def dying(after: int) -> Iterator[None]:
    """Let every call that changes something fail from the `after`-th on, as for a dead process.

    What is in `finally` and `except` runs here, which it would not; since it cannot change
    anything any more, that makes no difference to the files.
    """
    left = after

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Died
            return call(*arguments, **more)

        return dying

    patches = [mock.patch.object(os, name, counted(getattr(os, name))) for name in _CALLS]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


class Store(RuleBasedStateMachine):
    """One cache, and all who work on it."""

    def __init__(self) -> None:
        super().__init__()
        scratch = scenarios.scratch(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix="store-", dir=scratch))
        self.tree = build.Tree(self.folder / "cache")
        # Which digests a name may stand for; None is for no name.
        self.allowed: dict[str, set[str | None]] = {name: {None} for name in NAMES}
        self.spoilt: set[str] = set()

    @initialize(style=st.sampled_from([build.LINUXKIT, build.UMOCI]))
    def start(self, style: build.Style) -> None:
        Cache.create(self.tree.path).close()
        self.tree.style = build.Style(
            named=build.LINUXKIT.named, indent=style.indent, renames=style.renames
        )

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    # -- what we do ------------------------------------------------------------------------

    def _add(self, thing: build.Thing, name: str) -> None:
        with Cache.open(self.tree.path) as cache:
            archive = io.BytesIO(build.archive({name: thing}))
            cache.import_archive(archive, "-", ImportOptions(may_replace=True), UNWATCHED)

    def _remove(self, name: str) -> None:
        with Cache.open(self.tree.path) as cache:
            cache.remove(cache.plan_removal([name]))

    def _collect(self, quarantine: float) -> None:
        with Cache.open(self.tree.path) as cache:
            cache.collect(cache.plan_collection(grace=0, quarantine=quarantine))

    @rule(thing=things, name=names)
    def add(self, thing: str, name: str) -> None:
        self._add(IMAGES[thing], name)
        self.allowed[name] = {IMAGES[thing].digest}
        self.spoilt -= IMAGES[thing].digests  # an import heals what it meets

    @rule(thing=things, name=names, after=deaths_of_adding)
    def add_and_die(self, thing: str, name: str, after: int) -> None:
        self.allowed[name] |= {IMAGES[thing].digest}
        self._die(after, lambda: self._add(IMAGES[thing], name))

    @precondition(lambda self: self._named())
    @rule(number=numbers)
    def remove(self, number: int) -> None:
        name = self._choose(number)
        self._remove(name)
        self.allowed[name] = {None}

    @precondition(lambda self: self._named())
    @rule(number=numbers, after=deaths_of_removing)
    def remove_and_die(self, number: int, after: int) -> None:
        name = self._choose(number)
        self.allowed[name] |= {None}
        self._die(after, lambda: self._remove(name))

    @rule(quarantine=st.sampled_from([0, 3600]))
    def collect(self, quarantine: float) -> None:
        try:
            self._collect(quarantine)
        except UnreadableGraph:
            assert self.spoilt

    @rule(quarantine=st.sampled_from([0, 3600]), after=deaths_of_collecting)
    def collect_and_die(self, quarantine: float, after: int) -> None:
        self._die(after, lambda: self._collect(quarantine))

    @rule()
    def rebuild(self) -> None:
        Cache.rebuild(self.tree.path)

    def _die(self, after: int, work: Callable[[], None]) -> None:
        try:
            with dying(after):
                work()
        except (Died, CacheError):
            return

    # -- what others do --------------------------------------------------------------------

    @rule(thing=things, name=names)
    def another_tool_adds(self, thing: str, name: str) -> None:
        self.tree.add(IMAGES[thing], name)
        self.allowed[name] = {IMAGES[thing].digest}

    @rule(name=names)
    def another_tool_removes(self, name: str) -> None:
        self.tree.unname(name)
        self.allowed[name] = {None}

    @rule()
    def another_tool_collects(self) -> None:
        needed = self._needed()
        for digest in self.tree.blobs() - needed:
            self.tree.delete(digest)

    @rule(number=numbers)
    def a_layer_goes_bad(self, number: int) -> None:
        layers = sorted({BASE.digest, SHARED.digest} & self.tree.blobs())
        if layers:
            digest = layers[number % len(layers)]
            content = self.tree.blob_path(digest).read_bytes()
            self.tree.delete(digest)
            self.tree.put(build.Blob(content, BASE.media_type))
            self.tree.blob_path(digest).write_bytes(bytes([content[0] ^ 1]) + content[1:])
            self.spoilt.add(digest)

    @rule()
    def the_catalog_is_lost(self) -> None:
        (self.tree.path / ".cachedb" / "index.db").unlink(missing_ok=True)

    # -- what has to be true ---------------------------------------------------------------

    def _names(self) -> dict[str | None, str]:
        return oracle.names_of(self.tree.path)

    def _named(self) -> list[str]:
        return sorted(name for name in self._names() if name)

    def _choose(self, number: int) -> str:
        named = self._named()
        return named[number % len(named)]

    def _needed(self) -> set[str]:
        found = (oracle.closure(self.tree.path, digest) for digest in self._names().values())
        return set().union(*found)

    @precondition(lambda self: (self.tree.path / "index.json").exists())
    @invariant()
    def names_are_those_of_the_model_and_whole(self) -> None:
        names = self._names()
        for name, allowed in self.allowed.items():
            assert names.get(name) in allowed
        self.allowed = {name: {names.get(name)} for name in NAMES}
        # What a collection that died moved to the trash comes back with the next command.
        spoilt = self.spoilt & self.tree.blobs()
        unsound = {digest: self.tree.blob_path(digest).read_bytes() for digest in spoilt}
        expected = oracle.Expected(before=names, after=names, unsound=dict(unsound))
        assert oracle.violations(self.tree.path, expected, ended_well=True) == []

    @precondition(lambda self: (self.tree.path / "index.json").exists())
    @invariant()
    def the_next_command_goes_on_without_help(self) -> None:
        with Cache.open(self.tree.path) as cache:
            assert {str(each.name): str(each.digest) for each in cache.list()} == self._names()


_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TestStore = Store.TestCase
TestStore.settings = settings(_PATIENT, max_examples=10, stateful_step_count=15)


@pytest.mark.campaign
def test_many_caches_keep_the_protocol_in_many_steps() -> None:
    run_state_machine_as_test(
        Store, settings=settings(_PATIENT, max_examples=150, stateful_step_count=25)
    )


def hunt(mutant: str) -> None:
    """Break the protocol on purpose, in a process of its own, and end well if that shows."""
    getattr(mutants, mutant)()
    blunt = settings(_PATIENT, max_examples=100, phases=[Phase.generate], database=None)
    try:
        run_state_machine_as_test(Store, settings=blunt)
    except Exception:  # noqa: BLE001  (whatever shows it)
        sys.exit(0)
    sys.exit(1)


@pytest.mark.campaign
@pytest.mark.parametrize(
    "mutant", ["index_in_place", "blob_in_place", "index_first", "blobs_first"]
)
def test_a_protocol_that_is_broken_on_purpose_is_noticed(mutant: str) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hunt, args=[mutant])
    process.start()
    process.join()
    assert process.exitcode == 0
