"""Origins, URLs from servers, and what is shown of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from cachedb.errors import UntrustedOrigin
from cachedb.registry.http.origin import Origin, redact, resolve


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://good.test\\@evil.test/", id="backslash"),
        pytest.param("http://user@good.test/", id="userinfo"),
        pytest.param("http://@good.test/", id="empty userinfo"),
        pytest.param("http://good.test/\r\nHost: evil", id="newline"),
        pytest.param("http://good\t.test/", id="tab"),
        pytest.param("ht\rtp://good.test/", id="carriage return in the scheme"),
        pytest.param("http://good.test:99999/", id="port out of range"),
        pytest.param("http://good.test:0/", id="port zero"),
        pytest.param("http://[::1/", id="open bracket"),
        pytest.param("http://g\u00f6\u00f6d.test/", id="not ASCII"),
        pytest.param("http:///path", id="no host"),
        pytest.param("http:good.test", id="no slashes"),
        pytest.param("//good.test/", id="no scheme"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("http://0x7f.1/", id="hexadecimal address"),
        pytest.param("http://127.1/", id="short address"),
        pytest.param("http://2130706433/", id="decimal address"),
        pytest.param("http://0177.0.0.1/", id="octal address"),
        pytest.param("http://a.test/" + "a" * 20_000, id="endless"),
    ],
)
def test_a_url_that_parsers_read_differently_is_refused(url):
    with pytest.raises(UntrustedOrigin):
        Origin.of(url)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("HTTPS://Reg.Example.com/v2/", "https://reg.example.com"),
        ("https://reg.example.com:443", "https://reg.example.com"),
        ("http://reg.example.com:443", "http://reg.example.com:443"),
        ("http://[::0001]:5000/", "http://[::1]:5000"),
    ],
    ids=["case", "default port", "port of the other scheme", "IPv6"],
)
def test_an_origin_has_one_form(url, text):
    assert str(Origin.of(url)) == text


@given(
    st.text(alphabet="abz019.:/@\\?#[]%-_ \t\r\n\u00e9", max_size=40),
    st.sampled_from(["http", "https"]),
)
def test_who_is_checked_is_who_is_asked(rest, scheme):
    url = f"{scheme}://{rest}"
    try:
        origin = Origin.of(url)
    except UntrustedOrigin:
        return
    parsed = parse_url(url)
    assert parsed.auth is None
    assert parsed.scheme == origin.scheme
    assert parsed.host.lower().strip("[]") == origin.host.strip("[]")
    assert (parsed.port or {"http": 80, "https": 443}[scheme]) == origin.port


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
     "100.64.0.1", "224.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]",
     "localhost", "x.localhost"],
)  # fmt: skip
def test_addresses_inside_are_local(host):
    assert Origin.at("https", host).is_local


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "registry.example.com"])
def test_addresses_outside_are_not_local(host):
    assert not Origin.at("https", host).is_local


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/x", "https://reg.test/v2/x"),
        ("x?a=b", "https://reg.test/v2/x?a=b"),
        ("//other.test/x", "https://other.test/x"),
        ("http://other.test:81/x#part", "http://other.test:81/x"),
        ("https://o.test/a/../b%2fc@d?", "https://o.test/a/../b%2fc@d?"),
        ("/a/./b%2fc?account=r@p.test&x=%2f", "https://reg.test/a/./b%2fc?account=r@p.test&x=%2f"),
        ("?last=a%2fb@c", "https://reg.test/v2/repo?last=a%2fb@c"),
    ],
    ids=["absolute path", "relative path", "no scheme", "whole", "whole, byte for byte",
         "absolute path, byte for byte", "query"],
)  # fmt: skip
def test_a_location_is_resolved_byte_for_byte(location, url):
    assert resolve("https://reg.test/v2/repo", location) == url


def test_userinfo_is_not_shown_when_it_is_refused():
    with pytest.raises(UntrustedOrigin) as refused:
        Origin.of("https://user:SECRET@host.test/path")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:SECRET@host.test/path",
        "https://host.test/path?token=SECRET",
        "https://host.test/path?a=b&sig=SECRET#x",
        "https://host.test/path#SECRET",
        "user:SECRET@host.test/path",
        "https://a@b:SECRET@host.test",
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(url):
    assert "SECRET" not in redact(url)
    assert "host.test" in redact(url)
