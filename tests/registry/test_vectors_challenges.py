"""The rows of data/auth_challenges.json."""

from datetime import UTC, datetime

import pytest

from cachedb.errors import RegistryError, UntrustedOrigin
from cachedb.registry.auth import challenges, scopes, trusted_token_servers
from cachedb.registry.auth.authenticator import Token
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.settings import RegistrySettings
from tests import facts

_UNION = "containerd keeps scopes of one resource apart; we join their actions, as oras does"
NOT_APPLICABLE = {
    "auth_challenges/parse_strict/009": "we read a header up to where it breaks, as oras does",
    "auth_challenges/ping/006": "we do not ping; the mode auth-403-loop shows what a 403 does",
    "auth_challenges/canonical_address/013": "what is not an address is refused, not passed on",
    "auth_challenges/scope_union/005": _UNION,
    "auth_challenges/scope_union/006": _UNION,
}
_APPLIED = {
    "parse", "parse_lenient", "parse_strict", "ping", "host_key", "token_response",
    "realm_allowed", "canonical_address", "scope_build", "scope_merge", "scope_union",
    "action_merge", "scope_of_reference",
}  # fmt: skip
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _rows(*categories):
    found = facts.cases("auth_challenges", *categories)
    return [case for case in found if case.values[0]["id"] not in NOT_APPLICABLE]


def test_every_row_is_applied_or_listed():
    rows = facts.rows("auth_challenges")
    assert {row["category"] for row in rows} <= _APPLIED
    assert {row["id"] for row in rows} >= set(NOT_APPLICABLE)


def _parsed(row):
    lines = row["header_list"] if "header_list" in row else [row["header"]]
    return challenges.parse(lines)


@pytest.mark.parametrize("row", _rows("parse", "parse_strict"))
def test_challenges_are_read(row):
    found = [{"scheme": one.scheme, "params": one.parameters} for one in _parsed(row)]
    assert found == row["expect"]["challenges"]


@pytest.mark.parametrize("row", _rows("parse_lenient"))
def test_a_broken_challenge_is_read_as_far_as_it_goes(row):
    chosen = challenges.choose(_parsed(row))
    if row["expect"]["scheme"] == "unknown":
        assert chosen is None
    else:
        assert chosen is not None
        assert chosen.scheme == row["expect"]["scheme"]
        assert chosen.parameters == row["expect"]["params"]


@pytest.mark.parametrize("row", _rows("ping"))
def test_a_challenge_that_we_know_is_chosen(row):
    chosen = challenges.choose(_parsed(row))
    expect = row["expect"]
    assert (chosen.scheme if chosen else "") == expect["scheme"]
    assert chosen is None or chosen.parameters == expect["params"]


@pytest.mark.parametrize("row", _rows("host_key"))
def test_what_is_learnt_is_bound_to_host_and_port(row):
    assert Origin.of(row["url"]).authority == row["expect"]["key"]


@pytest.mark.parametrize("row", _rows("canonical_address"))
def test_an_address_has_its_default_port(row):
    assert Origin.at(row["scheme"], row["address"]).authority == row["expect"]["address"]


@pytest.mark.parametrize("row", _rows("token_response"))
def test_a_token_is_read(row):
    expect = row["expect"]
    if "error" in expect:
        with pytest.raises(RegistryError):
            Token.parse(row["body"].encode(), _NOW)
        return
    token = Token.parse(row["body"].encode(), _NOW)
    assert token.value == expect["token"]
    assert token.value not in repr(token)
    if "expires_unix" in expect:
        assert token.expires_at.timestamp() == expect["expires_unix"]
    if "expires_in_from_now" in expect:
        assert (token.expires_at - _NOW).total_seconds() == expect["expires_in_from_now"]


@pytest.mark.parametrize("row", _rows("realm_allowed"))
def test_a_realm_is_asked_or_refused(row):
    scheme = "http" if row["insecure"] else "https"
    registry = Origin.at(scheme, row["registry_host"] or "registry.test")
    if row["expect"]["allowed"]:
        trusted_token_servers.trust_in(row["realm"], registry, RegistrySettings())
    else:
        with pytest.raises(UntrustedOrigin):
            trusted_token_servers.trust_in(row["realm"], registry, RegistrySettings())


@pytest.mark.parametrize("row", _rows("scope_build"))
def test_a_scope_has_a_repository_and_actions(row):
    assert scopes.of_repository(row["repository"], row["actions"]) == row["expect"]["scope"]


@pytest.mark.parametrize("row", _rows("scope_of_reference"))
def test_a_scope_leaves_the_registry_out(row):
    repository = row["locator"].partition("/")[2]
    assert scopes.of_repository(repository, ["pull"]) == row["expect"]["scope"]


@pytest.mark.parametrize("row", _rows("scope_merge"))
def test_scopes_are_joined(row):
    assert list(scopes.merge(row["scopes"])) == row["expect"]["scopes"]


@pytest.mark.parametrize("row", _rows("scope_union"))
def test_scopes_of_two_sides_are_joined(row):
    assert list(scopes.merge([*row["a"], *row["b"]])) == row["expect"]["scopes"]


@pytest.mark.parametrize("row", _rows("action_merge"))
def test_actions_are_sorted_and_a_star_is_all(row):
    assert list(scopes.merge_actions(row["actions"])) == row["expect"]["actions"]
