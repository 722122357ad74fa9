"""Pull, push, mount, resume and log in at Debian's docker-registry."""

import hashlib
import io
import json
import random
from dataclasses import dataclass

import pytest

from cachedb.errors import (
    AuthenticationFailed,
    BlobNotFound,
    RefNotFound,
    RegistryUnavailable,
    UntrustedOrigin,
)
from cachedb.oci import Descriptor, Digest, MediaType, Reference
from cachedb.oci.media_type import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from cachedb.oci.reference import TagName
from cachedb.registry import uploads
from cachedb.registry.auth.credentials import CredentialFile, Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.settings import Deadlines, RegistrySettings
from cachedb.registry.uploads import Content, Outcome
from tests.registry import servers
from tests.registry.cutting import cutting
from tests.registry.sink import Sink

_MIB = 1 << 20
_SIZE = 3 * _MIB + 12_345
_LATEST = TagName("latest")
_QUICK = Deadlines(idle_seconds=10, retries=4, backoff_seconds=0.001)


@dataclass(frozen=True)
class Image:
    config: tuple[Descriptor, bytes]
    layer: tuple[Descriptor, bytes]
    manifest: tuple[Descriptor, bytes]


def _described(content, media_type):
    found = Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))
    return found, content


def _image(seed, **extra):
    config = _described(json.dumps({"architecture": "amd64", "seed": seed}).encode(), OCI_CONFIG)
    layer = _described(random.Random(seed).randbytes(_SIZE), OCI_LAYER)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config[0].to_json(),
        "layers": [layer[0].to_json()],
        **extra,
    }
    # The indentation is ours: a client that encodes anew would change the digest.
    return Image(config, layer, _described(json.dumps(document, indent=3).encode(), OCI_MANIFEST))


IMAGE = _image(1)


def _opener(content):
    def open_at(offset):
        file = io.BytesIO(content)
        file.seek(offset)
        return file

    return open_at


def _credentials(host, password=servers.PASSWORD):
    auths = {host: {"username": servers.USER, "password": password}}
    return Credentials((CredentialFile(path="config.json", auths=auths),))


def _client(host, credentials=None, **settings):
    settings.setdefault("deadlines", _QUICK)
    return Client(host, RegistrySettings(**settings), credentials or Credentials())


def _push(client, repository, image=IMAGE, tag=_LATEST):
    for descriptor, content in (image.config, image.layer):
        client.origin.push_blob(repository, descriptor, _opener(content))
    descriptor, content = image.manifest
    client.origin.put_manifest(repository, tag, descriptor.media_type, content)


