"""The rows of data/auth_credentials.json."""

import json
import os
import stat
from pathlib import Path

import pytest

from cachedb.errors import InvalidManifest, RegistryError
from cachedb.oci.json_fields import Fields
from cachedb.registry.auth import credential_helpers, credentials
from cachedb.registry.auth.credential_helpers import Secret
from cachedb.registry.auth.credentials import ANONYMOUS, Credential, CredentialFile, Credentials
from tests import facts

_WRITING = "cachedb reads credentials and never writes them"
_OTHER_SIDE = "what a helper does inside its keychain, not what its caller does"
_DOCKERCFG = "~/.dockercfg, which docker itself has stopped reading"
NOT_APPLICABLE = {
    "entry_encode": _WRITING,
    "auth_field_encode": _WRITING,
    "logout": _WRITING,
    "key_syntax": "the keys that podman login accepts: " + _WRITING,
    "helper_url": _OTHER_SIDE,
    "helper_alias": _OTHER_SIDE,
    "lookup_legacy_dockercfg": _DOCKERCFG,
    "auth_credentials/file_precedence/010": _DOCKERCFG,
    "auth_credentials/default_path/005": _WRITING,
    "auth_credentials/config_import/010": "regclient knows the Hub by one name, we by two",
}


def _reason(row):
    return NOT_APPLICABLE.get(row["category"]) or NOT_APPLICABLE.get(row["id"])


def _rows(*categories):
    found = facts.cases("auth_credentials", *categories)
    return [case for case in found if not _reason(case.values[0])]


def test_every_row_is_applied_or_listed():
    table = facts.rows("auth_credentials")
    applied = {
        "entry_decode", "auth_field_decode", "lookup", "file_precedence", "helper_reply",
        "key_order", "default_path", "load", "helper_choice", "server_key", "host_port_match",
        "key_to_hostname", "environment", "list_all", "helper_protocol", "config_import",
    }  # fmt: skip
    left = [row["id"] for row in table if row["category"] not in applied and not _reason(row)]
    listed = {row["category"] for row in table} | {row["id"] for row in table}
    assert not left
    assert listed >= set(NOT_APPLICABLE)


def _expected(fields):
    # A helper's "<token>" is how it marks an identity token; ours has a field for that.
    names = ("username", "password", "identity_token", "registry_token")
    found = {name: fields.get(name, "") for name in names}
    if found["username"] == credential_helpers.TOKEN_USER:
        found["username"] = ""
    return Credential(**found)


def _document(name):
    return facts.document("auth_credentials", name)


def _config(row):
    if row.get("config_text") is not None:
        return row["config_text"].encode()
    if "document" in row:
        return json.dumps(_document(row["document"])).encode()
    return json.dumps(row.get("config", {})).encode()


def _asker(row):
    keychains = row.get("helpers", {})

    def ask(program, server):
        reply = keychains.get(program, {}).get(server)
        if reply is None:
            return None
        if "error" in reply:
            raise RegistryError("the helper fails")
        return Secret(username=reply["Username"], secret=reply["Secret"])

    return ask


def _file(row):
    file = CredentialFile.parse(_config(row), "config.json")
    if "credential_helpers_order" in row:
        (store,) = row["credential_helpers_order"]
        return CredentialFile(path=file.path, auths=file.auths, store=store)
    return file


@pytest.mark.parametrize("row", _rows("entry_decode"))
def test_an_entry_is_read(row):
    text = row.get("entry_text") or json.dumps(row["entry"])
    fields = Fields(json.loads(text))
    if "error" in row["expect"]:
        with pytest.raises(InvalidManifest):
            Credential.from_fields(fields)
    else:
        assert Credential.from_fields(fields) == _expected(row["expect"]["credentials"])


@pytest.mark.parametrize("row", _rows("auth_field_decode"))
def test_an_auth_field_is_read(row):
    expect = row["expect"]
    if "error" in expect:
        with pytest.raises(InvalidManifest):
            credentials.decode_auth(row["auth"])
    else:
        assert credentials.decode_auth(row["auth"]) == (expect["username"], expect["password"])


@pytest.mark.parametrize("row", _rows("lookup", "load"))
def test_a_credential_is_found(row):
    query = row.get("query", "any.example.com")
    expect = row["expect"]
    if "error" in expect:
        with pytest.raises(InvalidManifest):
            Credentials((_file(row),), ask=_asker(row)).find(query)
        return
    wanted = expect.get("credentials", expect.get("credentials_for_any"))
    found = Credentials((_file(row),), ask=_asker(row)).find(query)
    assert found == _expected(wanted)


@pytest.mark.parametrize("row", _rows("list_all"))
def test_each_registry_has_its_own_credential(row):
    found = Credentials((_file(row),), ask=_asker(row))
    for host, wanted in row["expect"]["all"].items():
        assert found.find(host) == _expected(wanted)
    asked = {host for keychain in row["helpers"].values() for host in keychain}
    for host in asked - set(row["expect"]["all"]):
        assert found.find(host) == ANONYMOUS


