"""TLS to a server: its certificate is checked against a CA, and its name."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import StorageFailed
from tests import build
from tests.postgresql import Server, serving
from tests.registry.servers import Authority, make_authority

PASSWORD = "geheim"
_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'farm'"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, and a certificate of it for 127.0.0.1 alone."""
    return make_authority(tmp_path_factory.mktemp("ca"), names="IP:127.0.0.1")


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[Server]:
    """A server with the certificate at its port, which asks for a password."""
    with serving(has_port=True) as found:
        if not found.psql("SHOW ssl_library").strip():
            pytest.skip("this server is built without TLS, as those of some wheels are")
        for name, source in (("tls.crt", authority.certificate), ("tls.key", authority.key)):
            copy = found.folder / name
            shutil.copy(source, copy)
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, "postgres", "postgres")
            option = {"tls.crt": "ssl_cert_file", "tls.key": "ssl_key_file"}[name]
            found.psql(f"ALTER SYSTEM SET {option} = '{copy}'")
        found.psql("ALTER SYSTEM SET ssl = on")
        found.psql("SELECT pg_reload_conf()")
        found.psql(f"CREATE ROLE farm LOGIN PASSWORD '{PASSWORD}'")
        found.psql("CREATE DATABASE farm OWNER farm ENCODING 'UTF8' TEMPLATE template0")
        yield found


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return build.layout(tmp_path / "cache", {"app:1": build.image()}).path


def url(server: Server, host: str = "127.0.0.1", **options: object) -> str:
    given = "".join(f"&{key}={value}" for key, value in options.items())
    place = f"farm:{PASSWORD}@{host}:{server.port}/farm"
    return f"postgresql+psycopg://{place}?sslmode=verify-full{given}"


def test_a_server_with_a_certificate_of_the_ca_is_trusted(
    encrypted: Server, authority: Authority, layout: Path
) -> None:
    with Cache.open(layout, catalog=url(encrypted, sslrootcert=authority.ca)) as cache:
        assert [each.name for each in cache.list()] == ["app:1"]
        assert "t" in encrypted.psql(_ENCRYPTED).split()


def refusal(catalog: str, layout: Path) -> str:
    before = (layout / "index.json").read_bytes()
    with pytest.raises(StorageFailed) as caught:
        Cache.open(layout, catalog=catalog)
    assert (layout / "index.json").read_bytes() == before
    message = str(caught.value)
    assert PASSWORD not in message
    assert "\n" not in message
    return message


def test_a_server_of_another_ca_is_refused_in_one_line(
    encrypted: Server, layout: Path, tmp_path: Path
) -> None:
    other = make_authority(tmp_path / "other").ca
    assert "certificate verify failed" in refusal(url(encrypted, sslrootcert=other), layout)


def test_a_server_of_another_name_is_refused_in_one_line(
    encrypted: Server, authority: Authority, layout: Path
) -> None:
    found = refusal(url(encrypted, host="localhost", sslrootcert=authority.ca), layout)
    assert 'does not match host name "localhost"' in found


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    authority: Authority, layout: Path
) -> None:
    with serving(has_port=True) as plain:
        found = refusal(url(plain, sslrootcert=authority.ca), layout)
    assert "server does not support SSL" in found
