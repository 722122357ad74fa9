"""Proxies: which requests go through one, by Go's rules, and what is said when it fails."""

import pytest

from cachedb.errors import InvalidInput, RegistryError, RegistryUnavailable
from cachedb.oci import Digest
from cachedb.registry.http import adapter
from cachedb.registry.http.origin import Origin
from cachedb.registry.http.proxies import Proxies, Proxy
from tests.registry.scripted import Reply, client, scripted
from tests.registry.socks_proxy import socks_proxy

_BLOB = Digest.of(b"blob")
_PROXY = "http://proxy.test:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("example.test", "https://example.test", True),
        ("example.test", "https://sub.example.test", True),
        ("example.test", "https://notexample.test", False),
        (".example.test", "https://sub.example.test", True),
        (".example.test", "https://example.test", False),
        ("*.example.test", "https://sub.example.test", True),
        ("*.example.test", "https://example.test", False),
        ("*example.test", "https://sub.example.test", False),
        ("EXAMPLE.Test", "https://example.test", True),
        (" a.test , example.test ,", "https://example.test", True),
        ("a.test example.test", "https://example.test", False),
        ("*", "https://example.test", True),
        ("a.test,*", "https://8.8.8.8", True),
        ("example.test:443", "https://example.test", True),
        ("example.test:443", "https://example.test:5000", False),
        ("example.test:5000", "https://sub.example.test:5000", True),
        ("example.test:80", "http://example.test", True),
        (":443", "https://example.test", False),
        ("8.8.8.8", "https://8.8.8.8", True),
        ("8.8.8.8", "https://8.8.8.9", False),
        ("8.8.8.8:443", "https://8.8.8.8", True),
        ("8.8.8.8:80", "https://8.8.8.8", False),
        ("10.0.0.0/8", "https://10.1.2.3:5000", True),
        ("10.0.0.1/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/99", "https://10.1.2.3", False),
        ("10.0.0.0/8", "https://10.example.test", False),
        ("2001:db8::/32", "https://[2001:db8::1]", True),
        ("2001:db8::1", "https://[2001:db8::1]:5000", True),
        ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000", True),
        ("[2001:db8::1]:443", "https://[2001:db8::1]:5000", False),
        ("8.8.8.8", "https://[::ffff:8.8.8.8]", True),
        ("8.8", "https://8.8.8.8", False),
        ("", "https://localhost:5000", True),
        ("", "https://127.0.0.1", True),
        ("", "https://[::1]", True),
        ("", "https://example.test", False),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(no_proxy, url, is_direct):
    proxies = Proxies({"https": Proxy(_PROXY, "HTTPS_PROXY"), "http": Proxy(_PROXY, "HTTP_PROXY")},
                      no_proxy)  # fmt: skip
    assert (proxies.proxy_for(Origin.of(url)) is None) is is_direct


@pytest.mark.parametrize(
    ("environment", "scheme", "proxy"),
    [
        ({"HTTPS_PROXY": _PROXY}, "https", (_PROXY, "HTTPS_PROXY")),
        ({"HTTPS_PROXY": _PROXY}, "http", None),
        ({"https_proxy": "proxy.test:1"}, "https", ("http://proxy.test:1", "https_proxy")),
        ({"HTTP_PROXY": "http://a.test", "http_proxy": "http://b.test"}, "http",
         ("http://a.test", "HTTP_PROXY")),
        ({"ALL_PROXY": "socks5h://a.test"}, "https", ("socks5h://a.test", "ALL_PROXY")),
        ({"HTTP_PROXY": _PROXY, "REQUEST_METHOD": "GET"}, "http", None),
        ({"HTTP_PROXY": " "}, "http", None),
    ],
    ids=["upper case", "other scheme", "without a scheme", "both cases", "every scheme", "CGI",
         "blank"],
)  # fmt: skip
def test_a_proxy_is_read_from_the_environment(environment, scheme, proxy):
    found = Proxies.from_environment(environment).proxy_for(Origin.at(scheme, "reg.test"))
    assert found == proxy


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:SECRET@proxy.test",
        "http://user:SECRET@proxy.test:99999",
        "http://user:SECRET@proxy.test:0",
        "http://user:SECRET@proxy.test:port",
        "http://user:SECRET@",
        "socks5h://",
        "http://[::1",
        "http://ex ample.test",
    ],
)
def test_a_url_that_is_no_proxy_is_refused_by_the_name_of_its_variable(url):
    proxies = Proxies.from_environment({"HTTPS_PROXY": url})
    with pytest.raises(InvalidInput, match="HTTPS_PROXY") as refused:
        proxies.proxy_for(Origin.of("https://reg.test"))
    assert "SECRET" not in str(refused.value)


