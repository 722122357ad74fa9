"""Logins are found in every place of docs/how-to/credentials.md, in its order, and by helpers."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cachedb.registry.auth import credentials
from tests import build
from tests.cli.conftest import Run
from tests.programs import require
from tests.registry import servers

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "credentials.md"
IMAGE = build.image(build.layer({"app": "1"}))
VARIABLES = (
    "DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)  # fmt: skip


class Place(NamedTuple):
    """A place of the table of the page: variables to set, and the file that a login is in."""

    variables: dict[str, str]
    file: str


# By the first words of their row; paths are relative to a folder of the test.
PLACES = {
    "`$DOCKER_CONFIG/config.json`": Place({"DOCKER_CONFIG": "docker"}, "docker/config.json"),
    "`REGISTRY_AUTH_FILE`": Place({"REGISTRY_AUTH_FILE": "named.json"}, "named.json"),
    "`~/.docker/config.json`": Place({"HOME": "home"}, "home/.docker/config.json"),
    "`$XDG_RUNTIME_DIR/containers/auth.json`": Place(
        {"XDG_RUNTIME_DIR": "run"}, "run/containers/auth.json"
    ),
    "`$XDG_CONFIG_HOME/containers/auth.json`": Place(
        {"XDG_CONFIG_HOME": "config"}, "config/containers/auth.json"
    ),
}
# A variable that is set takes the place of these.
REPLACED = {
    "`$DOCKER_CONFIG/config.json`": ("`~/.docker/config.json`",),
    "`REGISTRY_AUTH_FILE`": (
        "`$XDG_RUNTIME_DIR/containers/auth.json`", "`$XDG_CONFIG_HOME/containers/auth.json`",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry that asks for a user name and a password."""
    folder = tmp_path_factory.mktemp("basic")
    with servers.docker_registry(folder, **servers.htpasswd(folder)) as served:
        yield served.host


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials; nothing is read from /run."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(credentials, "_RUN", tmp_path / "run-of-root")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path


def rows() -> list[str]:
    """Return the first cells of the table of places."""
    table = PAGE.read_text().split("| place | written by |\n| --- | --- |\n")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()]


def log_in(program: str, host: str, file: Path) -> None:
    """Log in with the tool itself, which writes its own file."""
    require(program)
    file.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [program, "login", "--tls-verify=false", "--username", servers.USER, "--password-stdin",
         "--authfile", file, host],
        input=servers.PASSWORD, text=True, check=True, capture_output=True,
    )  # fmt: skip


def push(run: Run, tree: build.Tree, host: str, name: str) -> int:
    tree.add(IMAGE, f"{host}/team/{name}:1")
    return run(tree.path, "push", f"{host}/team/{name}:1").code


def test_every_row_of_the_page_has_a_test() -> None:
    assert rows()[0].startswith("`DOCKER_AUTH_CONFIG`")
    tested = [row for row in rows() if any(row.startswith(place) for place in PLACES)]
    assert tested == rows()[1:]


@pytest.mark.parametrize("program", ["skopeo", "podman"])
@pytest.mark.parametrize("place", PLACES)
def test_a_login_of_a_tool_is_used(
    run: Run, tree: build.Tree, host: str, home: Path, monkeypatch: pytest.MonkeyPatch,
    place: str, program: str,
) -> None:  # fmt: skip
    name = re.sub(r"\W+", "", place).lower() + program
    assert push(run, tree, host, name) == 7
    for variable, path in PLACES[place].variables.items():
        monkeypatch.setenv(variable, str(home / path))
    log_in(program, host, home / PLACES[place].file)

    assert push(run, tree, host, name) == 0