def _check_pull(client, host, repository, image=IMAGE):
    """Pull everything and compare."""
    root = client.resolve(Reference.parse(f"{host}/{repository}:latest"))
    assert root == image.manifest[0]
    assert client.manifest(repository, root) == image.manifest
    for descriptor, content in (image.config, image.layer):
        with client.blob(repository, descriptor) as stream:
            assert b"".join(stream) == content


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return servers.make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls_registry(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("tls-registry")
    with servers.docker_registry(folder, **authority.environment) as served:
        yield served


@pytest.fixture(scope="module")
def basic_registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basic-registry")
    with servers.docker_registry(folder, **servers.htpasswd(folder)) as served:
        yield served


@pytest.fixture(scope="module")
def token_registry(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("token-registry")
    with (
        servers.token_server(authority) as tokens,
        servers.docker_registry(folder, **tokens.environment) as served,
    ):
        yield served, tokens


def test_what_is_pushed_comes_back_byte_for_byte(registry):
    with _client(registry.host) as client:
        _push(client, "team/image")
        _check_pull(client, registry.host, "team/image")


def test_pushing_again_sends_nothing(registry):
    with _client(registry.host) as client:
        _push(client, "team/again")
        descriptor, content = IMAGE.layer
        found = client.origin.push_blob("team/again", descriptor, _opener(content))
        assert found is Outcome.EXISTED


def test_a_blob_is_mounted_from_another_repository(registry):
    def never(_offset):
        raise AssertionError("a mount sends no bytes")

    with _client(registry.host) as client:
        _push(client, "mount/from")
        descriptor, _ = IMAGE.layer
        found = client.origin.push_blob("mount/to", descriptor, never, source="mount/from")
        assert found is Outcome.MOUNTED
        assert client.origin.has_blob("mount/to", descriptor.digest)
        assert client.origin.mount_blob("mount/three", descriptor.digest, "mount/from")


def test_a_blob_that_cannot_be_mounted_is_uploaded(registry):
    descriptor, content = _described(b"nowhere yet", OCI_LAYER)
    with _client(registry.host) as client:
        assert not client.origin.mount_blob("mount/no", descriptor.digest, "mount/empty")
        found = client.origin.push_blob(
            "mount/no", descriptor, _opener(content), source="mount/empty"
        )
        assert found is Outcome.UPLOADED


def test_an_empty_blob_is_uploaded(registry):
    descriptor, content = _described(b"", OCI_LAYER)
    with _client(registry.host) as client:
        client.origin.upload_blob("empty/blob", descriptor, _opener(content))
        with client.blob("empty/blob", descriptor) as stream:
            assert list(stream) == []


def test_a_large_blob_goes_up_in_chunks(registry, monkeypatch):
    monkeypatch.setattr(uploads, "_CHUNK", _MIB)
    descriptor, content = IMAGE.layer
    with _client(registry.host) as client:
        upload = uploads._Upload(
            client.origin._endpoint,
            "chunked/blob",
            Content(descriptor=descriptor, open_at=_opener(content)),
        )
        upload._chunk = _MIB
        upload.run(None)
        with client.blob("chunked/blob", descriptor) as stream:
            assert b"".join(stream) == content


def test_what_is_not_there_is_not_found(registry):
    absent, _ = _described(b"absent", OCI_LAYER)
    with _client(registry.host) as client:
        _push(client, "some/image")
        with pytest.raises(RefNotFound):
            client.resolve(Reference.parse(f"{registry.host}/some/image:absent"))
        with pytest.raises(RefNotFound):
            client.manifest("some/image", absent.digest)
        with pytest.raises(BlobNotFound), client.blob("some/image", absent):
            pass
        with pytest.raises(RefNotFound):
            list(client.origin.tags("no/such/repository"))
        assert not client.origin.has_blob("some/image", absent.digest)


def test_what_cannot_be_asked_is_unavailable():
    deadlines = Deadlines(retries=1, backoff_seconds=0.001, connect_seconds=1)
    with (
        _client("127.0.0.1:1", deadlines=deadlines) as client,
        pytest.raises(RegistryUnavailable, match="refused"),
    ):
        client.resolve(Reference.parse("127.0.0.1:1/some/image"))


def test_tags_are_listed(registry):
    names = {f"v{number}" for number in range(5)}
    with _client(registry.host) as client:
        for name in names:
            _push(client, "many/tags", tag=TagName(name))
        assert sorted(client.origin.tags("many/tags")) == sorted(names)


@pytest.mark.parametrize("at", [1, 700, 100_000, _MIB, 2 * _MIB + 1, _SIZE], ids=str)
def test_a_download_goes_on_where_it_was_cut(registry, at):
    descriptor, content = IMAGE.layer
    with _client(registry.host) as client:
        _push(client, "cut/down")
    sink = Sink()
    with (
        cutting(registry.port, [("down", at)]) as proxy,
        _client(proxy.host) as client,
    ):
        client.download("cut/down", descriptor, sink)
        assert bytes(sink.content) == content
        assert sink.restarts == 0
        assert proxy.connections >= 2
        assert proxy.down < len(content) + 3 * _MIB // 2


def test_a_download_survives_many_cuts_that_bring_something(registry):
    descriptor, _ = IMAGE.layer
    with _client(registry.host) as client:
        _push(client, "cut/often")
    sink = Sink()
    with (
        cutting(registry.port, [("down", 400_000)] * 7) as proxy,
        _client(proxy.host) as client,
    ):
        client.download("cut/often", descriptor, sink)
    assert hashlib.sha256(sink.content).hexdigest() == descriptor.digest.encoded


@pytest.mark.parametrize("at", [50, 1000, _MIB, 2 * _MIB, _SIZE], ids=str)
def test_an_upload_survives_a_cut(registry, at):
    image = _image(at)
    descriptor, content = image.layer
    with (
        cutting(registry.port, [("up", at)]) as proxy,
        _client(proxy.host) as client,
    ):
        client.origin.upload_blob("cut/up", descriptor, _opener(content))
    with _client(registry.host) as client, client.blob("cut/up", descriptor) as stream:
        assert b"".join(stream) == content


def _blob(content):
    descriptor, content = _described(content, OCI_LAYER)
    return descriptor, _opener(content)


def test_tls_accepts_a_ca_of_an_option(tls_registry, authority):
    with _client(tls_registry.host, ca_files=(str(authority.ca),)) as client:
        _push(client, "team/image")
        _check_pull(client, tls_registry.host, "team/image")
        assert client.origin._endpoint.home.scheme == "https"


def test_tls_is_found_out_by_whatever_comes_first(tls_registry, authority):
    descriptor, content = _described(b'{"schemaVersion":2,"manifests":[]}', OCI_INDEX)
    with _client(tls_registry.host, ca_files=(str(authority.ca),)) as client:
        client.origin.put_manifest("first/put", _LATEST, descriptor.media_type, content)
        assert client.manifest("first/put", _LATEST) == (descriptor, content)


def _refuse(host, why, **settings):
    """Ask a registry whose certificate does not hold; returns the hint."""
    waited = []
    deadlines = _QUICK._replace(wait=waited.append)
    with (
        _client(host, deadlines=deadlines, **settings) as client,
        pytest.raises(RegistryUnavailable, match=f"certificate verify failed.*{why}") as caught,
    ):
        client.resolve(Reference.parse(f"{host}/team/image"))
    assert waited == []  # it would fail again
    return caught.value.hint


def test_tls_with_an_unknown_ca_is_refused(tls_registry):
    hint = _refuse(tls_registry.host, "unable to get local issuer certificate")
    assert hint.startswith("--cert-file PEM")


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        pytest.param({"names": "DNS:elsewhere.example.com"}, "IP address", id="another host"),
        pytest.param({"days": 0}, "expired", id="expired"),
    ],
)
def test_tls_with_a_certificate_that_does_not_hold_is_refused(tmp_path, certificate, why):
    authority = servers.make_authority(tmp_path / "ca", **certificate)
    with servers.docker_registry(tmp_path / "registry", **authority.environment) as served:
        assert _refuse(served.host, why, ca_files=(str(authority.ca),)) is None


