"""Credential files as other tools write them: keys, line ends, places."""

import base64
import json
import os
from contextlib import contextmanager

import pytest

from cachedb.errors import StorageFailed
from cachedb.registry.auth import credentials
from cachedb.registry.auth.credentials import ANONYMOUS, CredentialFile, Credentials

_PAIR = ("_json_key", "k" * 120)


def _found(name, **auths):
    return Credentials((CredentialFile(path="auth.json", auths=auths),)).find(name)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_an_auth_field_that_base64_wrapped_is_read(end):
    wrapped = base64.encodebytes(":".join(_PAIR).encode()).decode().replace("\n", end)
    assert wrapped.count(end) > 2
    assert credentials.decode_auth(wrapped) == _PAIR


@pytest.mark.parametrize(
    ("key", "name", "is_found"),
    [
        pytest.param("https://reg.test", "reg.test/a/b", True, id="scheme"),
        pytest.param("https://reg.test/", "reg.test/a/b", True, id="scheme and slash"),
        pytest.param("https://reg.test/v2/", "reg.test/a/b", True, id="scheme and API"),
        pytest.param("https://reg.test/some/path", "reg.test/a/b", True, id="scheme and path"),
        pytest.param("http://reg.test:5000/x", "reg.test:5000/a", True, id="plain http and port"),
        pytest.param("https://reg.test/path", "reg.test:5000/a", False, id="other port"),
        pytest.param("https://reg.test/path", "other.test/a", False, id="other host"),
        pytest.param("https://reg.test.evil.test/", "reg.test/a", False, id="longer host"),
        pytest.param("reg.test/a", "reg.test/a/b", True, id="namespace"),
        pytest.param("reg.test/a", "reg.test/b", False, id="other namespace"),
    ],
)
def test_a_key_with_a_scheme_stands_for_its_host(key, name, is_found):
    found = _found(name, **{key: {"username": "user", "password": "p"}})
    assert (found != ANONYMOUS) is is_found


def test_an_exact_key_is_preferred_to_a_url():
    entry = {"password": "p"}
    found = _found(
        "reg.test/a/b",
        **{
            "https://reg.test/x": {**entry, "username": "url"},
            "reg.test/a": {**entry, "username": "namespace"},
        },
    )
    assert found.username == "namespace"


@pytest.mark.parametrize("has_session", [True, False], ids=["in a session", "without one"])
def test_the_file_that_skopeo_login_writes_is_read(tmp_path, monkeypatch, has_session):
    monkeypatch.setattr(credentials, "_RUN", tmp_path)
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "session")} if has_session else {}
    folder = tmp_path / "session" / "containers" if has_session else tmp_path / str(os.getuid())
    folder.mkdir(parents=True)
    auth = base64.b64encode(b"user:p").decode()
    (folder / "auth.json").write_text(json.dumps({"auths": {"reg.test": {"auth": auth}}}))
    found = Credentials.from_environment({"HOME": str(tmp_path / "home"), **runtime})
    assert found.find("reg.test/a").username == "user"


@contextmanager
def closed(folder):
    """Make a folder that the user of the test cannot enter; root becomes another user."""
    is_root = os.geteuid() == 0
    folder.chmod(0)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


def test_a_default_file_in_a_folder_of_another_user_is_left_out(tmp_path, monkeypatch):
    run = tmp_path / "containers"
    run.mkdir()
    monkeypatch.setattr(credentials, "_RUN", run)

    with closed(run):
        found = Credentials.from_environment({"HOME": str(run / "home")})

    assert found.find("reg.test/a") == ANONYMOUS


def test_a_named_file_in_a_folder_of_another_user_is_an_error(tmp_path):
    folder = tmp_path / "secret"
    folder.mkdir()

    with closed(folder), pytest.raises(StorageFailed, match="permission denied"):
        Credentials.from_environment({"REGISTRY_AUTH_FILE": str(folder / "auth.json")})
