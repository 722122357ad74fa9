"""Uploads in chunks, uploads that break, and answers that do not fit."""

import errno
import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from cachedb.errors import (
    CorruptBlob,
    RegistryError,
    RegistryUnavailable,
    StorageFailed,
    WrongContent,
)
from cachedb.oci import Digest
from cachedb.registry import uploads
from tests.registry.scripted import Reply, client, layer, scripted

_CONTENT = bytes(range(256)) * 400
_BLOB = layer(_CONTENT)


def _open_at(offset):
    file = io.BytesIO(_CONTENT)
    file.seek(offset)
    return file


class _Store:
    """A registry that takes one blob; subclasses misbehave."""

    chunk_least = None

    def __init__(self):
        self.held = b""
        self.done = None
        self.started = 0

    def __call__(self, asked):
        return getattr(self, asked.method)(asked)

    def HEAD(self, _asked):  # noqa: N802
        return Reply(200 if self.done is not None else 404)

    def POST(self, _asked):  # noqa: N802
        self.started += 1
        self.held = b""
        least = [("OCI-Chunk-Min-Length", str(self.chunk_least))] if self.chunk_least else []
        return Reply(202, headers=(*self._location(), *least))

    def GET(self, _asked):  # noqa: N802
        return Reply(204, headers=self._location())

    def PATCH(self, asked):  # noqa: N802
        start, end = re.fullmatch(r"(\d+)-(\d+)", asked.headers["content-range"]).groups()
        if int(start) != len(self.held):
            return Reply(416, headers=self._location())
        assert int(end) - int(start) + 1 == len(asked.body)
        self.held += asked.body
        return Reply(202, headers=self._location())

    def PUT(self, asked):  # noqa: N802
        self.held += asked.body
        (digest,) = parse_qs(urlsplit(asked.path).query)["digest"]
        if Digest.of(self.held) != digest:
            return Reply(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        self.done = self.held
        return Reply(201, headers=(("Docker-Content-Digest", digest),))

    def _location(self):
        state = f"/v2/a/b/blobs/uploads/{self.started}?state={len(self.held)}"
        return (("Location", state), ("Range", f"0-{max(len(self.held) - 1, 0)}"))


def _upload(store, content=_BLOB, open_at=_open_at):
    with scripted(store) as server, client(server.host) as writer:
        writer.origin.upload_blob("a/b", content, open_at)
    return server


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(uploads, "_CHUNK", 30_000)


def test_a_blob_goes_up_in_one_request():
    store = _Store()
    server = _upload(store)
    assert store.done == _CONTENT
    assert [asked.method for asked in server.asked] == ["POST", "PUT"]
    assert server.asked[1].headers["content-type"] == "application/octet-stream"
    assert "transfer-encoding" not in server.asked[1].headers


@pytest.mark.parametrize(("least", "chunks"), [(1, 4), (30_000, 4), (50_000, 3), (10**9, 1)])
def test_chunks_are_as_large_as_the_registry_asks(least, chunks):
    store = _Store()
    store.chunk_least = least
    server = _upload(store)
    assert store.done == _CONTENT
    assert len(server.seen("PATCH")) == chunks
    assert server.seen("PUT")[0].count("?") == 1


def test_a_chunk_that_was_kept_in_part_is_gone_on_with():
    class Forgetful(_Store):
        chunk_least = 1

        def PATCH(self, asked):  # noqa: N802
            reply = super().PATCH(asked)
            if len(self.held) == 60_000:
                self.held = self.held[:45_000]
                return Reply(202, headers=self._location())
            return reply

    store = Forgetful()
    _upload(store)
    assert store.done == _CONTENT
    assert store.started == 1


def test_a_failed_chunk_is_resumed_in_the_same_upload():
    class Failing(_Store):
        chunk_least = 1
        failed = 0

        def PATCH(self, asked):  # noqa: N802
            if len(self.held) == 30_000 and self.failed < 2:
                self.failed += 1
                return Reply(503)
            return super().PATCH(asked)

    store = Failing()
    _upload(store)
    assert store.done == _CONTENT
    assert store.started == 1


def test_a_registry_that_finds_the_blob_too_large_gets_chunks():
    class Small(_Store):
        def PUT(self, asked):  # noqa: N802
            return Reply(413) if len(asked.body) > 40_000 else super().PUT(asked)

    store = Small()
    server = _upload(store)
    assert store.done == _CONTENT
    assert len(server.seen("PATCH")) == 4


def test_a_registry_that_keeps_nothing_is_given_up():
    class Sieve(_Store):
        chunk_least = 1

        def PATCH(self, _asked):  # noqa: N802
            return Reply(202, headers=(("Location", "/v2/x"), ("Range", "0-2")))

    store = Sieve()
    with (
        scripted(store) as server,
        client(server.host) as writer,
        pytest.raises(RegistryUnavailable, match="keeps 3 of"),
    ):
        writer.origin.upload_blob("a/b", _BLOB, _open_at)
    assert len(server.asked) < 40


def test_an_upload_that_is_forgotten_starts_anew():
    class Amnesiac(_Store):
        def PUT(self, asked):  # noqa: N802
            if self.started == 1:
                return Reply(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
            return super().PUT(asked)

        def GET(self, _asked):  # noqa: N802
            return Reply(404)

    store = Amnesiac()
    _upload(store)
    assert (store.done, store.started) == (_CONTENT, 2)


def test_a_blob_whose_answer_was_lost_is_not_sent_again():
    class Silent(_Store):
        def PUT(self, asked):  # noqa: N802
            super().PUT(asked)

        def GET(self, _asked):  # noqa: N802
            return Reply(404)

    store = Silent()
    server = _upload(store)
    assert store.done == _CONTENT
    assert [asked.method for asked in server.asked] == ["POST", "PUT", "GET", "HEAD"]


def test_a_refused_digest_is_not_tried_again():
    class Picky(_Store):
        def PUT(self, _asked):  # noqa: N802
            return Reply(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"\\u001b[2J"}]}')

    store = Picky()
    with (
        scripted(store) as server,
        client(server.host) as writer,
        pytest.raises(RegistryError, match="DIGEST_INVALID") as caught,
    ):
        writer.origin.upload_blob("a/b", _BLOB, _open_at)
    assert "\x1b" not in str(caught.value)
    assert len(server.seen("PUT")) == 1


