"""Logging in: which header goes out, to whom, and how often a token is made."""

import base64
import json
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from cachedb.errors import AuthenticationFailed, RegistryError, RegistryUnavailable
from cachedb.oci import Digest
from cachedb.registry.auth.authenticator import Authenticator, Token
from cachedb.registry.auth.credentials import Credential, CredentialFile, Credentials
from cachedb.registry.auth.scopes import Access
from cachedb.registry.client import Client
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.settings import RegistrySettings
from tests.registry.scripted import QUICK, Reply, client, scripted

_USER = ("user", "SECRET")
_BASIC = "Basic " + base64.b64encode(b"user:SECRET").decode()
_BLOB = Digest.of(b"blob")


def _challenge(text):
    return Reply(401, headers=(("WWW-Authenticate", text),))


def _token_registry(server, valid=lambda authorization: authorization.startswith("Bearer ")):
    """Response as a registry that is its own token server; tokens are numbered."""
    made = []

    def answer(asked):
        if asked.path.startswith("/token"):
            made.append(asked)
            return Reply(body=json.dumps({"token": f"T{len(made)}"}).encode())
        if valid(asked.headers.get("authorization", "")):
            return Reply()
        return _challenge(f'Bearer realm="{server().url}/token",service="reg"')

    return answer, made


@pytest.fixture
def token_registry():
    running = []
    answer, made = _token_registry(lambda: running[0])
    with scripted(answer) as server:
        running.append(server)
        yield server, made


def test_nothing_is_sent_before_a_challenge_and_basic_at_once_after():
    def answer(asked):
        return (
            Reply()
            if asked.headers.get("authorization") == _BASIC
            else _challenge('Basic realm="r"')
        )

    with scripted(answer) as server, client(server.host, user=_USER) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
        assert reader.origin.has_blob("a/c", _BLOB)
    sent = [asked.headers.get("authorization") for asked in server.asked]
    assert sent == [None, _BASIC, _BASIC]


def _offering_both(server, order):
    """Answer as a registry that offers Basic and Bearer, and takes either."""

    def answer(asked):
        if asked.path.startswith("/token"):
            return Reply(body=b'{"token":"T"}')
        if asked.headers.get("authorization") in {"Bearer T", _BASIC}:
            return Reply()
        offers = {"Basic": 'Basic realm="r"', "Bearer": f'Bearer realm="{server().url}/token"'}
        return Reply(401, headers=tuple(("WWW-Authenticate", offers[name]) for name in order))

    return answer


@pytest.mark.parametrize("order", [("Basic", "Bearer"), ("Bearer", "Basic")], ids=" ".join)
@pytest.mark.parametrize("user", [None, _USER], ids=["anonymous", "with a user"])
def test_bearer_is_chosen_without_credentials_and_the_first_scheme_with_them(order, user):
    running = []
    with (
        scripted(_offering_both(lambda: running[0], order)) as server,
        client(server.host, user=user) as reader,
    ):
        running.append(server)
        assert reader.origin.has_blob("a/b", _BLOB)
    taken = server.asked[-1].headers["authorization"].partition(" ")[0]
    assert taken == (order[0] if user else "Bearer")


def test_a_netrc_file_is_not_read(token_registry, tmp_path, monkeypatch):
    server, _ = token_registry
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password FROM-NETRC\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with client(server.host) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    sent = {asked.headers.get("authorization") for asked in server.asked}
    assert sent == {None, "Bearer T1"}


def test_the_password_goes_to_the_token_server_and_not_to_the_registry(token_registry):
    server, made = token_registry
    with client(server.host, user=_USER) as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    (asked,) = made
    assert asked.headers["authorization"] == _BASIC
    assert parse_qs(urlsplit(asked.path).query) == {
        "service": ["reg"],
        "scope": ["repository:a/b:pull"],
        "account": ["user"],
    }
    sent = [one.headers.get("authorization") for one in server.asked if one not in made]
    assert sent == [None, "Bearer T1"]


def test_a_token_is_made_for_each_repository_and_kept(token_registry):
    server, made = token_registry
    with client(server.host) as reader:
        for repository in ("a/b", "a/c", "a/b", "a/c"):
            assert reader.origin.has_blob(repository, _BLOB)
    scopes = [parse_qs(urlsplit(asked.path).query)["scope"] for asked in made]
    assert scopes == [["repository:a/b:pull"], ["repository:a/c:pull"]]


def test_many_threads_share_one_token(token_registry):
    server, made = token_registry
    together = threading.Barrier(8)
    found = []

    def ask():
        together.wait()
        found.append(reader.origin.has_blob("a/b", _BLOB))

    with client(server.host) as reader:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [True] * 8
    assert len(made) == 1


def test_a_token_that_is_no_longer_good_is_made_anew():
    running, good = [], {"Bearer T1"}
    answer, made = _token_registry(lambda: running[0], valid=lambda sent: sent in good)
    with scripted(answer) as server, client(server.host) as reader:
        running.append(server)
        assert reader.origin.has_blob("a/b", _BLOB)
        good.clear()
        good.add("Bearer T2")
        assert reader.origin.has_blob("a/b", _BLOB)
        assert reader.origin.has_blob("a/b", _BLOB)
    assert len(made) == 2


def test_a_token_server_that_fails_for_a_while_is_asked_again():
    running, failures = [], [Reply(503), Reply(429, headers=(("Retry-After", "0"),))]

    def answer(asked):
        if asked.path.startswith("/token"):
            return failures.pop() if failures else Reply(body=b'{"token":"T"}')
        if asked.headers.get("authorization"):
            return Reply()
        return _challenge(f'Bearer realm="{running[0].url}/token"')

    with scripted(answer) as server, client(server.host) as reader:
        running.append(server)
        assert reader.origin.has_blob("a/b", _BLOB)


