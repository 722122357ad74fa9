"""Log lines of -v: requests, retries, mirrors and credentials, without secrets."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cachedb.cli import app
from tests import build
from tests.cli.conftest import Run
from tests.interop.tools import Done, cachedb
from tests.registry.scripted import Asked, Reply, scripted
from tests.registry.shelf import shelf

SECRET = "hunter2-of-the-test"


LOGIN = base64.b64encode(f"me:{SECRET}".encode()).decode()


def pull(cache: Path, host: str, *words: str) -> Done:
    return cachedb(cache, "pull", f"{host}/team/app:1", "--no-progress", *words)


def test_requests_and_credentials_are_logged_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def refuse(request: Asked) -> Reply:
        asked.append(request.headers.get("authorization"))
        return Reply(401, headers=(("WWW-Authenticate", 'Basic realm="test"'),))

    with scripted(refuse) as server:
        auths = {"auths": {server.host: {"auth": LOGIN}}}
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(auths))
        done = pull(tmp_path / "cache", server.host, "-vv")

    assert f"Basic {LOGIN}" in asked
    assert f"http://{server.host}/v2/team/app/manifests/1 -> 401 in " in done.err
    assert "requests to team/app are sent with user name and password" in done.err
    assert SECRET not in done.err
    assert LOGIN not in done.err


# -- secrets of every kind of credential ----------------------------------------------------------

TOKEN = "a-token-of-the-test-server"
IDENTITY = "an-identity-token-of-the-test"
HELPER = """#!/bin/sh
cat > /dev/null
echo '{"ServerURL": "", "Username": "me", "Secret": "%s"}'
"""
KINDS = {
    "basic": ({"auth": LOGIN}, "Basic", f"Basic {LOGIN}"),
    "bearer": ({"auth": LOGIN}, "Bearer", f"Bearer {TOKEN}"),
    "identity token": (
        {"auth": base64.b64encode(b"me:").decode(), "identitytoken": IDENTITY},
        "Bearer", f"Bearer {TOKEN}",
    ),
    "registry token": ({"registrytoken": IDENTITY}, "Bearer", f"Bearer {IDENTITY}"),
    "helper, basic": (None, "Basic", f"Basic {LOGIN}"),
    "helper, bearer": (None, "Bearer", f"Bearer {TOKEN}"),
}  # fmt: skip
SECRETS = (SECRET, LOGIN, TOKEN, IDENTITY)


class Guarded:
    """A registry that fails once, then has no image, and the token server in front of it."""

    def __init__(self, scheme: str) -> None:
        self.host = ""
        self.seen: list[str] = []
        self._scheme = scheme
        self._has_failed = False

    def answer(self, asked: Asked) -> Reply:
        self.seen += [asked.headers.get("authorization", ""), asked.body.decode()]
        if asked.path.startswith("/token"):
            return Reply(body=json.dumps({"token": TOKEN}).encode())
        if not asked.headers.get("authorization"):
            realm = f'realm="http://{self.host}/token",service="test"'
            return Reply(401, headers=(("WWW-Authenticate", f"{self._scheme} {realm}"),))
        if not self._has_failed:
            self._has_failed = True
            return Reply(503)
        return Reply(404)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_log_has_a_secret(
    kind: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, scheme, expected = KINDS[kind]
    guarded = Guarded(scheme)
    with scripted(guarded.answer) as server:
        guarded.host = server.host
        config: dict[str, object] = {"auths": {server.host: entry}}
        if entry is None:
            helper = tmp_path / "docker-credential-of-test"
            helper.write_text(HELPER % SECRET)
            helper.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            config = {"credHelpers": {server.host: "of-test"}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "config.json").chmod(0o600)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)
        monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
        done = pull(tmp_path / "cache", server.host, "-vv", "--log-format", form)

    assert expected in guarded.seen
    assert "-> 503" in done.err
    assert "retrying in" in done.err
    assert "are sent with " in done.err
    assert [secret for secret in SECRETS if secret in done.err + done.out] == []


def test_the_query_of_a_signed_address_is_not_logged(tmp_path: Path) -> None:
    layer = build.layer({"file": "1"})
    image = build.image(layer)
    blobs = {blob.digest: blob for blob in image.blobs} | {"1": image.root}

    def answer(asked: Asked) -> Reply:
        name = asked.path.partition("?")[0].rpartition("/")[2]
        if name == layer.digest and "?" not in asked.path:
            return Reply(307, headers=(("Location", f"{asked.path}?X-Signature={SECRET}"),))
        if name not in blobs:
            return Reply(404)
        kind = ("Content-Type", blobs[name].media_type)
        return Reply(body=blobs[name].content, headers=(kind,))

    with scripted(answer) as server:
        done = pull(tmp_path / "cache", server.host, "-vv")

    assert done.code == 0, done.err
    assert f"?X-Signature={SECRET}" in " ".join(server.seen("GET"))
    assert SECRET not in done.err


def test_a_mirror_without_the_image_and_the_registry_are_both_logged(tmp_path: Path) -> None:
    with scripted(lambda _: Reply(404)) as mirror, scripted(lambda _: Reply(404)) as home:
        words = ("--mirror", f"{home.host}=http://{mirror.host}", "--log-format", "json")
        done = pull(tmp_path / "cache", home.host, *words, "--verbose")

    records = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {record["level"] for record in records} == {"info"}
    messages = [record["message"] for record in records]
    assert any(m.startswith(f"HEAD http://{mirror.host}/v2/") for m in messages), messages
    assert any(m.startswith("mirror ") and "trying the next one" in m for m in messages)
    assert any(m.startswith(f"HEAD http://{home.host}/v2/") for m in messages)


def test_without_verbose_nothing_is_logged(tmp_path: Path) -> None:
    with scripted(lambda _: Reply(404)) as home:
        done = pull(tmp_path / "cache", home.host)

    assert "GET" not in done.err


def test_a_log_ends_with_its_command(run: Run, tree: build.Tree) -> None:
    """A program that calls `main` twice has the log of -v once."""
    with scripted(lambda _: Reply(404)) as home:
        words = ("pull", f"{home.host}/team/app:1", "--no-progress")
        logged, silent = run(tree.path, *words, "-v"), run(tree.path, *words)

    request = f"http://{home.host}/v2/team/app/manifests/1 -> 404"
    assert request in logged.err
    assert silent.err.startswith("cachedb: ")
    assert request not in silent.err


@pytest.mark.parametrize(("words", "is_imported"), [("ls", False), ("ls -v", True)])
def test_logging_is_imported_for_verbose_only(
    tree: build.Tree, words: str, is_imported: bool
) -> None:
    code = (
        "import sys; from cachedb.cli.app import main\n"
        "try: main()\n"
        "finally: print('logging' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *words.split(), "--cache", tree.path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(is_imported)


# -- every command that sends requests ------------------------------------------------------------

LAYER = build.layer({"file": "1"})
APP = build.image(LAYER)
WITH_REQUESTS = {
    "clean": "clean --yes --published-only",
    "copy": "copy {host}/team/app:1 {host}/team/app:2",
    "inspect": "inspect --remote {host}/team/app:1",
    "pull": "pull {host}/team/app:1",
    "push": "push {host}/team/app:1",
    "rm": "rm --published-only {host}/team/app:1",
    "sync": "sync {file}",
    "tags": "tags {host}/team/app",
    "verify": "verify --repair {host}/team/app:1",
}
WITHOUT_MIRRORS = {"clean", "inspect", "push", "rm", "tags"}


class Busy:
    """A registry behind a token server: each path fails once, then has an answer."""

    def __init__(self) -> None:
        self.host = ""
        self.authorizations: set[str] = set()
        self._failed: set[str] = set()

    def answer(self, asked: Asked, reply: Reply) -> Reply:
        authorization = asked.headers.get("authorization")
        if asked.path.startswith("/token"):
            return Reply(body=json.dumps({"token": TOKEN}).encode())
        if not authorization:
            realm = f'Bearer realm="http://{self.host}/token",service="test"'
            return Reply(401, headers=(("WWW-Authenticate", realm),))
        self.authorizations.add(authorization)
        if asked.method in {"GET", "HEAD"} and asked.path not in self._failed:
            self._failed.add(asked.path)
            return Reply(503)
        if "/tags/list" in asked.path:
            return Reply(body=json.dumps({"name": "team/app", "tags": ["1"]}).encode())
        return reply


def test_the_table_has_every_command_that_sends_requests() -> None:
    folder = Path(app.__file__).parent
    text = {path.stem: path.read_text() for path in folder.glob("*.py")}

    assert set(WITH_REQUESTS) == {
        name for name in text if "options.registries import" in text[name]
    }


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", WITH_REQUESTS)
def test_a_command_writes_requests_retries_mirrors_and_logins_to_the_log(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    busy = Busy()
    with shelf({"1": APP}, busy.answer) as home, scripted(lambda _: Reply(404)) as mirror:
        busy.host = home.host
        cache = cache_with_a_damaged_layer(tmp_path / "cache", f"{home.host}/team/app:1")
        if name in {"pull", "sync", "copy"}:
            cache = build.layout(tmp_path / "empty").path
        file = tmp_path / "images.txt"
        file.write_text(f"{home.host}/team/app:1\n")
        auths = {"auths": {home.host: {"auth": LOGIN}}}
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(auths))
        monkeypatch.setenv("CACHEDB_MIRROR", f"{home.host}=http://{mirror.host}")
        words = WITH_REQUESTS[name].format(host=home.host, file=file).split()

        done = run(cache, *words, "-vv", "--log-format", form, "--no-progress")

    lines = done.err.splitlines()
    if form == "json":
        lines = [json.loads(line)["message"] for line in lines if line.startswith("{")]
    logged = "\n".join(lines)
    assert f" http://{home.host}/v2/" in logged
    assert " -> 503 in " in logged
    assert "retrying in" in logged
    assert "requests to team/app are sent with user name and password" in logged
    assert "token for repository:team/app:" in logged
    assert ("trying the next one" in logged) == (name not in WITHOUT_MIRRORS)
    assert busy.authorizations == {f"Bearer {TOKEN}"}
    assert [secret for secret in SECRETS if secret in done.err + done.out] == []


def cache_with_a_damaged_layer(path: Path, name: str) -> Path:
    """Make a cache of one image, whose layer has other bytes."""
    tree = build.layout(path, {name: APP})
    file = tree.blob_path(LAYER.digest)
    file.chmod(0o644)
    file.write_bytes(b"x" * file.stat().st_size)
    return path