def _failure(proxy, monkeypatch, name="https_proxy"):
    monkeypatch.setenv(name, proxy)
    insecure = frozenset({"registry.test"} if name == "http_proxy" else ())
    with (
        client("registry.test", insecure_hosts=insecure) as reader,
        pytest.raises(RegistryError) as failed,
    ):
        reader.origin.has_blob("a/b", _BLOB)
    assert "SECRET" not in str(failed.value)
    return failed.value


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    failure = _failure("http://user:SECRET@127.0.0.1:9", monkeypatch)
    assert "proxy 'http://127.0.0.1:9' (https_proxy): connection refused" in str(failure)


def test_the_status_with_which_a_proxy_refuses_a_tunnel_is_told(monkeypatch):
    with scripted(lambda _asked: Reply(502)) as proxy:
        failure = _failure(proxy.url, monkeypatch)
    assert f"{proxy.host}' (https_proxy): the proxy answers \"501" in str(failure)


def test_a_proxy_that_asks_for_a_password_is_named_with_the_way_to_give_it(monkeypatch):
    with scripted(lambda _asked: Reply(407)) as proxy:
        failure = _failure(proxy.url, monkeypatch, "http_proxy")
    assert f"407 proxy authentication required, through the proxy '{proxy.url}'" in str(failure)
    assert failure.hint == "http_proxy=http://USER:PASSWORD@HOST:PORT"


@pytest.mark.parametrize("status", [400, 403, 502])
def test_an_error_that_a_proxy_may_have_answered_names_the_proxy(monkeypatch, status):
    with scripted(lambda _asked: Reply(status, b"<html>denied</html>")) as proxy:
        failure = _failure(proxy.url.replace("//", "//user:SECRET@"), monkeypatch, "http_proxy")
    assert f"answers {status} " in str(failure)
    assert str(failure).endswith(f"through the proxy '{proxy.url}' (http_proxy)")


def test_a_socks_proxy_without_pysocks_names_the_install_line(monkeypatch):
    monkeypatch.setattr(adapter, "find_spec", lambda _name: None)
    failure = _failure("socks5h://127.0.0.1:9", monkeypatch)
    assert "proxy 'socks5h://127.0.0.1:9' (https_proxy) needs PySocks" in str(failure)
    assert failure.hint == "pip install 'cachedb[socks]'"
    assert failure.is_lasting


def test_a_registry_is_reached_through_a_socks_proxy(monkeypatch):
    with (
        scripted(lambda _asked: Reply()) as server,
        socks_proxy(int(server.host.rpartition(":")[2])) as (proxy, asked),
    ):
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy}")
        with client("registry.test", insecure_hosts=frozenset({"registry.test"})) as reader:
            assert reader.origin.has_blob("a/b", _BLOB)
    assert asked == [("registry.test", 80)]
    assert server.asked[0].path.startswith("/v2/a/b/blobs/")
    assert server.asked[0].headers["host"] == "registry.test"


def test_a_socks_proxy_that_refuses_is_named(monkeypatch):
    with socks_proxy(9, reply=5) as (proxy, _):
        failure = _failure(f"socks5h://{proxy}", monkeypatch)
    assert f"proxy 'socks5h://{proxy}' (https_proxy): '0x05: Connection refused'" in str(failure)
    assert isinstance(failure, RegistryUnavailable)
