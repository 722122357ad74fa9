"""Examples in --help: each is run, on a cache with the sample and a registry that has it too.

A mirror stands for Docker Hub, and the registry for registry.example.com.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from cachedb import Cache, Registries
from cachedb.cli.app import _COMMANDS
from cachedb.cli.examples import EXAMPLES
from cachedb.operations.archives import sample_images as sample
from cachedb.operations.mirror import sync_file
from cachedb.registry.auth.credentials import CredentialFile
from scripts import reference
from tests import build
from tests.postgresql import Server, serving
from tests.programs import require
from tests.registry.servers import docker_registry

_WIDTH = 80


class World(NamedTuple):
    """A folder with the sample archives and a cache, and the registry of its names."""

    folder: Path
    host: str

    def on_server(self, server: Server, line: str) -> str:
        """Put a server in place of that of the page, also as the service of libpq."""
        database = server.make_database()
        url = server.url(database=database)
        options = dict(parse_qsl(urlsplit(url).query))
        (self.folder / ".pg_service.conf").write_text(
            f"[farm]\nuser=postgres\ndbname={database}\n"
            + "".join(f"{name}={value}\n" for name, value in options.items())
        )
        return line.replace("postgresql+psycopg://cachedb@db.example.com/farm", f"'{url}'")

    def joining(self, server: Server, line: str) -> str:
        """Publish the cache to a server, which stands for that of the example."""
        database = server.make_database()
        with Cache.open(self.folder / "cache") as cache:
            cache.join_fleet(server.url("web-0", database))
        place = "postgresql+psycopg://db.example.com/farm"
        line = line.replace(f"{place}?cache=web-1", server.url("web-1", database))
        return line.replace(place, f"'{server.url(database=database)}'")

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        typed = line.replace("https://mirror.example.com", f"http://{self.host}")
        typed = typed.replace("registry.example.com", self.host)
        programs = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "CACHEDB_CONFIG_FILE": str(self.folder / "config.toml"),
            "CACHEDB_CACHE": str(self.folder / "cache"),
            "CACHEDB_MIRROR": f"docker.io=http://{self.host}",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "PATH": programs,
        }
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", typed], cwd=self.folder, env=environment,
            check=False, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("published")
    sample.write(folder)
    with docker_registry(folder / "registry") as served, Registries() as registries:
        with Cache.create(folder / "cache") as cache:
            cache.import_(folder / "app.tar")
            for path in ("library/alpine:3.20", "app:1"):
                cache.push(sample.APP, remote_name=f"{served.host}/{path}", registries=registries)
        yield served.host


@pytest.fixture(scope="module")
def original(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to copy for each example: commands change the cache."""
    folder = tmp_path_factory.mktemp("original")
    sample.write(folder)
    image = build.image(build.layer({"app": "1"}))
    listed = build.index(image, build.sbom(image, {"openssl": "3.0.2"}))
    (folder / "policy.toml").write_text('version = 1\nunused-for = "90d"\n')
    (folder / "images.txt").write_text(f"{registry}/app:1\n")
    (folder / "images.yml").write_text(
        f"{registry}:\n  tls-verify: false\n  images:\n    app: ['1']\n"
    )
    (folder / "rules.toml").write_text('[rules.none]\nquery = "refs tag:none"\n')
    (folder / "listed.tar").write_bytes(build.archive({f"{registry}/app:1": listed}))
    with Cache.create(folder / "cache") as cache:
        for archive in ("app.tar", "tool.tar", "listed.tar"):
            cache.import_(folder / archive)
        cache.import_(folder / "tool.tar", name="example.com/tool:old")
        cache.export(sample.APP, folder / "saved.tar", format="docker", platforms="linux/amd64")
    shutil.copy(folder / "policy.toml", folder / "cache" / ".cachedb")
    (folder / "bin").mkdir()
    docker = folder / "bin" / "docker"
    docker.write_text("#!/bin/sh\ntest \"$1 $2\" = 'save app' && exec cat saved.tar\n")
    docker.chmod(0o755)
    return folder


