"""One request, one answer: limits, proxies, certificates, deadlines."""

import io
import socket
import threading
from contextlib import contextmanager

import pytest

from cachedb.errors import LimitExceeded, RegistryUnavailable, StorageFailed
from cachedb.limits import TOKEN_BYTES
from cachedb.oci import Digest
from cachedb.registry.auth.credentials import Credentials
from cachedb.registry.client import Client
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.request import Request
from cachedb.registry.http.settings import ClientCertificate, Deadlines, RegistrySettings
from cachedb.registry.http.transport import Transport
from tests.registry import servers
from tests.registry.scripted import QUICK, Reply, chunked, client, layer, scripted
from tests.registry.tunnelling import tunnelling

_BLOB = Digest.of(b"blob")


@contextmanager
def _transport(host, **settings):
    settings.setdefault("deadlines", QUICK)
    transport = Transport(Origin.at("http", host), RegistrySettings(**settings))
    try:
        yield transport
    finally:
        transport.close()


def _get(server, transport, path="/x"):
    return transport.send(Request(method="GET", url=f"{server.url}{path}"))


def test_an_address_is_looked_up_outside_the_main_thread(monkeypatch):
    """The resolver of the C library handles no signal, so Ctrl-C would have to wait for it."""
    found, threads = socket.getaddrinfo, []

    def look_up(*arguments, **options):
        threads.append(threading.current_thread())
        return found(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with (
        scripted(lambda _: Reply(body=b"1")) as server,
        _transport(server.host) as transport,
        _get(server, transport) as answer,
    ):
        assert answer.read(TOKEN_BYTES, "the body") == b"1"
    assert threads
    assert threading.main_thread() not in threads


def test_a_body_is_read_up_to_its_limit():
    limit = TOKEN_BYTES.replace(value=100)
    with (
        scripted(lambda asked: Reply(body=b"x" * int(asked.path[1:]))) as server,
        _transport(server.host) as transport,
    ):
        with _get(server, transport, "/100") as answer:
            assert answer.read(limit, "the body") == b"x" * 100
        with _get(server, transport, "/101") as answer, pytest.raises(LimitExceeded):
            answer.read(limit, "the body")


def test_a_body_of_unknown_length_is_read_up_to_its_limit():
    limit = TOKEN_BYTES.replace(value=100)
    with (
        scripted(lambda asked: chunked(b"x" * int(asked.path[1:]))) as server,
        _transport(server.host) as transport,
    ):
        with _get(server, transport, "/100") as answer:
            assert answer.read(limit, "the body") == b"x" * 100
        with _get(server, transport, "/101") as answer, pytest.raises(LimitExceeded):
            answer.read(limit, "the body")


def test_a_body_that_is_said_to_be_too_large_is_not_waited_for():
    headers = (("Content-Length", str(10**9)), ("Connection", "close"))
    with (
        scripted(lambda _asked: Reply(body=b"start", headers=headers)) as server,
        _transport(server.host) as transport,
        _get(server, transport) as answer,
        pytest.raises(LimitExceeded),
    ):
        answer.read(TOKEN_BYTES, "the body")


def test_what_has_come_is_passed_on_before_more_comes():
    seen = threading.Event()

    def talk(connection, _done):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        assert seen.wait(60)
        connection.sendall(b"+last")

    with (
        _raw_server(talk) as host,
        _transport(host) as transport,
        transport.send(Request(method="GET", url=f"http://{host}/")) as answer,
    ):
        chunks = answer.chunks()
        assert next(chunks) == b"first"
        seen.set()
        assert b"".join(chunks) == b"+last"


def test_a_connection_is_used_again():
    with (
        scripted(lambda _asked: Reply(body=b"small")) as server,
        _transport(server.host) as transport,
    ):
        for _ in range(3):
            with _get(server, transport):
                pass
        pool = transport._adapter_to(Origin.of(server.url)).poolmanager.connection_from_url(
            server.url
        )
        assert pool.num_connections == 1


_TARGETS = [
    "/v2/a%2fb/x?account=robot@p.test&sig=a%2bB%2F%7e",
    "//double//slash",
    "/a/./b/../c",
    "/empty?",
    "/brackets[0]?a[]=b",
]


@pytest.mark.parametrize("target", _TARGETS)
def test_a_url_is_sent_byte_for_byte(target):
    with scripted(lambda _asked: Reply()) as server, _transport(server.host) as transport:
        _get(server, transport, target).close()
    assert server.asked[0].path == target


@pytest.mark.parametrize("target", _TARGETS)
def test_a_url_is_sent_byte_for_byte_through_a_proxy(target, monkeypatch):
    with scripted(lambda _asked: Reply()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        with _transport("registry.test") as transport:
            transport.send(Request(method="GET", url=f"http://registry.test{target}")).close()
    assert proxy.asked[0].path == f"http://registry.test{target}"


def test_a_proxy_is_asked_for_what_is_outside(monkeypatch):
    with scripted(lambda _asked: Reply()) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:SECRET@{proxy.host}")
        monkeypatch.setenv("no_proxy", "")
        with client("registry.test", insecure_hosts=frozenset({"registry.test"})) as reader:
            assert reader.origin.has_blob("a/b", _BLOB)
    (asked,) = proxy.asked
    assert asked.path.startswith("http://registry.test/v2/a/b/blobs/")
    assert asked.headers["proxy-authorization"].startswith("Basic ")


def test_a_proxy_passes_tls_on_unread(tmp_path, monkeypatch):
    authority = servers.make_authority(tmp_path / "ca", names="DNS:registry.test")
    content = bytes(range(256)) * 20_000
    blob = layer(content)
    with (
        servers.docker_registry(tmp_path / "registry", **authority.environment) as served,
        tunnelling(served.port) as (proxy, asked),
    ):
        monkeypatch.setenv("https_proxy", f"http://user:SECRET@{proxy}")
        monkeypatch.setenv("no_proxy", "")
        with client("registry.test", ca_files=(str(authority.ca),)) as reader:
            reader.origin.upload_blob("a/b", blob, lambda at: io.BytesIO(content[at:]))
            with reader.blob("a/b", blob) as stream:
                assert b"".join(stream) == content
        with client("registry.test") as reader, pytest.raises(RegistryUnavailable, match="verify"):
            reader.origin.has_blob("a/b", blob.digest)
    assert {path for path, _ in asked} == {"registry.test:443"}
    assert {login.partition(" ")[0] for _, login in asked} == {"Basic"}


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with scripted(lambda _asked: Reply()) as server, client(server.host) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)


@pytest.mark.parametrize("content", [None, b"not a certificate"], ids=["absent", "malformed"])
def test_a_ca_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with (
        client("registry.test", ca_files=(str(path),)) as reader,
        pytest.raises(StorageFailed, match="certificate in"),
    ):
        reader.origin.has_blob("a/b", _BLOB)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_says_whom_to_trust(tmp_path, monkeypatch, variable):
    authority = servers.make_authority(tmp_path / "ca")
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, str(authority.ca))
    with (
        servers.docker_registry(tmp_path / "registry", **authority.environment) as served,
        client(served.host) as reader,
    ):
        assert not reader.origin.has_blob("a/b", _BLOB)


