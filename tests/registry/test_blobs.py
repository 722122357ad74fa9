"""Blobs: ranges that fit and ranges that do not, bodies that end early, attempts that end."""

import re

import pytest

from cachedb.errors import (
    BlobNotFound,
    InvalidDigest,
    RateLimited,
    RegistryUnavailable,
    WrongContent,
)
from cachedb.oci import Descriptor, Digest
from cachedb.oci.media_type import OCI_LAYER
from cachedb.registry import blobs
from tests.registry.scripted import QUICK, Reply, chunked, client, layer, scripted
from tests.registry.sink import Sink

_CONTENT = bytes(range(256)) * 10
_BLOB = layer(_CONTENT)
_SIZE = len(_CONTENT)


def _start(asked):
    found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
    return int(found[1]) if found else 0


def _partial(start, body, size=_SIZE):
    end = start + len(body) - 1
    return Reply(206, body, (("Content-Range", f"bytes {start}-{end}/{size}"),))


def _ranged(asked):
    start = _start(asked)
    return _partial(start, _CONTENT[start:]) if start else Reply(body=_CONTENT)


def _cut(body, size):
    """Promise `size` bytes, and close the connection after `body`."""
    return Reply(body=body, headers=(("Content-Length", str(size)), ("Connection", "close")))


def _read(answer, offset=0, descriptor=_BLOB):
    with (
        scripted(answer) as server,
        client(server.host) as reader,
        reader.blob("a/b", descriptor, offset) as stream,
    ):
        return stream.offset, b"".join(stream), server.asked


def _download(answer, sink):
    with scripted(answer) as server, client(server.host) as reader:
        reader.download("a/b", _BLOB, sink)
    return server.asked


@pytest.mark.parametrize("offset", [0, 1, 1000, _SIZE - 1])
def test_a_blob_is_read_from_any_offset(offset):
    start, content, _ = _read(_ranged, offset)
    assert (start, content) == (offset, _CONTENT[offset:])


def test_a_range_that_is_ignored_shows_in_the_offset():
    start, content, _ = _read(lambda _asked: Reply(body=_CONTENT), 1000)
    assert (start, content) == (0, _CONTENT)


def test_a_whole_blob_is_not_asked_for_again():
    start, content, asked = _read(_ranged, _SIZE)
    assert (start, content, asked) == (_SIZE, b"", [])


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(_partial(500, _CONTENT[500:]), id="another start"),
        pytest.param(_partial(1000, _CONTENT[1000:-1]), id="another end"),
        pytest.param(Reply(206, _CONTENT[1000:]), id="no range said"),
        pytest.param(Reply(416), id="no such range"),
        pytest.param(Reply(body=_CONTENT[:-1]), id="whole and shorter"),
        pytest.param(Reply(body=_CONTENT + b"x"), id="whole and longer"),
    ],
)
def test_a_range_that_does_not_fit_is_refused(reply):
    with pytest.raises(WrongContent):
        _read(lambda _asked: reply, 1000)


def test_a_partial_answer_without_a_range_is_refused():
    with pytest.raises(Exception, match="206"):
        _read(lambda _asked: _partial(0, _CONTENT))


def test_a_body_of_unknown_length_is_counted():
    with pytest.raises(RegistryUnavailable, match="ends after 2559 of 2560 bytes"):
        _read(lambda _asked: chunked(_CONTENT[:-1]))
    with pytest.raises(WrongContent, match="longer than 2560 bytes"):
        _read(lambda _asked: chunked(_CONTENT + b"x"))


def test_a_digest_that_cannot_be_checked_is_not_fetched():
    unknown = Descriptor(
        media_type=OCI_LAYER, digest=Digest.declared("md5:" + "0" * 32), size=_SIZE
    )
    with pytest.raises(InvalidDigest):
        _read(_ranged, descriptor=unknown)


def test_absent_is_not_unavailable():
    with pytest.raises(BlobNotFound):
        _read(lambda _asked: Reply(404))
    with pytest.raises(RegistryUnavailable):
        _read(lambda _asked: Reply(502))


def test_a_download_goes_on_from_what_the_sink_has():
    sink = Sink(_CONTENT[:1234])
    (asked,) = _download(_ranged, sink)
    assert asked.headers["range"] == "bytes=1234-"
    assert sink.content == _CONTENT
    assert sink.restarts == 0


def test_a_download_starts_anew_where_ranges_are_ignored():
    replies = [Reply(body=_CONTENT), _cut(_CONTENT[:700], _SIZE)]
    sink = Sink()
    asked = _download(lambda _asked: replies.pop(), sink)
    assert [_start(one) for one in asked] == [0, 700]
    assert sink.content == _CONTENT
    assert sink.restarts == 1


def test_a_server_that_sends_a_byte_a_connection_is_given_up():
    def answer(asked):
        start = _start(asked)
        rest = _CONTENT[start : start + 1]
        if not start:
            return _cut(rest, _SIZE)
        headers = (("Content-Range", f"bytes {start}-{_SIZE - 1}/{_SIZE}"),
                   ("Content-Length", str(_SIZE - start)), ("Connection", "close"))  # fmt: skip
        return Reply(206, rest, headers)

    sink = Sink()
    with pytest.raises(RegistryUnavailable):
        _download(answer, sink)
    assert sink.content == _CONTENT[: QUICK.retries + 1]


def test_attempts_are_earned_by_progress(monkeypatch):
    monkeypatch.setattr(blobs, "_PROGRESS", 100)

    def answer(asked):
        start = _start(asked)
        rest = _CONTENT[start : start + 150]
        if not start:
            return _cut(rest, _SIZE)
        headers = (("Content-Range", f"bytes {start}-{_SIZE - 1}/{_SIZE}"),
                   ("Content-Length", str(_SIZE - start)), ("Connection", "close"))  # fmt: skip
        return Reply(206, rest, headers)

    sink = Sink()
    asked = _download(answer, sink)
    assert sink.content == _CONTENT
    assert len(asked) > 2 * QUICK.retries


def test_a_download_comes_back_when_it_is_told_to():
    replies = [Reply(body=_CONTENT), Reply(429, headers=(("Retry-After", "0"),)), Reply(503)]
    sink = Sink()
    asked = _download(lambda _asked: replies.pop(), sink)
    assert len(asked) == 3
    assert sink.content == _CONTENT


def test_a_download_does_not_wait_for_hours():
    with pytest.raises(RateLimited):
        _download(lambda _asked: Reply(429, headers=(("Retry-After", "9999"),)), Sink())


@pytest.mark.parametrize("status", [400, 403, 405, 501])
@pytest.mark.parametrize(
    ("reply", "is_there"),
    [
        pytest.param(_partial(0, _CONTENT[:1]), True, id="a range"),
        pytest.param(Reply(body=_CONTENT), True, id="the whole blob"),
        pytest.param(Reply(416), True, id="an empty blob"),
        pytest.param(Reply(404), False, id="no blob"),
    ],
)
def test_a_get_decides_whether_a_blob_is_there_where_head_is_refused(status, reply, is_there):
    def answer(asked):
        return Reply(status) if asked.method == "HEAD" else reply

    with scripted(answer) as server, client(server.host) as reader:
        assert reader.origin.has_blob("a/b", _BLOB.digest) is is_there
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]
