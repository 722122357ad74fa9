"""Tags and referrers that come in pages, and what is not a list."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from cachedb.errors import RegistryError, RegistryUnavailable, UntrustedOrigin, WrongContent
from cachedb.oci import Digest
from cachedb.oci.media_type import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from cachedb.oci.names.cosign_tag import cosign_tags
from cachedb.registry import referrers
from tests.registry.scripted import Reply, client, scripted

_SUBJECT = Digest.of(b"subject")


def _pages(pages, body, media_type, path):
    """Response with one page after the other; each names the next by its number."""

    def answer(asked):
        parts = urlsplit(asked.path)
        assert parts.path == path
        number = int(parse_qs(parts.query).get("page", ["0"])[0])
        link = (("Link", f'<?page={number + 1}>; rel="next"'),) if number + 1 < len(pages) else ()
        return Reply(body=body(pages[number]), headers=(("Content-Type", media_type), *link))

    return answer


def _tags(tags):
    return json.dumps({"name": "a/b", "tags": tags}).encode()


def _index(contents):
    manifests = [
        {"mediaType": OCI_MANIFEST, "digest": Digest.of(content.encode()), "size": len(content)}
        for content in contents
    ]
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    ).encode()


def _digests(*contents):
    return [Digest.of(content.encode()) for content in contents]


def test_tags_come_from_all_pages():
    answer = _pages([["a", "b"], [], ["c"]], _tags, "application/json", "/v2/a/b/tags/list")
    with scripted(answer) as server, client(server.host) as reader:
        assert list(reader.origin.tags("a/b")) == ["a", "b", "c"]


def test_no_tags_are_no_error():
    with scripted(lambda _asked: Reply(body=_tags(None))) as server, client(server.host) as reader:
        assert list(reader.origin.tags("a/b")) == []


def test_pages_in_a_circle_are_refused():
    headers = (("Link", '</v2/a/b/tags/list?page=2>; rel="next"'),)
    reply = Reply(body=_tags(["a"]), headers=headers)
    with (
        scripted(lambda _asked: reply) as server,
        client(server.host) as reader,
        pytest.raises(WrongContent, match="cycle"),
    ):
        list(reader.origin.tags("a/b"))
    assert len(server.asked) == 2


def test_the_next_page_is_not_elsewhere():
    reply = Reply(body=_tags(["a"]), headers=(("Link", '<http://127.0.0.1:1/x>; rel="next"'),))
    with (
        scripted(lambda _asked: reply) as server,
        client(server.host) as reader,
        pytest.raises(UntrustedOrigin),
    ):
        list(reader.origin.tags("a/b"))


def test_referrers_come_from_all_pages_each_once():
    path = f"/v2/a/b/referrers/{_SUBJECT}"
    answer = _pages([["x", "y"], ["y", "z"]], _index, OCI_INDEX, path)
    with scripted(answer) as server, client(server.host) as reader:
        found = reader.origin.referrers("a/b", _SUBJECT)
    assert [one.digest for one in found] == _digests("x", "y", "z")


def test_pages_that_bring_nothing_new_are_refused():
    pages = [["x"], ["x"], ["x"]]
    answer = _pages(pages, _index, OCI_INDEX, f"/v2/a/b/referrers/{_SUBJECT}")
    with (
        scripted(answer) as server,
        client(server.host) as reader,
        pytest.raises(WrongContent, match="nothing new"),
    ):
        reader.origin.referrers("a/b", _SUBJECT)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            Reply(body=b'{"config":{},"layers":[]}', headers=(("Content-Type", OCI_MANIFEST),)),
            id="a manifest",
        ),
        pytest.param(Reply(body=b"{}", headers=(("Content-Type", OCI_INDEX),)), id="empty object"),
    ],
)
def test_what_is_no_index_is_refused(reply):
    with (
        scripted(lambda _asked: reply) as server,
        client(server.host) as reader,
        pytest.raises(WrongContent),
    ):
        reader.origin.referrers("a/b", _SUBJECT)


@pytest.mark.parametrize(("status", "error"), [(503, RegistryUnavailable), (400, RegistryError)])
def test_an_error_is_not_the_absence_of_referrers(status, error):
    with (
        scripted(lambda _asked: Reply(status)) as server,
        client(server.host) as reader,
        pytest.raises(error),
    ):
        reader.origin.referrers("a/b", _SUBJECT)


@pytest.mark.parametrize("kind", ["", "application/json", DOCKER_LIST, OCI_INDEX.upper()])
def test_a_list_of_referrers_is_known_by_its_content_where_its_type_is_vague(kind):
    reply = Reply(body=_index(["x"]), headers=(("Content-Type", kind),))
    with scripted(lambda _asked: reply) as server, client(server.host) as reader:
        found = reader.origin.referrers("a/b", _SUBJECT)
    assert [one.digest for one in found] == _digests("x")
    assert len(server.asked) == 1


def test_a_page_of_html_is_no_list_of_referrers_and_the_tag_is_asked_for():
    warnings = []

    def answer(asked):
        if "/referrers/" in asked.path:
            return Reply(body=b"<html>", headers=(("Content-Type", "text/html"),))
        return Reply(body=_index(["x"]), headers=(("Content-Type", OCI_INDEX),))

    with scripted(answer) as server, client(server.host, warn=warnings.append) as reader:
        found = reader.origin.referrers("a/b", _SUBJECT)
    assert [one.digest for one in found] == _digests("x")
    (warning,) = warnings
    assert "'text/html'" in warning


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_the_api_the_tag_is_asked_for(status):
    tag = referrers.fallback_tag(_SUBJECT)

    def answer(asked):
        if asked.path == f"/v2/a/b/manifests/{tag}":
            return Reply(body=_index(["x"]), headers=(("Content-Type", OCI_INDEX),))
        return Reply(status)

    with scripted(answer) as server, client(server.host) as reader:
        found = reader.origin.referrers("a/b", _SUBJECT)
    assert [one.digest for one in found] == _digests("x")


def test_a_long_digest_makes_a_tag_that_fits():
    tag = referrers.fallback_tag(Digest.of(b"", "sha512"))
    assert tag == "sha512-" + Digest.of(b"", "sha512").encoded[:64]


@pytest.mark.parametrize("has_api", [True, False], ids=["with the API", "without the API"])
def test_the_list_is_kept_by_us_only_where_the_registry_does_not(has_api):
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/x", "digest": _SUBJECT, "size": 7},
            "layers": [],
            "subject": {"mediaType": OCI_MANIFEST, "digest": _SUBJECT, "size": 7},
        }
    ).encode()
    noticed = (("OCI-Subject", str(_SUBJECT)),) if has_api else ()

    def answer(asked):
        return Reply(201, headers=noticed) if asked.method == "PUT" else Reply(404)

    with scripted(answer) as server, client(server.host) as writer:
        writer.origin.put_manifest("a/b", Digest.of(manifest), OCI_MANIFEST, manifest)
    ours = [f"/v2/a/b/manifests/{referrers.fallback_tag(_SUBJECT)}"]
    assert server.seen("PUT")[1:] == ([] if has_api else ours)
    if not has_api:
        (entry,) = json.loads(server.asked[-1].body)["manifests"]
        assert entry["digest"] == Digest.of(manifest)
        assert entry["artifactType"] == "application/x"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"mediaType": OCI_INDEX, "manifests": []}, id="an index"),
        pytest.param(
            {
                "mediaType": OCI_MANIFEST,
                "config": {"mediaType": "application/x", "digest": _SUBJECT, "size": 7},
                "layers": [],
            },
            id="a manifest",
        ),
    ],
)
def test_a_fallback_tag_that_resolves_to_the_subject_lists_no_referrers(document):
    content = json.dumps({"schemaVersion": 2, **document}).encode()
    subject = Digest.of(content)

    def answer(asked):
        if asked.path == f"/v2/a/b/manifests/{referrers.fallback_tag(subject)}":
            return Reply(body=content, headers=(("Content-Type", document["mediaType"]),))
        return Reply(404)

    with scripted(answer) as server, client(server.host) as reader:
        assert reader.origin.referrers("a/b", subject) == ()


def _with_an_image_behind_the_tag(asked):
    config = {"mediaType": "application/x", "digest": Digest.of(b"x"), "size": 1}
    image = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    if asked.path == f"/v2/a/b/manifests/{referrers.fallback_tag(_SUBJECT)}":
        return Reply(body=json.dumps(image).encode(), headers=(("Content-Type", OCI_MANIFEST),))
    return Reply(201) if asked.method == "PUT" else Reply(404)


def test_an_image_behind_the_fallback_tag_is_no_referrer_and_stays():
    with scripted(_with_an_image_behind_the_tag) as server, client(server.host) as registry:
        assert registry.origin.referrers("a/b", _SUBJECT) == ()
        subject = {"mediaType": OCI_MANIFEST, "digest": _SUBJECT, "size": 7}
        content = json.dumps(json.loads(_index([])) | {"subject": subject}).encode()
        with pytest.raises(WrongContent, match="no list of referrers"):
            registry.origin.put_manifest("a/b", Digest.of(content), OCI_INDEX, content)
    assert server.seen("PUT") == [f"/v2/a/b/manifests/{Digest.of(content)}"]


def test_cosign_tags_are_found_by_the_digest_in_their_name():
    tags = {
        f"sha256-{_SUBJECT.encoded}.sig": b"signature",
        f"sha256-{_SUBJECT.encoded}.att": b"at",
    }

    def answer(asked):
        content = tags.get(asked.path.rpartition("/")[2])
        if content is None:
            return Reply(404)
        headers = (
            ("Content-Type", OCI_MANIFEST),
            ("Docker-Content-Digest", Digest.of(content)),
        )
        return Reply(body=content, headers=headers)

    with scripted(answer) as server, client(server.host) as reader:
        found = reader.origin.cosign_referrers("a/b", _SUBJECT)
    assert [(one.tag, one.descriptor.digest) for one in found] == [
        (tag, Digest.of(content)) for tag, content in tags.items()
    ]
    assert len(server.asked) == 3


def test_a_digest_too_long_for_a_tag_has_no_cosign_tags():
    assert cosign_tags(Digest.of(b"", "sha512")) == ()


def _listed(reader, kind):
    if kind == "tags":
        return list(reader.origin.tags("a/b"))
    return list(reader.origin.referrers("a/b", _SUBJECT))


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("garbage", id="a word"),
        pytest.param("</v2/a/b/tags/list?page=1", id="an open bracket"),
        pytest.param('</v2/a/b/tags/list?page=1> rel="next"', id="no semicolon"),
        pytest.param("</v2/a/b/tags/list?page=1>", id="no relation"),
        pytest.param('</v2/a/b/tags/list?page=1>; rel="', id="an open quote"),
    ],
)
@pytest.mark.parametrize("kind", ["tags", "referrers"])
def test_a_link_header_that_cannot_be_read_is_an_error_and_no_last_page(link, kind):
    body, media_type = (
        (_tags(["a"]), "application/json") if kind == "tags" else (_index(["x"]), OCI_INDEX)
    )
    reply = Reply(body=body, headers=(("Content-Type", media_type), ("Link", link)))
    with (
        scripted(lambda _asked: reply) as server,
        client(server.host) as reader,
        pytest.raises(RegistryError, match="Link header"),
    ):
        _listed(reader, kind)


@pytest.mark.parametrize("relation", ["next", "Next", '"last next"', '"next"'])
def test_the_relation_next_is_read_as_rfc_8288_writes_it(relation):
    def answer(asked):
        if "page=1" in asked.path:
            return Reply(body=_tags(["b"]))
        return Reply(body=_tags(["a"]), headers=(("Link", f"<?page=1>; rel={relation}"),))

    with scripted(answer) as server, client(server.host) as reader:
        assert list(reader.origin.tags("a/b")) == ["a", "b"]
