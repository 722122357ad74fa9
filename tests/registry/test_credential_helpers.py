"""Credential helpers are named, found and spoken to with care."""

import os

import pytest

from cachedb.errors import RegistryError
from cachedb.registry.auth import credential_helpers
from cachedb.registry.auth.credential_helpers import Secret
from cachedb.registry.auth.credentials import ANONYMOUS, CredentialFile, Credentials


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a helper on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name, script):
        program = folder / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return put


@pytest.mark.parametrize(
    "name",
    ["x/../../evil", "/bin/sh", "..", ".", "", "a b", "a\nb", "a;b", "a" * 65, "\u00e4"],
    ids=repr,
)
def test_a_name_that_is_not_a_name_runs_nothing(install, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    evil = tmp_path / "evil"
    evil.write_text("#!/bin/sh\ntouch ran\n")
    evil.chmod(0o755)
    with pytest.raises(RegistryError, match="not the name of a credential helper"):
        credential_helpers.get_secret(name, "reg.test")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "server",
    ["", "reg.test\nevil.test", "reg.test\r", "a@b", "reg.test\0", "reg test", "a" * 2000],
    ids=["empty", "newline", "CR", "at", "NUL", "space", "endless"],
)
def test_a_server_that_could_be_two_questions_is_not_asked_for(install, tmp_path, server):
    install("test", f"touch {tmp_path}/ran")
    with pytest.raises(RegistryError, match="refusing to pass"):
        credential_helpers.get_secret("test", server)
    assert not (tmp_path / "ran").exists()


def test_a_helper_gets_the_server_on_its_input_alone(install, tmp_path):
    install("test", f"echo \"$0 $@\" >{tmp_path}/argv; cat >{tmp_path}/stdin; echo '{{}}'")
    credential_helpers.get_secret("test", "https://index.docker.io/v1/")
    assert (tmp_path / "argv").read_text().split()[1:] == ["get"]
    assert (tmp_path / "stdin").read_text() == "https://index.docker.io/v1/"


def test_a_helper_that_is_not_there_is_named():
    with pytest.raises(RegistryError, match=r"docker-credential-absent.* is not on the PATH"):
        credential_helpers.get_secret("absent", "reg.test")


def test_a_helper_that_prints_without_end_is_stopped(install):
    install("test", "exec yes")
    with pytest.raises(RegistryError, match="more than"):
        credential_helpers.get_secret("test", "reg.test")


def test_a_helper_that_hangs_is_stopped(install, monkeypatch):
    monkeypatch.setattr(credential_helpers, "SECONDS", 0.2)
    install("test", "exec sleep 60")
    with pytest.raises(RegistryError, match="does not answer"):
        credential_helpers.get_secret("test", "reg.test")


@pytest.mark.parametrize(
    "output", ["[]", "not JSON", '{"Username":1}', "\\377"], ids=["list", "text", "types", "bytes"]
)
def test_nonsense_is_not_a_secret(install, output):
    install("test", f"printf '{output}'")
    with pytest.raises(RegistryError, match="did not return a secret"):
        credential_helpers.get_secret("test", "reg.test")


def test_a_helper_that_fails_is_reported_and_passed_over():
    said = []
    file = CredentialFile(path="config.json", store="absent")
    assert Credentials((file,), warn=said.append).find("reg.test/a") == ANONYMOUS
    assert "docker-credential-absent" in said[0]


def test_a_helper_is_asked_once_for_all_repositories_of_a_registry():
    asked, said = [], []

    def ask(program, server):
        asked.append((program, server))
        if server == "broken.test":
            raise RegistryError("it is broken")
        return Secret(username="user", secret="of the helper")

    file = CredentialFile(path="config.json", store="store")
    credentials = Credentials((file,), ask=ask, warn=said.append)
    for repository in ("a", "b", "c/d"):
        assert credentials.find(f"reg.test/{repository}").password == "of the helper"
        assert credentials.find(f"broken.test/{repository}") == ANONYMOUS
    assert asked == [("store", "reg.test"), ("store", "broken.test")]
    assert said == ["no credentials for 'broken.test': it is broken"]


def test_secrets_are_in_no_repr():
    auths = {"reg.test": {"username": "user", "password": "SECRET", "identitytoken": "SECRET"}}
    file = CredentialFile(path="config.json", auths=auths)
    found = Credentials((file,)).find("reg.test")
    assert "SECRET" not in repr(file) + repr(found) + repr(
        credential_helpers.Secret(username="a", secret="SECRET")
    )