def test_a_registry_that_stored_something_else_is_found_out():
    class Liar(_Store):
        def PUT(self, asked):  # noqa: N802
            super().PUT(asked)
            return Reply(201, headers=(("Docker-Content-Digest", Digest.of(b"else")),))

    with scripted(Liar()) as server, client(server.host) as writer, pytest.raises(WrongContent):
        writer.origin.upload_blob("a/b", _BLOB, _open_at)


def test_a_blob_that_is_shorter_than_its_size_is_corrupt():
    def short(offset):
        return io.BytesIO(_CONTENT[offset:-1])

    store = _Store()
    with (
        scripted(store) as server,
        client(server.host) as writer,
        pytest.raises(CorruptBlob, match="1 bytes shorter"),
    ):
        writer.origin.upload_blob("a/b", _BLOB, short)
    assert store.done is None


class _BadDisk(io.BytesIO):
    def read(self, _size=-1):
        raise OSError(errno.EIO, "Input/output error")


def _cannot_open(offset):
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    "open_at", [lambda _offset: _BadDisk(), _cannot_open], ids=["read", "open"]
)
def test_a_disk_that_fails_is_not_taken_for_a_registry_that_fails(open_at):
    with scripted(_Store()) as server, client(server.host) as writer, pytest.raises(StorageFailed):
        writer.origin.upload_blob("a/b", _BLOB, open_at)
    assert len(server.seen("POST")) == 1


def test_files_are_closed():
    opened = []

    def open_at(offset):
        opened.append(_open_at(offset))
        return opened[-1]

    store = _Store()
    store.chunk_least = 1
    _upload(store, open_at=open_at)
    assert len(opened) == 5
    assert all(file.closed for file in opened)