@pytest.mark.parametrize("program", ["skopeo", "podman"])
def test_a_tool_writes_where_the_page_says(
    host: str, home: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    require(program)
    for variable, file in (
        ("REGISTRY_AUTH_FILE", "named.json"), ("XDG_RUNTIME_DIR", "run/containers/auth.json"),
    ):  # fmt: skip
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        value = home / file if variable == "REGISTRY_AUTH_FILE" else home / "run"
        subprocess.run(
            [program, "login", "--tls-verify=false", "--username", servers.USER,
             "--password-stdin", host],
            env={**os.environ, variable: str(value)}, input=servers.PASSWORD, text=True,
            check=True, capture_output=True,
        )  # fmt: skip
        assert host in json.loads((home / file).read_text())["auths"]


def test_a_login_in_the_home_is_used_where_no_variable_is_set(
    run: Run, tree: build.Tree, host: str, home: Path
) -> None:
    log_in("skopeo", host, home / "home" / ".config" / "containers" / "auth.json")
    assert push(run, tree, host, "home-of-podman") == 0

    (home / "home" / ".config" / "containers" / "auth.json").rename(home / "kept.json")
    assert push(run, tree, host, "home-of-none") == 7
    docker = home / "home" / ".docker" / "config.json"
    docker.parent.mkdir()
    (home / "kept.json").rename(docker)
    assert push(run, tree, host, "home-of-docker") == 0


def test_a_login_in_run_is_used_where_there_is_no_session(
    run: Run, tree: build.Tree, host: str, home: Path
) -> None:
    log_in("skopeo", host, home / "run-of-root" / str(os.getuid()) / "auth.json")
    assert push(run, tree, host, "without-a-session") == 0


def auths(host: str, password: str) -> str:
    auth = base64.b64encode(f"{servers.USER}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}})


@pytest.mark.parametrize("first", ["`DOCKER_AUTH_CONFIG`", *PLACES])
def test_places_are_read_in_the_order_of_the_page(
    run: Run, tree: build.Tree, host: str, home: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The right password is in one place, a wrong one in each place after it."""
    order = [next(row for row in rows() if row.startswith(place)) for place in PLACES]
    assert order == rows()[1:]
    places = list(PLACES)
    later = places[places.index(first) + 1 :] if first in PLACES else places
    for place in (first, *later):
        if place not in PLACES:
            monkeypatch.setenv("DOCKER_AUTH_CONFIG", auths(host, servers.PASSWORD))
            continue
        variables, file = PLACES[place]
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(auths(host, servers.PASSWORD if place == first else "wrong"))
        for variable, value in variables.items():
            monkeypatch.setenv(variable, str(home / value))

    assert push(run, tree, host, "order-" + re.sub(r"\W+", "", first).lower()) == 0


@pytest.mark.parametrize("named", REPLACED)
def test_a_variable_takes_the_place_of_the_files_that_the_page_names(
    run: Run, tree: build.Tree, host: str, home: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    for place in REPLACED[named]:
        variables, file = PLACES[place]
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(auths(host, servers.PASSWORD))
        for variable, value in variables.items():
            monkeypatch.setenv(variable, str(home / value))
    name = "replaced-" + re.sub(r"\W+", "", named).lower()
    for variable, value in PLACES[named].variables.items():
        monkeypatch.setenv(variable, str(home / value))
    assert push(run, tree, host, name) == 7

    for variable in PLACES[named].variables:
        monkeypatch.delenv(variable)
    assert push(run, tree, host, name) == 0


def test_an_entry_of_a_repository_is_used_before_one_of_the_registry(
    run: Run, tree: build.Tree, host: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = json.loads(auths(f"{host}/team", servers.PASSWORD))["auths"]
    wrong = json.loads(auths(host, "wrong"))["auths"]
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {**wrong, **right}}))
    assert push(run, tree, host, "of-a-team") == 0
    tree.add(IMAGE, f"{host}/other/app:1")
    assert run(tree.path, "push", f"{host}/other/app:1").code == 7


# -- helpers --------------------------------------------------------------------------------------

RIGHT, WRONG, NONE = "right", "wrong", "none"
"""What a helper answers: the password, another one, or that it has none."""


def install_helpers(folder: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Put helpers on PATH; each writes what it was asked for into `asked`."""
    (folder / "bin").mkdir()
    right = json.dumps({"ServerURL": host, "Username": servers.USER, "Secret": servers.PASSWORD})
    wrong = json.dumps({"ServerURL": host, "Username": servers.USER, "Secret": "wrong"})
    for name, script in (
        (RIGHT, f"echo '{right}'"),
        (WRONG, f"echo '{wrong}'"),
        (NONE, "echo 'credentials not found in native keychain'; exit 1"),
        ("failing", "exit 1"),
    ):
        program = folder / "bin" / f"docker-credential-{name}"
        program.write_text(f'#!/bin/sh\necho {name} $1 $(cat) >> "{folder}/asked"\n{script}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


HELPERS = {
    "credsStore": ({"credsStore": RIGHT}, None, [RIGHT]),
    "credHelpers": ({"credHelpers": {"HOST": RIGHT}}, None, [RIGHT]),
    "credHelpers before credsStore": (
        {"credHelpers": {"HOST": RIGHT}, "credsStore": WRONG}, None, [RIGHT],
    ),
    "credHelpers of another registry": (
        {"credHelpers": {"ghcr.io": WRONG}, "credsStore": RIGHT}, None, [RIGHT],
    ),
    "a helper before the entries of its file": ({"credsStore": RIGHT}, "wrong", [RIGHT]),
    "the entries where the helper has none": ({"credsStore": NONE}, servers.PASSWORD, [NONE]),
    "the entries where the helper fails": (
        {"credsStore": "failing"}, servers.PASSWORD, ["failing"],
    ),
    "the entries where the program is not there": (
        {"credsStore": "absent"}, servers.PASSWORD, [],
    ),
    "no helper where its name is empty": (
        {"credHelpers": {"HOST": ""}, "credsStore": WRONG}, servers.PASSWORD, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HELPERS.values(), ids=HELPERS)
def test_a_pull_uses_the_helper_or_the_entry_that_the_page_states(
    run: Run,
    tree: build.Tree,
    host: str,
    home: Path,
    case: tuple[dict[str, object], str | None, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, entry, asked = case
    install_helpers(home, monkeypatch, host)
    file = home / "home" / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(auths(host, servers.PASSWORD))
    assert push(run, tree, host, "of-helpers") == 0
    entries = {} if entry is None else json.loads(auths(host, entry))
    file.write_text(
        json.dumps({**json.loads(json.dumps(config).replace("HOST", host)), **entries})
    )

    done = run(home / "pulled", "pull", f"{host}/team/of-helpers:1")

    assert done.code == 0, done.err
    seen = (home / "asked").read_text().splitlines() if asked else []
    assert (home / "asked").exists() == bool(asked)
    assert seen == [f"{name} get {host}" for name in asked]
    is_broken = "absent" in str(config) or "failing" in str(config)
    assert ("docker-credential" in done.err) == is_broken
    assert servers.PASSWORD not in done.err + done.out


def test_the_helper_of_a_later_place_is_not_asked_where_an_earlier_one_has_an_entry(
    run: Run, tree: build.Tree, host: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_helpers(home, monkeypatch, host)
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", auths(host, servers.PASSWORD))
    file = home / "home" / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"credsStore": WRONG}))

    assert push(run, tree, host, "first-place") == 0
    assert not (home / "asked").exists()