def _environment(root: Path):
    names = ("HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")
    return {name: str(root / name) for name in names}


@pytest.mark.parametrize("row", _rows("file_precedence"))
def test_the_first_file_that_has_an_entry_is_used(row, tmp_path):
    every = _environment(tmp_path)
    environment = {"HOME": every["HOME"]}
    for file in row["files"]:
        variable = file["path"].partition("/")[0][1:]
        environment[variable] = every[variable]
        path = Path(file["path"].replace(f"${variable}", every[variable]))
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.get("directory"):
            path.mkdir()
        else:
            path.write_bytes(_config(file))
    found = Credentials.from_environment(environment).find(row["query"])
    assert found == _expected(row["expect"]["credentials"])


@pytest.mark.parametrize("row", _rows("environment"))
def test_the_environment_may_hold_the_file(row):
    if "error" in row["expect"]:
        with pytest.raises(InvalidManifest):
            Credentials.from_environment(row["env"])
    else:
        found = Credentials.from_environment(row["env"]).find(row["query"])
        assert found == _expected(row["expect"]["credentials"])


@pytest.mark.parametrize("row", _rows("default_path"))
def test_a_file_at_the_default_path_is_read(row):
    environment = {"HOME": "{home}"}
    if row["os"] == "linux":
        environment["XDG_RUNTIME_DIR"] = row["xdg_runtime_dir"]
    assert Path(row["expect"]["path"]) in set(credentials.credential_paths(environment))


@pytest.mark.parametrize("row", _rows("helper_reply"))
def test_the_reply_of_a_helper_is_read(row):
    asked = []

    def ask(program, server):
        asked.append(server)
        if "error" in row["reply"]:
            raise RegistryError("the helper fails")
        return credential_helpers.parse(json.dumps(row["reply"]).encode(), program)

    file = CredentialFile(path="config.json", store="keychain")
    found = Credentials((file,), ask=ask).find(row["query"])
    assert found == _expected(row["expect"]["credentials"])
    assert asked == [row["asked_server"]]


@pytest.mark.parametrize("row", _rows("key_order"))
def test_the_longest_key_comes_first(row):
    assert list(credentials.keys(row["query"])) == row["expect"]["keys"]


@pytest.mark.parametrize("row", _rows("helper_choice"))
def test_a_helper_is_chosen(row):
    assert _file(row).helper_for(row["query"]) == row["expect"]["helper"]


@pytest.mark.parametrize("row", _rows("server_key"))
def test_helpers_know_the_hub_by_another_name(row):
    assert credentials.server_key(row["query"]) == row["expect"]["key"]


@pytest.mark.parametrize("row", _rows("host_port_match"))
def test_a_port_makes_another_registry(row):
    auths = {row["registry"]: {"username": "user", "password": "secret"}}
    found = Credentials((CredentialFile(path="config.json", auths=auths),)).find(row["host"])
    assert (found != ANONYMOUS) == row["expect"]["match"]


@pytest.mark.parametrize("row", _rows("key_to_hostname"))
def test_a_key_has_a_host(row):
    assert credentials.hostname(row["input"]) == row["expect"]["hostname"]


@pytest.mark.parametrize("row", _rows("helper_protocol"))
def test_a_helper_is_spoken_to(row, tmp_path, monkeypatch):
    record = tmp_path / "record"
    script = f"""
        echo "$@" >{record}
        cat >>{record}
        cat <<'END'\n{row["stdout"]}\nEND
        exit {row["exit"]}
    """
    _install(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if "error" in row["expect"]:
        with pytest.raises(RegistryError):
            credential_helpers.get_secret("test", row["stdin"])
        return
    found = credential_helpers.get_secret("test", row["stdin"])
    if row["expect"].get("not_found"):
        assert found is None
    else:
        assert found is not None
        assert Credential.from_secret(found) == _expected(row["expect"]["credentials"])
    assert record.read_text() == f"{row['verb']}\n{row['stdin']}"


def _install(folder, script):
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("row", _rows("config_import"))
def test_a_configuration_with_helpers_is_understood(row):
    helpers = _document("regclient/helpers")
    keychains = {name: known for name, known in helpers.items() if "env" not in name}
    asked = []

    def ask(program, server):
        asked.append((f"docker-credential-{program}", server))
        user = keychains[f"docker-credential-{program}"]["list"].get(server)
        return None if user is None else Secret(username=user, secret="of-the-helper")

    files = tuple(
        CredentialFile.parse(json.dumps(document).encode(), "config.json")
        for document in (
            helpers["env DOCKER_AUTH_CONFIG"],
            _document(row["document"]),
        )
    )
    found = Credentials(files, ask=ask).find(row["query"])
    expect = row["expect"]
    if expect.get("missing"):
        assert found == ANONYMOUS
    elif expect["helper"]:
        assert found.password == "of-the-helper"
        assert asked[-1] == (expect["helper"], expect["helper_key"] or row["query"])
    else:
        assert (found.username, found.password) == (expect["user"], expect["password"])