def test_a_token_server_that_stays_down_is_given_up_soon():
    running = []

    def answer(asked):
        if asked.path.startswith("/token"):
            return Reply(503)
        return _challenge(f'Bearer realm="{running[0].url}/token"')

    with scripted(answer) as server, client(server.host) as reader:
        running.append(server)
        with pytest.raises(RegistryUnavailable):
            reader.origin.has_blob("a/b", _BLOB)
    tokens = [asked for asked in server.asked if asked.path.startswith("/token")]
    assert len(tokens) == QUICK.retries + 1


def test_a_short_life_does_not_mean_a_token_a_request():
    running, made = [], []

    def answer(asked):
        if asked.path.startswith("/token"):
            made.append(asked)
            old = {"token": "T", "expires_in": 30, "issued_at": "2001-01-01T00:00:00Z"}
            return Reply(body=json.dumps(old).encode())
        if asked.headers.get("authorization"):
            return Reply()
        return _challenge(f'Bearer realm="{running[0].url}/token"')

    with scripted(answer) as server, client(server.host) as reader:
        running.append(server)
        for _ in range(3):
            assert reader.origin.has_blob("a/b", _BLOB)
    assert len(made) == 1


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"expires_in": "3600"}, id="text"),
        pytest.param({"expires_in": 299.5}, id="fraction"),
        pytest.param({"expires_in": None, "issued_at": None}, id="null"),
        pytest.param({"issued_at": 1700000000}, id="number"),
        pytest.param({"issued_at": "yesterday"}, id="no time"),
    ],
)
def test_a_life_that_cannot_be_read_costs_no_login(more):
    now = datetime.now(UTC)
    found = Token.parse(json.dumps({"access_token": "T", **more}).encode(), now)
    assert found.value == "T"
    assert found.expires_at > now


def _with_entry(server, **entry):
    file = CredentialFile(path="config.json", auths={server.host: entry})
    return Client(server.host, RegistrySettings(deadlines=QUICK), Credentials((file,)))


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a b", "\u00e9", "\x1b[2J", " ", "a\x00"], ids=repr
)
def test_a_token_that_no_header_can_hold_is_refused(value):
    with pytest.raises(RegistryError, match="no header can hold") as caught:
        Token.parse(json.dumps({"token": value}).encode(), datetime.now(UTC))
    assert str(caught.value).isprintable()


def test_a_mount_asks_for_a_token_for_both_repositories(token_registry):
    server, made = token_registry
    with client(server.host) as writer, pytest.raises(RegistryError):
        writer.origin.mount_blob("a/to", _BLOB, "a/from")
    asked = parse_qs(urlsplit(made[-1].path).query)["scope"]
    assert asked == ["repository:a/from:pull", "repository:a/to:pull,push"]


def test_an_identity_token_is_posted_and_in_no_url(token_registry):
    server, made = token_registry
    with _with_entry(server, identitytoken="IDENTITY") as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    (asked,) = made
    assert asked.method == "POST"
    assert "IDENTITY" not in asked.path
    form = parse_qs(asked.body.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["IDENTITY"]
    assert form["scope"] == ["repository:a/b:pull"]


def test_a_registry_token_is_sent_as_it_is(token_registry):
    server, made = token_registry
    with _with_entry(server, registrytoken="READY") as reader:
        assert reader.origin.has_blob("a/b", _BLOB)
    assert server.asked[-1].headers["authorization"] == "Bearer READY"
    assert made == []


def test_credentials_of_one_repository_are_not_those_of_another():
    def answer(asked):
        return Reply() if asked.headers.get("authorization") else _challenge("Basic")

    def entry(name):
        return {"username": name, "password": "p"}

    with scripted(answer) as server:
        auths = {f"{server.host}/a": entry("of-a"), f"{server.host}/a/b": entry("of-b")}
        file = CredentialFile(path="config.json", auths=auths)
        settings = RegistrySettings(deadlines=QUICK)
        with Client(server.host, settings, Credentials((file,))) as reader:
            reader.origin.has_blob("a/b", _BLOB)
            reader.origin.has_blob("a/c", _BLOB)
            with pytest.raises(AuthenticationFailed, match="no credentials"):
                reader.origin.has_blob("c/d", _BLOB)
    sent = [asked.headers.get("authorization", "Basic ")[6:] for asked in server.asked]
    users = [base64.b64decode(one).decode().partition(":")[0] for one in sent]
    assert users == ["", "of-b", "of-a", ""]


def test_a_realm_on_another_domain_is_asked_without_credentials():
    said, sent = [], []
    registry = Origin.of("https://reg.example.com")
    challenge = SimpleNamespace(
        header_lines=lambda _name: ['Bearer realm="https://auth.elsewhere.test/t"']
    )

    def send(request):
        sent.append(request)
        raise RegistryUnavailable("this is as far as the test goes")

    authenticator = Authenticator(
        registry,
        lambda _repository: Credential(username="user", password="SECRET"),
        send,
        RegistrySettings(warn=said.append),
    )
    access = Access(repository="a/b", scopes=("repository:a/b:pull",))
    with pytest.raises(RegistryUnavailable):
        authenticator.authorize(challenge, access, None)
    (request,) = sent
    assert request.url == "https://auth.elsewhere.test/t?scope=repository%3Aa%2Fb%3Apull"
    assert request.headers == {}
    assert "not sent to its token server" in said[0]
    assert "SECRET" not in said[0]