@pytest.fixture
def world(registry: str, original: Path, tmp_path: Path) -> World:
    shutil.copytree(original, tmp_path / "world")
    return World(tmp_path / "world", registry)


def test_every_command_has_an_example() -> None:
    assert EXAMPLES.keys() == _COMMANDS.keys()


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_runs(world: World, line: str, request: pytest.FixtureRequest) -> None:
    if "fleet" in line:
        line = world.joining(request.getfixturevalue("server"), line)
    done = world.run(line)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_ends_with_the_examples_within_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(_WIDTH))
    shown = reference.help_of(name)
    examples = "\n".join(f"    {line}" for line in EXAMPLES[name])
    assert shown.endswith(f"\n  Examples:\n{examples}")
    assert max(map(len, shown.splitlines())) <= _WIDTH


PAGES_OF_JOBS = (
    "ask-a-fleet.md", "credentials.md", "fill-a-cache.md", "free-space-in-ci.md",
    "free-space.md", "report-and-check.md", "share-a-catalog.md", "use-in-scripts.md",
)  # fmt: skip


def commands_of_pages() -> list[str]:
    """Return what shells, CI jobs, cron and systemd are told to run on pages without sessions."""
    folder = reference.ROOT / "docs" / "how-to"
    found = []
    for name in PAGES_OF_JOBS:
        for block in re.findall(
            r"```(?:sh|yaml|ini|text)\n(.*?)```", (folder / name).read_text(), re.DOTALL
        ):
            found += re.findall(r"(?<![\w./-])cachedb (?:-|[a-z]).*", block)
    return sorted({line.replace("%%", "%") for line in found})


@pytest.mark.parametrize("line", commands_of_pages())
def test_a_command_in_a_job_or_a_timer_runs(
    world: World, line: str, request: pytest.FixtureRequest
) -> None:
    if "fleet" in line:
        line = world.joining(request.getfixturevalue("server"), line)
    elif "postgresql" in line:
        line = world.on_server(request.getfixturevalue("server"), line)
    typed = line.replace("ghcr.io/team", "registry.example.com")
    typed = typed.replace("/var/cache/images", str(world.folder / "cache"))
    done = world.run(typed)
    assert done.returncode == 0, done.stderr


def commands_for_users_of_other_tools() -> list[str]:
    """Return the commands of the table that lists what to type in place of other tools."""
    page = (reference.ROOT / "docs" / "how-to" / "move-from-other-tools.md").read_text()
    rows = re.findall(r"^\| `[a-z].*\| (.*) \|$", page, re.MULTILINE)
    return [command for row in rows for command in re.findall(r"`(cachedb [^`]*)`", row)]


def test_the_table_for_users_of_other_tools_names_each_of_them() -> None:
    page = (reference.ROOT / "docs" / "how-to" / "move-from-other-tools.md").read_text()
    named = set(re.findall(r"^\| `(\w+) ", page, re.MULTILINE))
    assert named == {"linuxkit", "skopeo", "crane", "docker", "hauler"}
    assert len(commands_for_users_of_other_tools()) >= 30


@pytest.mark.parametrize("line", sorted(set(commands_for_users_of_other_tools())))
def test_a_command_for_users_of_other_tools_runs(world: World, line: str) -> None:
    require("zstd")
    folder = world.folder
    shutil.copytree(folder / "cache", folder / "dir")
    shutil.copy(folder / "tool.tar", folder / "a.tar")
    packed = folder / "images.tar.zst"
    subprocess.run(["zstd", "-q", folder / "tool.tar", "-o", packed], check=True)
    if "alpine" in line and " pull " not in line:
        assert world.run("cachedb pull alpine:3.20").returncode == 0

    done = world.run(filled_in(line))

    assert done.returncode == 0, done.stderr


