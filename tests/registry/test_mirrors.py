"""Mirrors: how they are named, and what they are asked."""

import pytest

from cachedb.errors import InvalidReference, RefNotFound, RegistryError
from cachedb.oci import Digest, Reference
from cachedb.oci.media_type import OCI_INDEX
from cachedb.registry import mirrors
from cachedb.registry.auth.credentials import CredentialFile, Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import RegistrySettings
from tests.registry.scripted import QUICK, Reply, layer, scripted

_INDEX = b'{"schemaVersion":2,"manifests":[]}'
_BLOB = b"the content of a layer"


def _answer(asked):
    """Response as a registry that has one index under every tag, and one blob."""
    name = asked.path.rpartition("/")[2]
    if "/manifests/" in asked.path:
        return Reply(body=_INDEX, headers=(("Content-Type", OCI_INDEX),
                     ("Docker-Content-Digest", Digest.of(_INDEX))))  # fmt: skip
    if name == Digest.of(_BLOB):
        return Reply(body=_BLOB)
    return Reply(404)


def _client(origin, *, credentials=None, warn=None, **found):
    settings = RegistrySettings(
        mirrors={name: tuple(urls) for name, urls in found.items()},
        deadlines=QUICK,
        warn=warn or (lambda line: pytest.fail(f"a warning: {line}")),
    )
    return Client(origin.host, settings, credentials or Credentials())


def _reference(origin):
    return Reference.parse(f"{origin.host}/library/alpine:3.20")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["https://m.test"], {"*": ("https://m.test",)}),
        (["docker.io=https://m.test/"], {"docker.io": ("https://m.test/",)}),
        (["index.docker.io=https://m.test"], {"docker.io": ("https://m.test",)}),
        (["registry-1.docker.io=http://m.test:81"], {"docker.io": ("http://m.test:81",)}),
        (
            ["quay.io=https://a.test", "https://b.test", "quay.io=https://c.test/x"],
            {"quay.io": ("https://a.test", "https://c.test/x"), "*": ("https://b.test",)},
        ),
        (["localhost:5000=http://127.0.0.1:1"], {"localhost:5000": ("http://127.0.0.1:1",)}),
        ([], {}),
    ],
)
def test_mirrors_are_read(given, found):
    assert mirrors.parse(given) == found


@pytest.mark.parametrize(
    "given",
    ["m.test", "ftp://m.test", "docker.io=", "docker.io=m.test", "=https://m.test",
     "a/b=https://m.test", "https://user:pass@m.test", "https://m.test/?x=y",
     "https://m.test/UPPER", "https://m.test/../x", "docker.io=https://m.test:99999"],
)  # fmt: skip
def test_what_is_not_a_mirror_is_refused(given):
    with pytest.raises(InvalidReference) as caught:
        mirrors.parse([given])
    assert "user:pass" not in str(caught.value).replace(repr(given), "")


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, {}),
        ({"CACHEDB_MIRROR": " , "}, {}),
        ({"CACHEDB_MIRROR": "https://a.test"}, {"*": ("https://a.test",)}),
        (
            {"LINUXKIT_MIRROR": "docker.io=https://a.test, https://b.test https://c.test"},
            {"docker.io": ("https://a.test",), "*": ("https://b.test", "https://c.test")},
        ),
        (
            {"CACHEDB_MIRROR": "https://ours.test", "LINUXKIT_MIRROR": "https://theirs.test"},
            {"*": ("https://ours.test",)},
        ),
    ],
)
def test_mirrors_are_read_from_the_environment(environment, found):
    assert mirrors.from_environment(environment) == found


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://m.test", ""),
        ("https://m.test/v2/", ""),
        ("https://m.test/hub", "hub/"),
        ("https://m.test/v2/proxy/hub/", "proxy/hub/"),
    ],
)
def test_the_path_of_a_mirror_stands_before_repositories(url, prefix):
    (base,) = mirrors.bases_of("docker.io", {"docker.io": (url,)})
    assert (str(base.origin), base.prefix) == ("https://m.test", prefix)


def test_the_mirrors_of_a_registry_come_before_those_of_all():
    found = mirrors.bases_of(
        "quay.io", {"*": ("https://all.test",), "quay.io": ("https://q.test",)}
    )
    assert [base.origin.host for base in found] == ["q.test", "all.test"]


def test_a_pull_asks_the_mirror_and_not_the_registry():
    with (
        scripted(_answer) as origin,
        scripted(_answer) as mirror,
        _client(origin, **{"*": [f"{mirror.url}/hub"]}) as client,
    ):
        root = client.resolve(_reference(origin))
        assert client.manifest("library/alpine", root) == (root, _INDEX)
        with client.blob("library/alpine", layer(_BLOB)) as stream:
            assert b"".join(stream) == _BLOB
    assert origin.asked == []
    assert {asked.path.rpartition("/")[0] for asked in mirror.asked} == {
        "/v2/hub/library/alpine/manifests",
        "/v2/hub/library/alpine/blobs",
    }


