"""Every mode of the misbehaving registry ends as it must, and a healthy one repairs all.

What runs are the operations that a user has: pull, push, and the list of tags. The oracle does
not know what they do; it sees what the servers were sent, what is on disk and what was said.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager

import pytest

from cachedb.cache import Cache
from cachedb.catalog.user_state import repositories
from cachedb.errors import CacheError
from cachedb.oci import Digest, Reference
from cachedb.operations.transfer.remote_inspect import list_tags
from cachedb.registry.auth.credentials import CredentialFile, Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from tests import build, recorded
from tests.registry import hostile_kit

pytestmark = pytest.mark.recorded

_DEADLINE = 15
_MOST_BYTES = 24 << 20
_MOST_MEMORY = 200 << 20
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_IMAGE = build.image(build.layer({"data": bytes(range(256)) * 4096}, media_type=build.OCI_LAYER))


@contextmanager
def _connecting(reference, credentials, warn):
    """Open the one registry, with credentials for it and little deadlines."""
    settings = RegistrySettings(
        warn=warn, deadlines=Deadlines(idle_seconds=1, retries=2, backoff_seconds=0.001)
    )
    user, password = credentials
    auths = {reference.domain: {"username": user, "password": password}}
    known = Credentials((CredentialFile(path="-", auths=auths),))
    with Client(reference.domain, settings, known) as client:
        yield lambda _domain: client


def pull(cache, reference, credentials, warn, **options):
    """Pull as the command line does; what went wrong is raised."""
    with _connecting(reference, credentials, warn) as connect:
        report = cache.pull(reference, registries=connect, **options)
    return report.pulled[0]


def push(cache, reference, credentials, warn):
    """Push as the command line does; another repository is believed to have the blobs."""
    with cache.catalog.writing() as connection:
        digests = [blob.digest for blob in _IMAGE.blobs]
        repositories.remember(connection, f"{reference.domain}/repo/other", digests, 1)
    with _connecting(reference, credentials, warn) as connect:
        report = cache.push(str(reference), registries=connect)
    return report.pushed[0]


class _Watch:
    """What a run says, and how long it takes."""

    def __init__(self):
        self.said = []
        self.error = None
        self._started = time.monotonic()

    def run(self, action):
        try:
            return action()
        except CacheError as error:
            self.error = error
            self.said += [str(error), error.hint or ""]
            self.trace = "".join(traceback.format_exception(error))
        return None

    trace = ""

    @property
    def seconds(self):
        return time.monotonic() - self._started


def _check(mode, registry, watch):
    """The oracle: what must hold whatever the server does."""
    kit = hostile_kit.load()
    total = len(registry.requests) + len(registry.evil_requests)
    secrets = (kit.PASS, kit.TOKEN, kit.BASIC)
    assert registry.leaks() == []
    assert registry.exfil() == []
    assert mode.evil_ok or registry.evil_requests == []
    assert not registry.runaway
    assert total <= mode.max_requests
    assert watch.seconds < _DEADLINE
    assert registry.ctx.sent < _MOST_BYTES
    assert not any(_CONTROLS.search(line) for line in watch.said), watch.said
    assert not any(secret in watch.trace for secret in secrets)
    assert not any(secret in line for secret in secrets for line in watch.said)
    if mode.expect == "accept":
        assert watch.error is None, watch.trace
    if mode.expect == "reject":
        assert watch.error is not None


def _check_disk(cache):
    """No file that is called by a digest holds anything else, published or not."""
    for path in cache.layout.root.glob("blobs/*/*"):
        assert hashlib.new(path.parent.name, path.read_bytes()).hexdigest() == path.name
    for path in cache.layout.private.glob("ingest/*-*"):
        algorithm, _, encoded = path.name.partition("-")
        if not encoded.endswith(".part"):
            assert hashlib.new(algorithm, path.read_bytes()).hexdigest() == encoded
    assert cache.verify().is_clean


def _reference(mode, registry):
    name = f"{registry.host}/repo/img"
    if mode.op == "pull-digest":
        return Reference.parse(f"{name}@{registry.ctx.img['digest']}")
    return Reference.parse(f"{name}:latest")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty cache: copying one is faster than making one."""
    folder = tmp_path_factory.mktemp("template") / "cache"
    Cache.create(folder).close()
    return folder


@pytest.fixture
def cache(tmp_path, template):
    with Cache.open(shutil.copytree(template, tmp_path / "cache")) as opened:
        yield opened