def filled_in(line: str) -> str:
    """Name an image of the registry, or one of a single platform where there is room for one."""
    line = line.replace("--remote-name registry.example.com/app:1", "--remote-name HOST/moved:1")
    is_single = "--format" in line or "--remote-name" in line
    name = "example.com/tool:2" if is_single else "registry.example.com/app:1"
    for placeholder, value in (
        ("NAME", name), ("REPOSITORY", "registry.example.com/app"),
        ("HOST", "registry.example.com"),
        ("SOURCE", "registry.example.com/app:1"), ("TARGET", "registry.example.com/copied:1"),
    ):  # fmt: skip
        line = re.sub(rf"\b{placeholder}\b", value, line)
    return line


# -- jobs and timers of the page about CI ---------------------------------------------------------


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language on the page about CI."""
    page = (reference.ROOT / "docs" / "how-to" / "free-space-in-ci.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize(
    ("place", "schema"),
    [(0, "vendor.github-workflows"), (1, "vendor.gitlab-ci")],
    ids=["github", "gitlab"],
)
def test_a_job_follows_the_schema_of_its_system(tmp_path: Path, place: int, schema: str) -> None:
    file = tmp_path / "job.yml"
    file.write_text(blocks("yaml")[place])
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", schema, file]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def steps(system: str) -> list[str]:
    """Return the commands of a job in their order."""
    github, gitlab = map(yaml.safe_load, blocks("yaml"))
    if system == "github":
        return [step["run"] for step in github["jobs"]["build"]["steps"] if "run" in step]
    return [*gitlab["build"]["script"], *gitlab["build"]["after_script"]]


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_a_job_frees_the_space_of_an_image_that_was_unused_for_a_week(
    world: World, system: str
) -> None:
    cache = world.folder / "cache"
    _age(cache, timedelta(days=8))
    with Cache.open(cache) as opened:
        old = {opened.find_root(name).digest for name in (sample.APP, sample.TOOL)}
    # What a job restores has the times of files now, and those of uses as they were.
    archive = world.folder / "cache.tar"
    subprocess.run(["tar", "-C", cache, "-cf", archive, "."], check=True)
    shutil.rmtree(cache)
    cache.mkdir()
    subprocess.run(["tar", "-C", cache, "-xf", archive], check=True)

    for line in steps(system):
        done = world.run(line)
        assert done.returncode == 0, done.stderr

    with Cache.open(cache) as opened:
        assert [listing.name for listing in opened.list()] == ["docker.io/library/alpine:3.20"]
        alpine = opened.find_root("alpine:3.20").digest
    there = {path.name for path in (cache / "blobs" / "sha256").iterdir()}
    assert {digest.encoded for digest in old - {alpine}}.isdisjoint(there)


def _age(cache: Path, span: timedelta) -> None:
    """Move every time that the cache has recorded into the past."""
    by = span // timedelta(microseconds=1)
    with closing(sqlite3.connect(cache / ".cachedb" / "index.db")) as driver, driver:
        driver.execute("UPDATE ref SET added = added - ?, used = used - ?", (by, by))
    journal = cache / ".cachedb" / "journal.jsonl"
    if journal.exists():
        lines = map(json.loads, journal.read_text().splitlines())
        journal.write_text(
            "".join(
                json.dumps({**line, "at": line["at"] - by} if "at" in line else line) + "\n"
                for line in lines
            )
        )


def test_systemd_accepts_the_service_and_the_timer(tmp_path: Path) -> None:
    require("systemd-analyze")
    service, timer = blocks("ini")
    program = Path(sys.executable).with_name("cachedb")
    (tmp_path / "cachedb-prune.service").write_text(
        service.replace("ExecStart=cachedb", f"ExecStart={program}")
    )
    (tmp_path / "cachedb-prune.timer").write_text(timer)
    done = subprocess.run(
        ["systemd-analyze", "--man=no", "verify", "./cachedb-prune.service",
         "./cachedb-prune.timer"],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "cachedb-prune" in line]
    assert (done.returncode, told) == (0, [])


def test_the_line_of_cron_has_a_time_a_user_and_a_command() -> None:
    (line,) = [line for block in blocks("text") for line in block.splitlines()]
    *times, user, command = line.split(maxsplit=6)
    assert len(times) == 5
    assert all(re.fullmatch(r"\*|\d+", time) for time in times)
    assert user == "root"
    assert command.startswith("cachedb ")
    assert "%" not in command  # cron ends the command there


# -- other blocks ---------------------------------------------------------------------------------


def blocks_of(page: str, language: str) -> list[str]:
    """Return the code blocks of a language on a page."""
    text = (reference.ROOT / "docs" / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", ["how-to/free-space.md", "how-to/free-space-in-ci.md"])
def test_a_policy_of_a_page_is_accepted_and_applied(world: World, page: str) -> None:
    (text,) = blocks_of(page, "toml")
    (world.folder / "policy.toml").write_text(text)
    for line in (
        "cachedb tag example.com/app:1 example.com/app:latest",
        "cachedb tag example.com/app:1 example.com/app:v1",
        "cachedb query --save releases 'tag:v*'", "cachedb policy check policy.toml",
        "cachedb policy edit policy.toml", "cachedb policy apply --dry-run",
    ):  # fmt: skip
        done = world.run(line)
        assert done.returncode == 0, done.stderr


def test_the_configuration_of_the_page_is_in_effect(world: World) -> None:
    user, of_cache = blocks_of("reference/configuration.md", "toml")
    (world.folder / "config.toml").write_text(user)
    (world.folder / "cache" / ".cachedb" / "cachedb.toml").write_text(of_cache)

    listed = world.run("cachedb config list --format json")
    names = world.run("cachedb ls --format '{size}'")

    assert listed.returncode == 0, listed.stderr
    assert {"gc.grace", "pull.platform", "mirror", "no-progress", "cache"} <= {
        row["key"] for row in json.loads(listed.stdout)
    }
    assert names.stderr == ""
    sizes = [int(line) for line in names.stdout.split()]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) > 1


def test_an_image_of_another_registry_breaks_the_rules_of_the_page(world: World) -> None:
    (text,) = blocks_of("reference/rules.md", "toml")
    (world.folder / "rules.toml").write_text(text)

    assert world.run("cachedb check rules.toml").returncode == 0
    found = world.run("cachedb check rules.toml --param registry=example.com")
    assert found.returncode == 8
    assert "example.com/app:1 comes from example.com" in found.stdout


def test_the_list_of_images_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = blocks_of("how-to/fill-a-cache.md", "text")
    (tmp_path / "images.txt").write_text(text)
    sources = sync_file.read(str(tmp_path / "images.txt"))
    assert sum(len(source.rules) for source in sources) == 2


def test_the_credential_file_of_the_page_names_its_helpers() -> None:
    (text,) = blocks_of("how-to/credentials.md", "json")
    file = CredentialFile.parse(text.encode(), "config.json")
    (named,) = json.loads(text)["credHelpers"]
    assert file.helper_for(named) == "ecr-login"
    assert file.helper_for("ghcr.io") == "secretservice"


def test_the_program_of_the_page_about_linuxkit_runs(world: World) -> None:
    (text,) = blocks_of("reference/linuxkit.md", "python")
    assert "    with source.tar_reader() as rootfs:\n        ...\n" in text
    (world.folder / "program.py").write_text(
        text.replace("        ...\n", "        assert len(rootfs.read()) > 512\n")
    )
    done = world.run("python program.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["how-to/share-a-catalog.md", "how-to/ask-a-fleet.md"])
def test_the_roles_of_a_page_let_a_host_write_its_schema_alone(page: str, world: World) -> None:
    (text,) = blocks_of(page, "sql")
    with serving() as server:
        database = server.make_database()
        server.psql(text, database)
        url = server.url("host_a", database).replace("postgres@", "host_a@")
        other = server.url("host_b", database).replace("postgres@", "host_a@")
        command = "cachedb fleet add" if "fleet" in page else "cachedb ls --catalog"
        made = world.run(f"{command} '{url}'")
        refused = world.run(f"{command} '{other}'")
    assert made.returncode == 0, made.stderr
    assert "permission denied" in refused.stderr
