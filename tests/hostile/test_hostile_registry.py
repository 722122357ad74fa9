"""Every mode of the misbehaving registry ends as it must, and a healthy one repairs all.

`pull` and `push` below are the smallest drivers over the registry client; the oracle does not
know what they do.
"""

import hashlib
import io
import json
import re
import time
import traceback
from collections import deque

import pytest

from cachedb.errors import CacheError, WrongContent
from cachedb.limits import GRAPH_DEPTH, GRAPH_NODES
from cachedb.oci import Descriptor, Digest, MediaType, Reference
from cachedb.oci import manifest as documents
from cachedb.registry.client import Client
from cachedb.registry.credentials import CredentialFile, Credentials
from cachedb.registry.settings import Patience, RegistrySettings
from tests.registry import hostile_kit

_MANIFEST = MediaType("application/vnd.oci.image.manifest.v1+json")
_CONFIG = MediaType("application/vnd.oci.image.config.v1+json")
_LAYER = MediaType("application/vnd.oci.image.layer.v1.tar")
_DEADLINE = 15
_MOST_BYTES = 24 << 20
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _client(reference, credentials, warn):
    settings = RegistrySettings(
        warn=warn, patience=Patience(idle_seconds=1, retries=2, backoff_seconds=0.001)
    )
    user, password = credentials
    auths = {reference.domain: {"username": user, "password": password}}
    return Client(
        reference.domain, settings, Credentials((CredentialFile(path="-", auths=auths),))
    )


class _Folder:
    """A folder of verified blobs, the least that a pull can fill."""

    def __init__(self, path):
        self._blobs = path / "blobs"

    def path_of(self, digest):
        return self._blobs / digest.algorithm / digest.encoded

    def has(self, digest):
        return self.path_of(digest).exists()

    def store(self, digest, content):
        path = self.path_of(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class _Sink:
    def __init__(self):
        self._content = bytearray()

    @property
    def offset(self):
        return len(self._content)

    def write(self, chunk):
        self._content += chunk

    def restart(self):
        self._content.clear()

    def checked(self, digest):
        if Digest.of(self._content, digest.algorithm) != digest:
            raise WrongContent(f"blob {digest}", "the bytes are others")
        return bytes(self._content)


def pull(reference, tmp_path, credentials, warn):
    """Pull everything that `reference` reaches into blobs/ below `tmp_path`."""
    folder = _Folder(tmp_path)
    with _client(reference, credentials, warn) as client:
        root = client.resolve(reference)
        pending, seen = deque([(root, 0)]), {root.digest}
        while pending:
            descriptor, depth = pending.popleft()
            GRAPH_DEPTH.check(depth, "the graph")
            GRAPH_NODES.check(len(seen), "the graph")
            for child in _fetch(client, reference.path, descriptor, folder):
                if child.digest not in seen:
                    seen.add(child.digest)
                    pending.append((child, depth + 1))


def _fetch(client, repository, descriptor, folder):
    if descriptor.media_type.is_index or descriptor.media_type.is_manifest:
        _, content = client.manifest(repository, descriptor)
        document = documents.parse(content, descriptor.media_type)
        folder.store(descriptor.digest, content)
        return [child.descriptor for child in document.children()]
    if descriptor.media_type.is_distributable and not folder.has(descriptor.digest):
        sink = _Sink()
        client.download(repository, descriptor, sink)
        folder.store(descriptor.digest, sink.checked(descriptor.digest))
    return []


def push(reference, blobs, credentials, warn):
    """Push an image of a config and a layer; the layer may be in another repository."""
    config, layer, manifest = blobs
    with _client(reference, credentials, warn) as client:
        for descriptor, content in (config, layer):
            client.origin.push_blob(
                reference.path,
                descriptor,
                lambda offset, content=content: _open(content, offset),
                source="repo/other",
            )
        descriptor, content = manifest
        client.origin.put_manifest(reference.path, reference.tag, descriptor.media_type, content)


def _open(content, offset):
    file = io.BytesIO(content)
    file.seek(offset)
    return file


def _image():
    config = _described(b'{"architecture":"amd64","os":"linux"}', _CONFIG)
    layer = _described(bytes(range(256)) * 4096, _LAYER)
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config[0].to_json(),
        "layers": [layer[0].to_json()],
    }
    return config, layer, _described(json.dumps(document).encode(), _MANIFEST)


def _described(content, media_type):
    descriptor = Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))
    return descriptor, content


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


def _check_blobs(folder):
    for path in (folder / "blobs").glob("*/*"):
        assert hashlib.new(path.parent.name, path.read_bytes()).hexdigest() == path.name


def _reference(mode, registry):
    name = f"{registry.host}/repo/img"
    if mode.op == "pull-digest":
        return Reference.parse(f"{name}@{registry.ctx.img['digest']}")
    return Reference.parse(f"{name}:latest")


@pytest.mark.parametrize("mode", hostile_kit.modes("pull", "pull-digest"))
def test_a_pull_ends_as_it_must_and_can_be_repaired(mode, tmp_path):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        port = int(registry.host.rpartition(":")[2])
        reference = _reference(mode, registry)
        watch.run(lambda: pull(reference, tmp_path, registry.creds, watch.said.append))
        _check(mode, registry, watch)
        _check_blobs(tmp_path)
    if watch.error is None:
        return
    with hostile_kit.serving("ok", port) as healthy:
        pull(_reference(mode, healthy), tmp_path, healthy.creds, watch.said.append)
        layer = Digest(healthy.ctx.layer()["digest"])
        _check_blobs(tmp_path)
        assert _Folder(tmp_path).has(layer)


@pytest.mark.parametrize("mode", hostile_kit.modes("push"))
def test_a_push_ends_as_it_must(mode):
    image, watch = _image(), _Watch()
    with hostile_kit.serving(mode.name) as registry:
        reference = _reference(mode, registry)
        watch.run(lambda: push(reference, image, registry.creds, watch.said.append))
        _check(mode, registry, watch)
        if watch.error is None:
            (pushed, _) = image[2]
            assert registry.ctx.pushed == {"latest": pushed.digest}


@pytest.mark.parametrize("mode", hostile_kit.modes("tags"))
def test_tags_end_as_they_must(mode):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        reference = _reference(mode, registry)
        with _client(reference, registry.creds, watch.said.append) as client:
            found = watch.run(lambda: list(client.origin.tags(reference.path)))
        _check(mode, registry, watch)
        if mode.expect == "sanitise":
            assert found == ["ok"]
            assert len(watch.said) == 6


def _referrers(client, repository, subject):
    pending, seen = deque([subject]), set()
    while pending:
        for found in client.origin.referrers(repository, pending.popleft()):
            if found.digest not in seen:
                seen.add(found.digest)
                pending.append(found.digest)
    return seen


@pytest.mark.parametrize("mode", hostile_kit.modes("referrers"))
def test_referrers_end_as_they_must(mode):
    watch = _Watch()
    with hostile_kit.serving(mode.name) as registry:
        reference = _reference(mode, registry)
        subject = Digest(registry.ctx.img["digest"])
        with _client(reference, registry.creds, watch.said.append) as client:
            found = watch.run(lambda: _referrers(client, reference.path, subject))
        _check(mode, registry, watch)
        if mode.expect == "accept":
            assert found == {Digest(registry.ctx.tags["ref1"]["digest"])}


def test_every_mode_is_run():
    names = {mode.op for mode in hostile_kit.load().MODES.values()}
    assert names == {"pull", "pull-digest", "push", "tags", "referrers"}
