"""Whatever a server or a file says, a parser answers or raises an error of ours."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import CacheError
from cachedb.oci.json_fields import Fields
from cachedb.registry import mirrors
from cachedb.registry.auth import challenges, credentials, scopes, trusted_token_servers
from cachedb.registry.auth.authenticator import Token
from cachedb.registry.auth.credentials import Credential, CredentialFile
from cachedb.registry.http import api_errors, headers
from cachedb.registry.http.origin import Origin, redact, resolve
from cachedb.registry.http.settings import RegistrySettings

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_REGISTRY = Origin.of("https://reg.example.com")
_LINES = st.one_of(
    st.text(max_size=200),
    st.text(alphabet='Bbearsic "\\=,;<>:/-09\t realm', max_size=200),
)


def _allowed(action, *arguments):
    """Return what a parser makes of hostile input; errors of ours are an answer as well."""
    try:
        return action(*arguments)
    except CacheError as error:
        shown = str(error)
    assert shown.isprintable()
    return None


@given(st.lists(_LINES, max_size=3))
def test_challenges_of_any_bytes_parse_or_are_refused(lines):
    for challenge in challenges.parse(lines):
        assert challenge.scheme == challenge.scheme.lower()
        realm = challenge.parameters.get("realm", "")
        _allowed(trusted_token_servers.trust_in, realm, _REGISTRY, RegistrySettings())


@given(st.lists(_LINES, max_size=3))
def test_links_of_any_bytes_resolve_to_http_or_are_refused(lines):
    for link in _allowed(lambda: headers.parse_links(lines)) or ():
        target = _allowed(
            lambda target=link.target: resolve("https://reg.example.com/v2/", target)
        )
        assert target is None or Origin.of(target).scheme in {"http", "https"}


@given(st.one_of(st.binary(max_size=100), _LINES.map(lambda text: f'299 - "{text}"'.encode())))
def test_warnings_hold_no_escape_sequence(line):
    found = headers.warning_text(line)
    assert found is None or "\x1b" not in found


@given(_LINES)
def test_numbers_in_headers_are_never_negative(line):
    found = headers.retry_after(line, _NOW)
    assert found is None or found.tzinfo is not None
    assert (headers.content_range_start(line) or 0) >= 0
    assert (headers.upload_offset(line) or 0) >= 0
    assert (headers.content_length([line]) or 0) >= 0


@given(st.binary(max_size=300))
def test_bodies_of_any_bytes_parse_or_are_refused(body):
    _allowed(Token.parse, body, _NOW)
    _allowed(CredentialFile.parse, body, "config.json")
    api_errors.parse(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
_ENTRY_KEYS = st.sampled_from(["auth", "username", "password", "identitytoken", "registrytoken"])


@given(st.dictionaries(_ENTRY_KEYS, _JSON | st.just("dXNlcjpwYXNz"), max_size=5))
def test_entries_of_any_json_parse_or_are_refused(entry):
    found = _allowed(Credential.from_fields, Fields(entry))
    assert found is None or isinstance(found.username, str)


@given(st.text(alphabet="htps:/.reg-@_vV12é ", max_size=40), st.text(max_size=20))
def test_keys_select_their_own_registry_only(key, name):
    file = CredentialFile(path="-", auths={key: {"username": "user", "password": "pass"}})
    found = _allowed(file.find, name, lambda _program, _server: None)
    # A credential is found for its own key, or for the registry that the key names.
    assert found is None or name.startswith((key, credentials.hostname(key)))


@given(st.text(max_size=60))
def test_mirrors_of_any_text_parse_or_are_refused(text):
    _allowed(mirrors.parse, [text])
    assert isinstance(redact(text), str)


@given(st.lists(st.text(alphabet="repository:abc/,* pull", max_size=30), max_size=4))
def test_merging_scopes_again_changes_nothing(given_scopes):
    merged = scopes.merge(given_scopes)
    assert scopes.merge(merged) == merged


@pytest.mark.parametrize(
    "line",
    [
        'Bearer realm="' + "\\" * 8000,
        "Bearer " + " " * 16_000 + "x",
        "Bearer " + "a=" * 8000,
        "Bearer " + 'a="b" ' * 2700,
        ", " * 8000,
        '"' * 16_000,
        "B" * 16_000,
        "<" * 16_000,
        "<x>" + "; " * 8000,
        "<x>" + ';a="' * 4000,
        " " * 16_000,
    ],
    ids=lambda line: repr(line[:11]),
)
def test_no_header_takes_long(line):
    # A pattern that backtracks would need minutes for these, and stop the suite.
    for _ in range(3):
        challenges.parse([line])
        _allowed(headers.parse_links, [line])
        headers.warning_text(f'299 - "{line}"'.encode())