@pytest.mark.parametrize("mode", hostile_kit.modes("pull", "pull-digest"))
def test_a_pull_ends_as_it_must_and_can_be_repaired(mode, cache):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        port = int(registry.host.rpartition(":")[2])
        reference = _reference(mode, registry)
        watch.run(lambda: pull(cache, reference, registry.creds, watch.said.append))
        _check(mode, registry, watch)
    _check_disk(cache)
    assert len(cache.list()) == (0 if watch.error else 1)
    if watch.error is None:
        return
    with hostile_kit.serving("ok", port) as healthy:
        reference = _reference(mode, healthy)
        pull(cache, reference, healthy.creds, watch.said.append)
        assert cache.layout.blobs.stat(Digest(healthy.ctx.layer()["digest"]))
    _check_disk(cache)
    assert [each.name for each in cache.list()] == [str(reference)]


@pytest.mark.parametrize("mode", hostile_kit.modes("push"))
def test_a_push_ends_as_it_must_and_can_be_repeated(mode, tmp_path, template):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        port = int(registry.host.rpartition(":")[2])
        reference = _reference(mode, registry)
        tree = build.Tree(shutil.copytree(template, tmp_path / "cache"))
        tree.add(_IMAGE, str(reference))
        with Cache.open(tree.path) as cache:
            watch.run(lambda: push(cache, reference, registry.creds, watch.said.append))
            _check(mode, registry, watch)
            if watch.error is None:
                assert registry.ctx.pushed == {"latest": _IMAGE.digest}
                return
    with hostile_kit.serving("ok-push", port) as healthy, Cache.open(tree.path) as cache:
        push(cache, reference, healthy.creds, watch.said.append)
        assert healthy.ctx.pushed == {"latest": _IMAGE.digest}
        _check_disk(cache)


@pytest.mark.parametrize("mode", hostile_kit.modes("tags"))
def test_tags_end_as_they_must(mode):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        repository = Reference.parse(f"{registry.host}/repo/img")
        with _connecting(repository, registry.creds, watch.said.append) as connect:
            found = watch.run(lambda: list(list_tags(connect(repository.domain), repository)))
        _check(mode, registry, watch)
        if mode.expect == "sanitise":
            assert found == ["ok"]
            assert len(watch.said) == 6


@pytest.mark.parametrize("mode", hostile_kit.modes("referrers"))
def test_referrers_end_as_they_must(mode, cache):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        reference = _reference(mode, registry)
        watch.run(
            lambda: pull(cache, reference, registry.creds, watch.said.append, referrers=True)
        )
        _check(mode, registry, watch)
        if mode.expect == "accept":
            assert cache.layout.blobs.stat(Digest(registry.ctx.tags["ref1"]["digest"]))
    _check_disk(cache)


# What is large in these goes over the wire, or would if it were believed. The first ones are
# enough for every day.
_BOMBS = ("manifest-40mib", "blob-endless", "manifest-gzip-bomb")
_MORE_BOMBS = (
    "blob-encoding-bomb",
    "blob-size-1tib",
    "error-endless",
    "header-long",
    "header-flood",
)


@recorded.parameters()
def _bombs():
    known = {each.id: each.values[0] for each in hostile_kit.modes("pull")}
    for name in (*_BOMBS, *_MORE_BOMBS):
        marks = [pytest.mark.campaign] if name in _MORE_BOMBS else []
        yield pytest.param(known[name], id=name, marks=marks)


# A process in between: what one starts is counted from the size of the one that starts it.
_MEASURE = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, *sys.argv[1:]], capture_output=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize("mode", _bombs())
def test_a_bomb_does_not_fill_the_memory(mode, tmp_path):
    with hostile_kit.serving(mode.name) as registry:
        name = f"{registry.host}/repo/img:latest"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, "-m", "cachedb", "pull", name],
            env={**os.environ, "CACHEDB_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            check=True,
        )
    code, kibibytes = map(int, done.stdout.split())
    # 9: a declared size for which the disk has no space ends a pull before it begins.
    assert code in {0, 2, 3, 7, 9}
    assert kibibytes * 1024 < _MOST_MEMORY


def test_every_mode_is_run():
    modes = hostile_kit.load().MODES
    assert {mode.op for mode in modes.values()} == {
        "pull", "pull-digest", "push", "tags", "referrers",
    }  # fmt: skip
