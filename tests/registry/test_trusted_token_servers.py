"""Who may be told credentials: the registry, its neighbours, and whom the user trusts."""

import pytest

from cachedb.errors import UntrustedOrigin
from cachedb.registry.auth import trusted_token_servers
from cachedb.registry.auth.trusted_token_servers import TokenServerTrust
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.settings import RegistrySettings

_TOLD, _NOT_TOLD = TokenServerTrust.CREDENTIALS, TokenServerTrust.ANONYMOUS


@pytest.mark.parametrize(
    ("registry", "realm", "trust"),
    [
        pytest.param(
            "https://registry-1.docker.io", "https://auth.docker.io/token", _TOLD, id="hub"
        ),
        pytest.param("https://reg.test", "https://reg.test/token", _TOLD, id="itself"),
        pytest.param("https://reg.example.com", "https://example.com/jwt", _TOLD, id="parent"),
        pytest.param(
            "https://reg.example.com", "https://example.net/jwt", _NOT_TOLD, id="stranger"
        ),
        pytest.param("https://a.co.uk", "https://b.co.uk/token", _NOT_TOLD, id="shared suffix"),
        pytest.param("https://x.a.co.uk", "https://y.a.co.uk/token", _TOLD, id="below one"),
        pytest.param("https://1.2.3.4", "https://9.9.3.4/token", _NOT_TOLD, id="addresses"),
        pytest.param("http://reg.test", "https://auth.reg.test/token", _NOT_TOLD, id="from http"),
        pytest.param("https://evil-example.com", "https://example.com/t", _NOT_TOLD, id="suffix"),
    ],
)
def test_trust_ends_at_the_domain(registry, realm, trust):
    assert trusted_token_servers.trust_in(realm, Origin.of(registry), RegistrySettings()) is trust


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        pytest.param(
            "https://reg.example.com", "http://auth.example.com/token", id="down to http"
        ),
        pytest.param("https://reg.test", "https://192.168.0.1/token", id="inside"),
        pytest.param("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", id="another port"),
        pytest.param("http://127.0.0.1:5000", "http://localhost:5000/token", id="another name"),
    ],
)
def test_a_realm_that_leads_astray_is_refused(registry, realm):
    with pytest.raises(UntrustedOrigin) as caught:
        trusted_token_servers.trust_in(realm, Origin.of(registry), RegistrySettings())
    assert caught.value.hint.startswith("--trust-realm ")


def test_the_user_may_trust_a_realm():
    settings = RegistrySettings(trusted_token_servers=frozenset({"127.0.0.1:5001", "auth.test"}))
    registry = Origin.of("https://reg.example.com")
    assert (
        trusted_token_servers.trust_in("http://127.0.0.1:5001/token", registry, settings) is _TOLD
    )
    assert trusted_token_servers.trust_in("https://auth.test/token", registry, settings) is _TOLD


def test_trust_does_not_make_plain_http_safe():
    settings = RegistrySettings(trusted_token_servers=frozenset({"auth.test"}))
    registry = Origin.of("https://reg.example.com")
    with pytest.raises(UntrustedOrigin, match="plain http"):
        trusted_token_servers.trust_in("http://auth.test/token", registry, settings)
    allowed = RegistrySettings(
        trusted_token_servers=frozenset({"auth.test"}), insecure_hosts=frozenset({"auth.test"})
    )
    assert trusted_token_servers.trust_in("http://auth.test/token", registry, allowed) is _TOLD
