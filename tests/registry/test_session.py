"""Redirects, second attempts and warnings."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from cachedb.errors import (
    AuthenticationFailed,
    RateLimited,
    RegistryError,
    RegistryUnavailable,
    UntrustedOrigin,
)
from cachedb.oci import Digest, MediaType
from cachedb.registry import session
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.request import Request
from tests.registry.scripted import QUICK, Reply, client, layer, scripted

_BLOB = Digest.of(b"blob")


def _redirected(url, location, *, method="GET", status=307):
    answer = SimpleNamespace(
        url=url, status=status, origin=Origin.of(url), header={"Location": location}.get
    )
    return session._redirect(answer, Request(method=method, url=url))


@pytest.mark.parametrize(
    ("url", "location", "method", "status"),
    [
        pytest.param("https://reg.test/x", "http://cdn.test/x", "GET", 307, id="https to http"),
        pytest.param("https://reg.test/x", "http://reg.test/x", "GET", 307, id="own http"),
        pytest.param("https://reg.test/x", "https://127.0.0.1/x", "GET", 302, id="to loopback"),
        pytest.param("https://reg.test/x", "https://localhost/x", "GET", 302, id="to localhost"),
        pytest.param("http://reg.test/x", "http://169.254.169.254/", "GET", 307, id="to metadata"),
        pytest.param("https://8.8.8.8/x", "https://10.0.0.1/x", "GET", 307, id="to the inside"),
        pytest.param("https://reg.test/x", "https://cdn.test/x", "PUT", 307, id="body elsewhere"),
        pytest.param("https://reg.test/x", "/y", "PUT", 302, id="body lost on the way"),
        pytest.param("https://reg.test/x", "https://a@reg.test/y", "GET", 307, id="userinfo"),
    ],
)
def test_a_redirect_that_leads_astray_is_refused(url, location, method, status):
    with pytest.raises(UntrustedOrigin):
        _redirected(url, location, method=method, status=status)


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        pytest.param("https://reg.test/x", "https://cdn.test/y?sig=1", "https://cdn.test/y?sig=1",
                     id="to a CDN"),
        pytest.param("http://reg.test/x", "https://reg.test/x", "https://reg.test/x",
                     id="http to https"),
        pytest.param("https://10.0.0.1/x", "https://10.0.0.2/y", "https://10.0.0.2/y",
                     id="inside to inside"),
        pytest.param("https://reg.test/a/x", "../y", "https://reg.test/y", id="relative"),
    ],
)  # fmt: skip
def test_a_redirect_is_followed(url, location, target):
    assert _redirected(url, location) == target


def test_a_body_is_sent_again_to_where_the_registry_moved_it():
    def answer(asked):
        if asked.path.endswith("/moved"):
            return Reply(201)
        return Reply(307, headers=(("Location", f"{asked.path}/moved"),))

    with scripted(answer) as server, client(server.host) as writer:
        writer.origin.put_manifest(
            "a/b", _BLOB, MediaType("application/vnd.evil+json"), b"content"
        )
    assert [asked.body for asked in server.asked] == [b"content", b"content"]


def test_a_signed_url_is_asked_as_it_is():
    signed = "/cdn/%7Ex/a%2Fb?X-Sig=a%2Bb%3D&Y=~%7E"

    def answer(asked):
        if asked.path == signed:
            return Reply()
        return Reply(307, headers=(("Location", signed),))

    with scripted(answer) as server, client(server.host) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    assert server.asked[-1].path == signed


@pytest.mark.parametrize(("hops", "is_followed"), [(1, True), (5, True), (6, False)])
def test_redirects_are_followed_up_to_a_limit(hops, is_followed):
    content = b"at the end"

    def answer(asked):
        hop = int(parse_qs(urlsplit(asked.path).query).get("hop", ["0"])[0])
        if hop == hops:
            return Reply(body=content)
        return Reply(302, headers=(("Location", f"?hop={hop + 1}"),))

    def read():
        with reader.blob("a/b", layer(content)) as stream:
            return b"".join(stream)

    with scripted(answer) as server, client(server.host) as reader:
        if is_followed:
            assert read() == content
        else:
            with pytest.raises(RegistryError, match="more than 5 times"):
                read()


def _failing(times, status=503, headers=()):
    left = [Reply(status, headers=headers)] * times
    return lambda _asked: left.pop() if left else Reply()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_error_is_asked_again(status):
    with scripted(_failing(2, status)) as server, client(server.host) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 403, 405, 410, 418])
def test_a_lasting_error_is_not_asked_again(status):
    with (
        scripted(lambda _asked: Reply(status)) as server,
        client(server.host) as reader,
        pytest.raises(Exception, match=str(status)),
    ):
        list(reader.origin.tags("a/b"))
    assert len(server.asked) == 1


def test_an_error_that_stays_is_reported():
    with (
        scripted(lambda _asked: Reply(503)) as server,
        client(server.host) as reader,
        pytest.raises(RegistryUnavailable, match="503"),
    ):
        reader.origin.has_blob("a/b", _BLOB)
    assert len(server.asked) == QUICK.retries + 1


def _waiting(header):
    """Run one request against a server that says once to come back, and return the waits."""
    waited = []
    deadlines = QUICK._replace(wait=waited.append)
    failing = _failing(1, 429, (("Retry-After", header),))
    with scripted(failing) as server, client(server.host, deadlines=deadlines) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    return waited


def test_retry_after_in_seconds_is_waited_for():
    (waited,) = _waiting("7")
    assert 6 < waited <= 7


def test_retry_after_as_a_date_is_waited_for():
    (waited,) = _waiting(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    assert 20 < waited <= 30


def test_retry_after_is_not_waited_for_longer_than_we_care():
    with pytest.raises(RateLimited, match="86400 s") as caught:
        _waiting("86400")
    assert caught.value.retry_at > datetime.now(UTC) + timedelta(hours=23)


def test_delays_between_attempts_become_longer_up_to_a_limit():
    waited = []
    deadlines = QUICK._replace(backoff_seconds=1, retries=8, wait=waited.append)
    with scripted(_failing(8)) as server, client(server.host, deadlines=deadlines) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waited[:4])] == [True] * 4
    assert max(waited) <= 20


@pytest.mark.parametrize(
    ("number", "waits"), [(socket.EAI_NONAME, 0), (socket.EAI_AGAIN, QUICK.retries)]
)
def test_a_name_that_does_not_exist_is_not_looked_up_again(monkeypatch, number, waits):
    def look_up(*_arguments):
        raise socket.gaierror(number, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    waited = []
    deadlines = QUICK._replace(wait=waited.append)
    with (
        client("registry.test", deadlines=deadlines) as reader,
        pytest.raises(RegistryUnavailable, match="not known"),
    ):
        reader.origin.has_blob("a/b", _BLOB)
    assert len(waited) == waits


@pytest.mark.parametrize(
    ("silence", "attempts"),
    [pytest.param(1000, 1, id="at once"), pytest.param(0, 3, id="later on")],
)
def test_a_registry_that_was_silent_is_not_waited_for_again(monkeypatch, silence, attempts):
    monkeypatch.setattr(session, "_UNREACHABLE_SECONDS", silence)
    waited = []
    deadlines = QUICK._replace(wait=waited.append)
    with client("127.0.0.1:1", deadlines=deadlines) as reader:
        for _ in range(3):
            with pytest.raises(RegistryUnavailable, match="refused"):
                reader.origin.has_blob("a/b", _BLOB)
    assert len(waited) == attempts * QUICK.retries


def test_a_storage_that_is_silent_is_not_the_registry():
    waited = []
    deadlines = QUICK._replace(wait=waited.append)
    moved = Reply(307, headers=(("Location", "http://127.0.0.1:1/x"),))
    with (
        scripted(lambda _asked: moved) as server,
        client(server.host, deadlines=deadlines) as reader,
    ):
        for _ in range(2):
            with pytest.raises(RegistryUnavailable, match="refused"):
                reader.origin.has_blob("a/b", _BLOB)
    assert len(waited) == 2 * QUICK.retries


def test_a_long_wait_is_told_once():
    said = []
    deadlines = QUICK._replace(backoff_seconds=10, wait=lambda _: None)
    with (
        scripted(_failing(3)) as server,
        client(server.host, deadlines=deadlines, warn=said.append) as reader,
    ):
        assert reader.origin.has_blob("a/b", _BLOB)
    (line,) = said
    assert "503" in line
    assert "; retrying in " in line


def test_a_warning_is_shown_once():
    said = []
    headers = (("Warning", '299 - "this tag goes away"'), ("Warning", '199 - "not for us"'))
    with (
        scripted(lambda _asked: Reply(headers=headers)) as server,
        client(server.host, warn=said.append) as reader,
    ):
        for _ in range(3):
            reader.origin.has_blob("a/b", _BLOB)
    assert said == [f"{server.host} warns: 'this tag goes away'"]


def test_a_cookie_is_not_sent_back():
    headers = (("Set-Cookie", "session=secret"),)
    with scripted(lambda _asked: Reply(headers=headers)) as server, client(server.host) as reader:
        for _ in range(2):
            reader.origin.has_blob("a/b", _BLOB)
    assert not any("cookie" in asked.headers for asked in server.asked)


def _issuing_tokens(realm, scope="repository:a/b:pull"):
    """Answer as a registry that wants a token, and says that `realm` issues it."""

    def answer(asked):
        if asked.path.startswith("/token"):
            return Reply(body=b'{"token":"ANONYMOUS"}')
        if asked.headers.get("authorization") == "Bearer ANONYMOUS":
            return Reply()
        challenge = f'Bearer realm="{realm(asked)}/token",scope="{scope}"'
        return Reply(401, headers=(("WWW-Authenticate", challenge),))

    return answer


def _to(server):
    return lambda asked: Reply(307, headers=(("Location", f"{server.url}{asked.path}"),))


def test_a_redirect_target_with_a_token_server_gets_an_anonymous_token():
    own = _issuing_tokens(lambda asked: f"http://{asked.headers['host']}")
    with (
        scripted(own) as target,
        scripted(_to(target)) as gateway,
        client(gateway.host, user=("user", "SECRET")) as reader,
    ):
        for _ in range(2):
            assert reader.origin.has_blob("a/b", _BLOB)
    sent = [asked.headers.get("authorization") for asked in target.asked]
    assert sent == [None, None, "Bearer ANONYMOUS", "Bearer ANONYMOUS"]
    assert parse_qs(urlsplit(target.asked[1].path).query) == {"scope": ["repository:a/b:pull"]}
    assert {asked.headers.get("authorization") for asked in gateway.asked} == {None}


def test_a_redirect_target_is_asked_for_its_own_repository_only():
    scope = "repository:prod/images/b:pull"  # as registry.k8s.io redirects to pkg.dev
    own = _issuing_tokens(lambda asked: f"http://{asked.headers['host']}", scope)
    with (
        scripted(own) as target,
        scripted(_to(target)) as gateway,
        client(gateway.host) as reader,
    ):
        assert reader.origin.has_blob("a/b", _BLOB)
    (token,) = [asked for asked in target.asked if asked.path.startswith("/token")]
    assert parse_qs(urlsplit(token.path).query) == {"scope": [scope]}


def test_a_redirect_target_gets_no_token_of_another_origin():
    with (
        scripted(lambda _asked: Reply(body=b'{"token":"T"}')) as elsewhere,
        scripted(_issuing_tokens(lambda _asked: elsewhere.url)) as target,
        scripted(_to(target)) as gateway,
        client(gateway.host, user=("user", "SECRET")) as reader,
        pytest.raises(AuthenticationFailed, match="are not sent there"),
    ):
        reader.origin.has_blob("a/b", _BLOB)
    assert elsewhere.asked == []


def test_a_redirect_target_that_asks_for_a_password_gets_none():
    basic = Reply(401, headers=(("WWW-Authenticate", 'Basic realm="r"'),))
    with (
        scripted(lambda _asked: basic) as target,
        scripted(_to(target)) as gateway,
        client(gateway.host, user=("user", "SECRET")) as reader,
        pytest.raises(AuthenticationFailed, match="answers 401"),
    ):
        reader.origin.has_blob("a/b", _BLOB)
    assert [asked.headers.get("authorization") for asked in target.asked] == [None]
