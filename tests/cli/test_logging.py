"""Log lines of -v: requests, retries, mirrors and credentials, without secrets."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run
from tests.interop.tools import Done, cachedb
from tests.registry.scripted import Asked, Reply, scripted

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
