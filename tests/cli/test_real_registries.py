"""Real registries by the command line: with and without TLS, with each kind of login."""

import base64
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run
from tests.registry import servers

BASE = build.layer({"base": "b" * 4000})
AMD = build.image(BASE, build.layer({"arch": "amd64"}))
ARM = build.image(BASE, build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
MULTI = build.index(AMD, ARM, build.attestation(AMD))
OTHER = build.image(BASE, build.layer({"other": ""}))


@dataclass(frozen=True)
class Site:
    """A registry, and the options that it takes to talk to it."""

    host: str
    options: tuple[str, ...]


def sites(schemes: str, logins: str) -> pytest.MarkDecorator:
    """Run a test on registries with each of some schemes and logins."""
    pairs = list(itertools.product(schemes.split(), logins.split()))
    return pytest.mark.parametrize("site", pairs, indirect=True, ids="-".join)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> servers.Authority:
    return servers.make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: servers.Authority,
) -> Iterator[Site]:
    scheme, login = request.param
    folder = tmp_path_factory.mktemp(f"{scheme}-{login}")
    settings: dict[str, str] = {}
    options: list[str] = []
    with ExitStack() as stack:
        if scheme == "tls":
            settings |= authority.environment
            options += ["--cert-file", str(authority.ca)]
        if login == "basic":
            settings |= servers.htpasswd(folder)
        if login == "token":
            tokens = stack.enter_context(servers.token_server(authority))
            settings |= tokens.environment
            options += ["--trust-realm", tokens.url.removeprefix("http://")]
        served = stack.enter_context(servers.docker_registry(folder, **settings))
        yield Site(served.host, tuple(options))


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of docker's configuration, with no login in it."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    for variable in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def log_in(docker_config: Path, host: str, password: str = servers.PASSWORD) -> None:
    """Write what docker login writes."""
    auth = base64.b64encode(f"{servers.USER}:{password}".encode()).decode()
    (docker_config / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@sites("http tls", "open basic token")
def test_images_go_there_and_come_back(
    run: Run, site: Site, docker_config: Path, tree: build.Tree, tmp_path: Path
) -> None:
    log_in(docker_config, site.host)
    first, second = f"{site.host}/team/app:1", f"{site.host}/team/other:1"
    tree.add(MULTI, first)
    tree.add(OTHER, second)
    tree.put(*build.signature(MULTI).blobs)

    pushed = run(tree.path, "push", first, "--with-arch-tags", *site.options)
    mounted = run(tree.path, "push", second, *site.options)
    tags = run(tree.path, "tags", f"{site.host}/team/app", *site.options)
    inspected = run(tree.path, "inspect", first, "--format", "json", *site.options)
    copied = run(tree.path, "copy", first, f"{site.host}/team/copy:2", *site.options)
    pulled = run(tmp_path / "new", "pull", first, "--referrers", *site.options)
    removed = run(tmp_path / "new", "rm", "--published-only", *site.options)

    for done in (pushed, mounted, tags, inspected, copied, pulled, removed):
        assert (done.code, "warning" in done.err) == (0, False), done
    assert "pushed, 2 blobs uploaded, 1 mounted" in mounted.out
    assert {"1", "1-amd64", "1-arm64"} < set(tags.out.split())
    assert json.loads(inspected.out)["digest"] == MULTI.digest
    assert "mounted" in copied.out
    assert "sent" not in copied.out
    found = build.Tree(tmp_path / "new").blobs()
    assert found == MULTI.digests | build.signature(MULTI).digests
    assert removed.out == f"{first}  {MULTI.digest}\n"
    for done in (pushed, mounted, tags, inspected, copied, pulled, removed):
        assert servers.PASSWORD not in done.out + done.err


@sites("http tls", "basic token")
@pytest.mark.parametrize("password", [None, "wrong"], ids=["no login", "wrong password"])
def test_without_the_password_nothing_is_done(
    run: Run, site: Site, docker_config: Path, tree: build.Tree, password: str | None
) -> None:
    if password:
        log_in(docker_config, site.host, password)
    name = f"{site.host}/team/secret:1"
    tree.add(AMD, name)

    pushed = run(tree.path, "push", name, *site.options)
    asked = run(tree.path, "rm", "--published-only", name, *site.options)

    assert (pushed.code, pushed.out) == (7, "")
    assert pushed.err.endswith(f"hint: docker login {site.host}\n")
    assert build.Tree(tree.path).entries() != []
    # Not being let in is not the same as not being published.
    assert asked.code == 7 or "not in its registry" in asked.err
    assert "wrong" not in pushed.err + asked.err


@sites("http", "basic")
def test_a_helper_is_asked_for_the_password(
    run: Run,
    site: Site,
    docker_config: Path,
    tree: build.Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (docker_config / "config.json").write_text(json.dumps({"credsStore": "test"}))
    name = f"{site.host}/team/helped:1"
    tree.add(AMD, name)
    without = run(tree.path, "push", name)

    program = tmp_path / "bin" / "docker-credential-test"
    program.parent.mkdir()
    reply = json.dumps({"Username": servers.USER, "Secret": servers.PASSWORD})
    program.write_text(f"#!/bin/sh\necho '{reply}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    done = run(tree.path, "push", name)

    assert (without.code, done.code) == (7, 0)
    assert without.err.splitlines()[0] == (
        f"warning: no credentials for '{site.host}': the credential helper "
        "'docker-credential-test' is not on the PATH"
    )
    assert done.err == ""


@sites("http", "basic token")
def test_no_secret_is_kept(
    run: Run, site: Site, docker_config: Path, tree: build.Tree, tmp_path: Path
) -> None:
    log_in(docker_config, site.host)
    name = f"{site.host}/team/kept:1"
    tree.add(AMD, name)
    assert run(tree.path, "push", name, *site.options).code == 0
    assert run(tmp_path / "new", "pull", name, *site.options).code == 0
    auth = base64.b64encode(f"{servers.USER}:{servers.PASSWORD}".encode())
    for folder in (tree.path, tmp_path / "new"):
        files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert files
        for secret in (servers.PASSWORD.encode(), auth, b"eyJ"):  # how tokens begin
            assert not any(secret in content for content in files)


@sites("tls", "open basic token")
def test_tls_of_an_unknown_authority_is_refused(
    run: Run, site: Site, docker_config: Path, tree: build.Tree
) -> None:
    log_in(docker_config, site.host)
    done = run(tree.path, "inspect", f"{site.host}/team/app:1")
    assert done.code == 7
    assert "certificate verify failed" in done.err
