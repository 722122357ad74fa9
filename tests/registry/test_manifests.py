"""Manifests: what a registry says of them, and what they are."""

import pytest

from cachedb.errors import (
    AuthenticationFailed,
    InvalidDigest,
    LimitExceeded,
    RefNotFound,
    RegistryError,
    WrongContent,
)
from cachedb.limits import MANIFEST_BYTES
from cachedb.oci import Descriptor, Digest, MediaType, Reference
from cachedb.oci.media_type import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from cachedb.oci.reference import TagName
from tests.registry.scripted import Reply, client, encoded, scripted

_INDEX = b'{"schemaVersion":2,"manifests":[]}'
_DIGEST = Digest.of(_INDEX)
_OTHER = Digest.of(b"another")
_TAG = TagName("v1")


def _reply(*, digest=_DIGEST, kind=OCI_INDEX, body=_INDEX, length=None):
    stated = {
        "Docker-Content-Digest": digest,
        "Content-Type": kind,
        "Content-Length": None if length is None else str(length),
    }
    return Reply(body=body, headers=tuple((n, v) for n, v in stated.items() if v is not None))


def _resolve(answer, suffix=":v1"):
    with scripted(answer) as server, client(server.host) as reader:
        found = reader.resolve(Reference.parse(f"{server.host}/a/b{suffix}"))
    return found, [asked.method for asked in server.asked]


def _get(reply, target=_TAG):
    with scripted(lambda _asked: reply) as server, client(server.host) as reader:
        return reader.manifest("a/b", target)


def test_a_head_is_enough():
    found, methods = _resolve(lambda _asked: _reply())
    assert found == Descriptor(media_type=OCI_INDEX, digest=_DIGEST, size=len(_INDEX))
    assert methods == ["HEAD"]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(_reply(digest=None), id="no digest"),
        pytest.param(_reply(kind=None), id="no type"),
        pytest.param(_reply(kind="application/json"), id="vague type"),
        pytest.param(_reply(length="x"), id="no length"),
        pytest.param(_reply(length=0), id="no bytes"),
        pytest.param(Reply(405), id="no HEAD"),
        pytest.param(Reply(403), id="HEAD forbidden"),
        pytest.param(Reply(501), id="HEAD not implemented"),
    ],
)
def test_a_head_that_says_too_little_is_followed_by_a_get(head):
    found, methods = _resolve(lambda asked: head if asked.method == "HEAD" else _reply())
    assert found.digest == _DIGEST
    assert methods == ["HEAD", "GET"]


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../etc/passwd",
        "sha256:" + "A" * 64,
        "md5:" + "0" * 32,
        "x",
        "sha256:" + "0" * 63,
    ],
)
def test_a_digest_that_is_none_goes_nowhere(digest):
    with pytest.raises(WrongContent, match="invalid digest"):
        _resolve(lambda _asked: _reply(digest=digest))
    with pytest.raises(WrongContent, match="invalid digest"):
        _get(_reply(digest=digest))


def test_another_digest_than_asked_for_is_refused():
    with pytest.raises(WrongContent):
        _resolve(lambda _asked: _reply(digest=_OTHER), f"@{_DIGEST}")
    with pytest.raises(WrongContent):
        _get(_reply(digest=_OTHER, body=b"another"), _DIGEST)


def test_a_tag_whose_content_has_another_digest_than_stated_is_refused():
    with pytest.raises(WrongContent, match="called it"):
        _get(_reply(digest=_OTHER))


def test_a_reference_with_tag_and_digest_is_resolved_by_the_digest():
    with scripted(lambda _asked: _reply()) as server, client(server.host) as reader:
        reader.resolve(Reference.parse(f"{server.host}/a/b:v1@{_DIGEST}"))
    assert server.asked[0].path == f"/v2/a/b/manifests/{_DIGEST}"


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_content_is_checked_with_the_algorithm_asked_for(algorithm):
    wanted = Digest.of(_INDEX, algorithm)
    found, content = _get(_reply(digest=None), wanted)
    assert (found.digest, content) == (wanted, _INDEX)
    with pytest.raises(WrongContent):
        _get(_reply(digest=None), Digest.of(b"another", algorithm))


def test_what_cannot_be_checked_is_not_asked_for():
    unknown = Descriptor(
        media_type=OCI_INDEX, digest=Digest.declared("md5:" + "0" * 32), size=len(_INDEX)
    )
    with pytest.raises(InvalidDigest):
        _get(_reply(), unknown)


@pytest.mark.parametrize(
    "promised",
    [
        pytest.param({"size": len(_INDEX) + 1}, id="size"),
        pytest.param({"media_type": OCI_MANIFEST}, id="kind"),
    ],
)
def test_a_descriptor_is_held_to_its_promise(promised):
    said = {"media_type": OCI_INDEX, "digest": _DIGEST, "size": len(_INDEX), **promised}
    with pytest.raises(WrongContent):
        _get(_reply(), Descriptor(**said))


@pytest.mark.parametrize(
    "said", [OCI_INDEX, DOCKER_LIST, None, "text/html", f"{OCI_INDEX}; charset=utf-8"]
)
@pytest.mark.parametrize("wanted", [OCI_INDEX, DOCKER_LIST])
def test_a_descriptor_counts_where_the_content_type_is_spelled_differently(wanted, said):
    described = Descriptor(media_type=wanted, digest=_DIGEST, size=len(_INDEX))
    assert _get(_reply(kind=said), described) == (described, _INDEX)