def test_basic_login_opens_a_private_repository(basic_registry):
    host = basic_registry.host
    with _client(host, _credentials(host)) as client:
        _push(client, "private/image")
        _check_pull(client, host, "private/image")


@pytest.mark.parametrize(
    "password", [pytest.param(None, id="no credentials"), pytest.param("no", id="wrong password")]
)
def test_basic_login_fails_without_the_password(basic_registry, password):
    host = basic_registry.host
    credentials = _credentials(host, password) if password else Credentials()
    with _client(host, credentials) as client, pytest.raises(AuthenticationFailed) as caught:
        client.resolve(Reference.parse(f"{host}/private/image"))
    assert caught.value.hint == f"docker login {host}"


def _realm(tokens):
    return frozenset({tokens.url.removeprefix("http://")})


def test_token_login_asks_for_the_scope_of_each_request(token_registry):
    served, tokens = token_registry
    with _client(
        served.host, _credentials(served.host), trusted_token_servers=_realm(tokens)
    ) as client:
        _push(client, "token/image")
        _push(client, "token/other")
        _check_pull(client, served.host, "token/image")
        asked = [tuple(query["scope"]) for query, _ in tokens.asked]
        # One token a repository and purpose, however many requests there were.
        assert len(asked) == len(set(asked))


def test_a_token_for_a_mount_covers_both_repositories(token_registry):
    served, tokens = token_registry
    with _client(
        served.host, _credentials(served.host), trusted_token_servers=_realm(tokens)
    ) as client:
        _push(client, "token/from")
        descriptor, content = IMAGE.layer
        found = client.origin.push_blob(
            "token/to", descriptor, _opener(content), source="token/from"
        )
        assert found is Outcome.MOUNTED


def test_an_anonymous_token_pulls_and_does_not_push(token_registry):
    served, tokens = token_registry
    with _client(
        served.host, _credentials(served.host), trusted_token_servers=_realm(tokens)
    ) as client:
        _push(client, "token/public")
    with _client(served.host, trusted_token_servers=_realm(tokens)) as client:
        _check_pull(client, served.host, "token/public")
        with pytest.raises(AuthenticationFailed):
            client.origin.push_blob("token/public", *_blob(b"not allowed"))


def test_a_token_server_at_another_port_needs_our_trust(token_registry):
    served, tokens = token_registry
    before = len(tokens.asked)
    with (
        _client(served.host, _credentials(served.host)) as client,
        pytest.raises(UntrustedOrigin),
    ):
        client.resolve(Reference.parse(f"{served.host}/token/image"))
    assert len(tokens.asked) == before


def test_referrers_are_kept_by_a_tag_where_there_is_no_api(registry):
    with _client(registry.host) as client:
        _push(client, "referred/image")
        subject = IMAGE.manifest[0]
        assert client.origin.referrers("referred/image", subject.digest) == ()
        signatures = [_artifact(subject, text) for text in (b"one", b"two")]
        for manifest, content in (*signatures, signatures[0]):
            for blob in (b"{}", b"one", b"two"):
                client.origin.push_blob("referred/image", *_blob(blob))
            client.origin.put_manifest(
                "referred/image", manifest.digest, manifest.media_type, content
            )
        found = client.origin.referrers("referred/image", subject.digest)
        assert [one.digest for one in found] == [manifest.digest for manifest, _ in signatures]
        assert {one.artifact_type for one in found} == {"application/vnd.test.signature"}
        assert found[0].annotations == {"text": "one"}


def _artifact(subject, content):
    empty, _ = _described(b"{}", OCI_EMPTY)
    layer, _ = _described(content, MediaType("application/vnd.test.text"))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.test.signature",
        "config": empty.to_json(),
        "layers": [layer.to_json()],
        "subject": subject.to_json(),
        "annotations": {"text": content.decode()},
    }
    return _described(json.dumps(document).encode(), OCI_MANIFEST)
