"""Content-Encoding: undone where the digest asks for it, within limits, else left as it is."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import LimitExceeded, RegistryError, WrongContent
from cachedb.limits import MIB
from cachedb.oci import Descriptor, Digest
from cachedb.oci.media_type import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from cachedb.oci.reference import TagName
from cachedb.registry.http import content_coding
from tests.registry.scripted import Reply, chunked, client, encoded, scripted
from tests.registry.test_blobs import Sink

_JSON = b'{"architecture":"amd64"}' * 50
_FILE = gzip.compress(bytes(range(256)) * 40, mtime=0)


def _described(content, media_type):
    return Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))


_CONFIG = _described(_JSON, OCI_CONFIG)
_LAYER = _described(_FILE, f"{OCI_LAYER}+gzip")
_UNTYPED = _described(_FILE, "application/octet-stream")


def _coded(body, coding, *, has_length):
    reply = Reply(body=body) if has_length else chunked(body)
    return Reply(body=reply.body, headers=(*reply.headers, ("Content-Encoding", coding)))


def _downloaded(answer, descriptor, sink=None):
    sink = sink or Sink()
    with scripted(answer) as server, client(server.host) as reader:
        reader.download("a/b", descriptor, sink)
    return bytes(sink.content), len(server.asked)


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "zstd"])
def test_a_blob_that_a_proxy_compressed_is_decoded(coding, has_length):
    reply = _coded(encoded(_JSON, coding), coding, has_length=has_length)
    assert _downloaded(lambda _asked: reply, _CONFIG) == (_JSON, 1)


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "in chunks"])
def test_a_layer_that_is_labelled_with_its_own_compression_is_taken_as_it_is(has_length):
    reply = _coded(_FILE, "x-gzip", has_length=has_length)
    assert _downloaded(lambda _asked: reply, _LAYER) == (_FILE, 1)


def test_a_labelled_file_of_unknown_type_and_length_is_asked_for_twice():
    reply = _coded(_FILE, "gzip", has_length=False)
    assert _downloaded(lambda _asked: reply, _UNTYPED) == (_FILE, 2)


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "in chunks"])
def test_a_layer_that_a_proxy_compressed_again_is_decoded_once(has_length):
    reply = _coded(gzip.compress(_FILE, mtime=0), "gzip", has_length=has_length)
    content, requests = _downloaded(lambda _asked: reply, _LAYER)
    assert content == _FILE
    assert requests == (1 if has_length else 2)


@pytest.mark.parametrize("coding", ["br", "aws-chunked", "utf-8", "identity"])
def test_a_blob_with_the_right_digest_is_taken_whatever_coding_is_stated(coding):
    reply = _coded(_JSON, coding, has_length=True)
    assert _downloaded(lambda _asked: reply, _CONFIG) == (_JSON, 1)


def test_a_coded_blob_with_another_digest_is_refused_in_either_reading():
    other = encoded(_JSON.replace(b"amd64", b"arm64"), "gzip")
    reply = _coded(other, "gzip", has_length=False)
    with pytest.raises(RegistryError):
        _downloaded(lambda _asked: reply, _CONFIG)


def test_what_was_decoded_is_not_resumed_with_a_range():
    coded = encoded(_JSON, "gzip")

    def answer(asked):
        if start := asked.headers.get("range", "").removeprefix("bytes=").rstrip("-"):
            at, total = int(start), len(coded)
            headers = (("Content-Range", f"bytes {at}-{total - 1}/{total}"),)
            return Reply(206, coded[at:], (*headers, ("Content-Encoding", "gzip")))
        return Reply(body=coded, headers=(("Content-Encoding", "gzip"),))

    assert _downloaded(answer, _CONFIG, Sink(_JSON[:10])) == (_JSON, 2)


def test_a_labelled_layer_is_resumed_with_a_range():
    def answer(asked):
        at, total = int(asked.headers["range"][6:-1]), len(_FILE)
        headers = (("Content-Range", f"bytes {at}-{total - 1}/{total}"),)
        return Reply(206, _FILE[at:], (*headers, ("Content-Encoding", "gzip")))

    assert _downloaded(answer, _LAYER, Sink(_FILE[:10])) == (_FILE, 1)


def test_a_blob_that_decodes_to_more_than_its_size_is_given_up_early():
    bomb = _coded(gzip.compress(bytes(64 * MIB)), "gzip", has_length=True)
    sink = Sink()
    with (
        scripted(lambda _asked: bomb) as server,
        client(server.host) as reader,
        pytest.raises(WrongContent, match="longer than"),
    ):
        reader.download("a/b", _CONFIG, sink)
    assert len(sink.content) <= MIB
    assert len(server.asked) == 1


def test_a_document_that_decodes_to_more_than_its_limit_is_refused():
    headers = (("Content-Type", OCI_MANIFEST), ("Content-Encoding", "gzip"))
    bomb = Reply(body=gzip.compress(b"[" + bytes(64 * MIB)), headers=headers)
    with (
        scripted(lambda _asked: bomb) as server,
        client(server.host) as reader,
        pytest.raises(LimitExceeded),
    ):
        reader.manifest("a/b", TagName("1"))


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        pytest.param(b"not gzip", "gzip", id="not gzip"),
        pytest.param(gzip.compress(b"[]")[:-4], "gzip", id="cut"),
        pytest.param(gzip.compress(b"[]") + b"rest", "gzip", id="with a rest"),
        pytest.param(gzip.compress(b"[]"), "br", id="unknown"),
        pytest.param(gzip.compress(b"[]"), "gzip, gzip, gzip", id="three codings"),
        pytest.param(gzip.compress(b"") * 10_000, "gzip", id="members without content"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(20), "zstd", id="not zstd"),
    ],
)
def test_a_document_whose_coding_cannot_be_undone_is_refused(body, coding):
    codings = content_coding.codings_in([coding])
    with pytest.raises(WrongContent):
        list(content_coding.decoded_document([body], codings, "it"))


@pytest.mark.parametrize("text", [b"{}", b" [1]", b""])
def test_a_document_that_is_not_coded_is_taken_as_it_is(text):
    assert b"".join(content_coding.decoded_document([text], ("br",), "it")) == text


@given(st.binary(max_size=5000), st.integers(1, 700), st.sampled_from(["gzip", "deflate", "zstd"]))
def test_decoding_is_the_inverse_of_encoding_however_it_arrives(content, length, coding):
    coded = encoded(content, coding)
    chunks = [coded[at : at + length] for at in range(0, len(coded), length)]
    assert b"".join(content_coding.decoded(chunks, (coding,), "it")) == content


def test_several_codings_are_undone_in_reverse_order():
    coded = zlib.compress(gzip.compress(b"content"))
    codings = content_coding.codings_in(["gzip", " Deflate"])
    assert b"".join(content_coding.decoded([coded], codings, "it")) == b"content"