def test_what_a_mirror_does_not_have_comes_from_the_registry():
    with (
        scripted(lambda _asked: Reply(404)) as mirror,
        scripted(_answer) as origin,
        _client(origin, **{"*": [mirror.url]}) as client,
    ):
        assert client.resolve(_reference(origin)).digest == Digest.of(_INDEX)
    assert len(mirror.asked) == len(origin.asked) == 1


def test_a_blob_of_no_registry_is_not_found():
    absent = lambda _asked: Reply(404)  # noqa: E731
    with (
        scripted(absent) as mirror,
        scripted(absent) as origin,
        _client(origin, **{"*": [mirror.url]}) as client,
        pytest.raises(RefNotFound),
    ):
        client.resolve(_reference(origin))


def test_a_mirror_that_is_down_is_asked_once_and_reported():
    said = []
    with (
        scripted(_answer) as origin,
        _client(origin, warn=said.append, **{"*": ["http://127.0.0.1:1"]}) as client,
    ):
        for _ in range(3):
            client.resolve(_reference(origin))
    assert len(origin.asked) == 3
    (line,) = said
    assert "mirror 'http://127.0.0.1:1' failed, trying the next one" in line


def test_a_mirror_that_lies_is_passed_over():
    said = []
    with (
        scripted(
            lambda _asked: Reply(body=b"{}", headers=(("Content-Type", OCI_INDEX),))
        ) as mirror,
        scripted(_answer) as origin,
        _client(origin, warn=said.append, **{"*": [mirror.url]}) as client,
    ):
        _found, content = client.manifest("library/alpine", Digest.of(_INDEX))
    assert content == _INDEX
    assert "failed, trying the next one" in said[0]


class _Sink:
    def __init__(self):
        self.content = b""

    @property
    def offset(self):
        return len(self.content)

    def write(self, chunk):
        self.content += chunk

    def restart(self):
        self.content = b""


def test_what_a_mirror_began_the_registry_ends():
    def cut(_asked):
        return Reply(
            body=_BLOB[:10], headers=(("Content-Length", str(len(_BLOB))), ("Connection", "close"))
        )

    def resume(asked):
        assert asked.headers["range"] == "bytes=10-"
        end = len(_BLOB)
        return Reply(206, _BLOB[10:], (("Content-Range", f"bytes 10-{end - 1}/{end}"),))

    said, sink = [], _Sink()
    with scripted(cut) as mirror, scripted(resume) as origin:
        mirror_only_begins = {"*": [mirror.url]}
        with _client(origin, warn=said.append, **mirror_only_begins) as client:
            client.download("library/alpine", layer(_BLOB), sink)
    assert sink.content == _BLOB


def test_questions_and_pushes_go_past_the_mirror():
    def answer(asked):
        return Reply(201) if asked.method == "PUT" else _answer(asked)

    with (
        scripted(answer) as origin,
        scripted(_answer) as mirror,
        _client(origin, **{"*": [mirror.url]}) as client,
    ):
        client.origin.resolve(_reference(origin))
        client.origin.has_blob("library/alpine", Digest.of(_BLOB))
        client.origin.put_manifest("library/alpine", Digest.of(_INDEX), OCI_INDEX, _INDEX)
    assert mirror.asked == []
    assert len(origin.asked) == 3


def test_a_mirror_gets_its_own_credentials_and_no_others():
    def answer(asked):
        if "authorization" in asked.headers:
            return _answer(asked)
        return Reply(401, headers=(("WWW-Authenticate", "Basic"),))

    with scripted(_answer) as origin, scripted(answer) as mirror:
        auths = {origin.host: {"username": "of", "password": "registry"}}
        credentials = Credentials((CredentialFile(path="config.json", auths=auths),))
        said = []
        with _client(
            origin, credentials=credentials, warn=said.append, **{"*": [mirror.url]}
        ) as client:
            client.resolve(_reference(origin))
        assert not any("authorization" in asked.headers for asked in mirror.asked)
        assert "no credentials" in said[0]
        auths[mirror.host] = {"username": "of", "password": "mirror"}
        with _client(origin, credentials=credentials, **{"*": [mirror.url]}) as client:
            client.resolve(_reference(origin))
    assert mirror.asked[-1].headers["authorization"] == "Basic b2Y6bWlycm9y"


def test_the_error_of_the_registry_is_raised_after_those_of_mirrors():
    with (
        scripted(lambda _asked: Reply(403)) as mirror,
        scripted(lambda _asked: Reply(400)) as origin,
        _client(origin, warn=lambda _line: None, **{"*": [mirror.url]}) as client,
        pytest.raises(RegistryError, match="400"),
    ):
        client.resolve(_reference(origin))