def test_a_document_that_is_declared_too_large_is_not_requested():
    large = Descriptor(media_type=OCI_INDEX, digest=_DIGEST, size=MANIFEST_BYTES.value + 1)
    with (
        scripted(lambda _asked: _reply()) as server,
        client(server.host) as reader,
        pytest.raises(LimitExceeded),
    ):
        reader.manifest("a/b", large)
    assert server.asked == []


@pytest.mark.parametrize(
    "kind",
    [None, "application/json", "text/plain; charset=utf-8", "binary/octet-stream", "TEXT/PLAIN"],
)
def test_a_vague_type_is_taken_from_the_content(kind):
    assert _get(_reply(kind=kind))[0].media_type == OCI_INDEX


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("text/html", b"<html>", id="a page"),
        pytest.param("text/html", _INDEX, id="an index called a page"),
        pytest.param("application/json", b"{}", id="JSON of no kind"),
        pytest.param("application/vnd.docker.distribution.manifest.v1+json", b"{}", id="schema 1"),
        pytest.param("application/x\x01", b"{}", id="control character"),
    ],
)
def test_what_is_no_manifest_is_refused(kind, body):
    with pytest.raises(WrongContent) as caught:
        _get(_reply(digest=None, kind=kind, body=body))
    assert str(caught.value).isprintable()


def test_all_kinds_are_asked_for():
    with scripted(lambda _asked: _reply()) as server, client(server.host) as reader:
        reader.manifest("a/b", _TAG)
    accepted = server.asked[0].headers["accept"].split(", ")
    assert set(accepted) >= {OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST}


def test_bytes_go_out_as_they_are():
    content = b' {"schemaVersion" : 2,\n"manifests":[]}  '
    with scripted(lambda _asked: Reply(201)) as server, client(server.host) as writer:
        writer.origin.put_manifest("a/b", _TAG, OCI_INDEX, content)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/v2/a/b/manifests/v1")
    assert (asked.body, asked.headers["content-type"]) == (content, OCI_INDEX)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, b"<html>"), id="not created"),
        pytest.param(Reply(201, headers=(("Docker-Content-Digest", _OTHER),)), id="other digest"),
        pytest.param(Reply(201, headers=(("Docker-Content-Digest", "x"),)), id="no digest"),
    ],
)
def test_a_push_that_stored_something_else_is_found_out(reply):
    with (
        scripted(lambda _asked: reply) as server,
        client(server.host) as writer,
        pytest.raises(RegistryError),
    ):
        writer.origin.put_manifest("a/b", _TAG, OCI_INDEX, _INDEX)


def test_absent_is_not_the_same_as_not_allowed():
    with pytest.raises(RefNotFound):
        _get(Reply(404))
    with pytest.raises(RegistryError):
        _get(Reply(403))


def test_a_media_type_with_parameters_is_the_same():
    assert _get(_reply(kind=f"{OCI_INDEX}; charset=utf-8"))[0].media_type == MediaType(OCI_INDEX)


def test_a_redirect_target_that_forbids_head_is_asked_with_get():
    with scripted(lambda asked: Reply(403) if asked.method == "HEAD" else _reply()) as storage:

        def answer(asked):
            return Reply(307, headers=(("Location", f"{storage.url}{asked.path}"),))

        found, methods = _resolve(answer)
    assert found.digest == _DIGEST
    assert methods == ["HEAD", "GET"]


def test_the_error_of_the_get_counts_where_head_is_forbidden():
    reply = Reply(403, b'{"errors":[{"code":"DENIED"}]}')
    with pytest.raises(AuthenticationFailed, match="DENIED"):
        _resolve(lambda _asked: reply)


@pytest.mark.parametrize(
    ("kind", "has_hint"), [(DOCKER_MANIFEST, True), (DOCKER_LIST, True), (OCI_MANIFEST, False)]
)
def test_a_registry_that_refuses_docker_types_is_told_with_a_way_out(kind, has_hint):
    body = b'{"errors":[{"code":"MANIFEST_INVALID"}]}'
    with (
        scripted(lambda _asked: Reply(415, body)) as server,
        client(server.host) as writer,
        pytest.raises(RegistryError, match="415 unsupported media type") as refused,
    ):
        writer.origin.put_manifest("a/b", _TAG, kind, b'{"mediaType":"%s"}' % kind.encode())
    assert ("docker2s2" in (refused.value.hint or "")) is has_hint


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "zstd", "deflate"])
@pytest.mark.parametrize("target", [_TAG, _DIGEST], ids=["by tag", "by digest"])
def test_a_content_coding_of_a_manifest_is_undone(coding, target):
    coded = encoded(_INDEX, coding)
    headers = (("Content-Type", OCI_INDEX), ("Content-Encoding", coding))
    found, content = _get(Reply(body=coded, headers=headers), target)
    assert content == _INDEX
    assert found.digest == _DIGEST
    assert found.size == len(_INDEX)


def test_the_length_of_a_coded_head_is_not_the_size():
    coded = encoded(_INDEX, "gzip")
    headers = (
        ("Content-Type", OCI_INDEX),
        ("Content-Encoding", "gzip"),
        ("Docker-Content-Digest", _DIGEST),
    )
    found, methods = _resolve(lambda _asked: Reply(body=coded, headers=headers))
    assert found.size == len(_INDEX)
    assert methods == ["HEAD", "GET"]