def test_a_client_certificate_is_shown_to_its_registry_alone(tmp_path):
    authority = servers.make_authority(tmp_path / "ca")
    settings = {**authority.environment, "REGISTRY_HTTP_TLS_CLIENTCAS": f"[{authority.ca}]"}
    mine = ClientCertificate(certificate=str(authority.certificate), key=str(authority.key))
    with servers.docker_registry(tmp_path / "registry", **settings) as served:
        found = {served.host: mine}
        trusted = {"ca_files": (str(authority.ca),)}
        with client(served.host, client_certificates=found, **trusted) as reader:
            assert not reader.origin.has_blob("a/b", _BLOB)
        others = {"elsewhere.test": mine}
        with (
            client(served.host, client_certificates=others, **trusted) as reader,
            pytest.raises(RegistryUnavailable),
        ):
            reader.origin.has_blob("a/b", _BLOB)


@contextmanager
def _raw_server(talk):
    """Serve one connection with a function of a socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(64 * 1024)
            talk(connection, done)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join()
        listener.close()


def _collect(answer, got):
    for chunk in answer.chunks():
        got += chunk


def _drip(connection, done, piece):
    try:
        while not done.wait(0.02):
            connection.sendall(piece)
    except OSError:
        pass  # the client has had enough


_SHORT_DEADLINES = Deadlines(
    idle_seconds=0.5, answer_seconds=0.5, retries=0, minimum_speed=10_000, speed_seconds=0.5
)
# A thread of a loaded machine may sleep for longer than the deadlines above.
_SHORT_FOR_BODIES = _SHORT_DEADLINES._replace(idle_seconds=60, answer_seconds=60)


def test_headers_that_drip_are_given_up():
    def talk(connection, done):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        _drip(connection, done, b"X-More: y\r\n")

    with (
        _raw_server(talk) as host,
        _transport(host, deadlines=_SHORT_DEADLINES) as transport,
        pytest.raises(RegistryUnavailable, match="timed out"),
    ):
        transport.send(Request(method="GET", url=f"http://{host}/"))


def test_a_body_that_drips_is_given_up_and_kept_so_far():
    def talk(connection, done):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\ndrip")
        _drip(connection, done, b"drip")

    got = bytearray()
    with (
        _raw_server(talk) as host,
        _transport(host, deadlines=_SHORT_FOR_BODIES) as transport,
        transport.send(Request(method="GET", url=f"http://{host}/")) as answer,
        pytest.raises(RegistryUnavailable, match="timed out"),
    ):
        _collect(answer, got)
    assert 0 < len(got) < 1000
    assert got == b"drip" * (len(got) // 4)


def test_a_slow_reader_is_not_the_fault_of_the_server():
    whole = b"x" * 200_000
    fed = threading.Event()

    def talk(connection, done):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        connection.sendall(whole)
        fed.set()
        done.wait(60)

    deadlines = _SHORT_FOR_BODIES._replace(speed_seconds=0.05)
    with (
        _raw_server(talk) as host,
        _transport(host, deadlines=deadlines) as transport,
        transport.send(Request(method="GET", url=f"http://{host}/")) as answer,
    ):
        assert fed.wait(60)
        threading.Event().wait(0.2)  # we are busy for longer than a body may be slow
        assert b"".join(answer.chunks()) == whole


def test_many_threads_use_one_client():
    contents = [bytes([number]) * 300_000 for number in range(8)]
    blobs = {str(layer(content).digest): content for content in contents}
    got = {}

    def answer(asked):
        return Reply(body=blobs[asked.path.rpartition("/")[2]])

    def fetch(content):
        with reader.blob("a/b", layer(content)) as stream:
            got[content[0]] = b"".join(stream)

    with scripted(answer) as server, client(server.host) as reader:
        threads = [threading.Thread(target=fetch, args=(content,)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == {content[0]: content for content in contents}


def test_plain_http_is_for_this_machine_and_for_insecure_hosts():
    def home(domain, **settings):
        with Client(domain, RegistrySettings(**settings), Credentials()) as found:
            return str(found.origin._endpoint.home)

    assert home("docker.io") == "https://registry-1.docker.io"
    assert home("reg.test:5000") == "https://reg.test:5000"
    assert home("10.0.0.1:5000") == "https://10.0.0.1:5000"
    assert home("localhost:5000") == "http://localhost:5000"
    assert home("[::1]:5000") == "http://[::1]:5000"
    insecure = frozenset({"reg.test:5000", "other.test"})
    assert home("reg.test:5000", insecure_hosts=insecure) == "http://reg.test:5000"
    assert home("reg.test", insecure_hosts=insecure) == "https://reg.test"
    assert home("other.test:81", insecure_hosts=insecure) == "http://other.test:81"
