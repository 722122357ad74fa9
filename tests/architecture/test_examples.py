"""Examples in --help: each is run, on a cache with the sample and a registry that has it too.

A mirror stands for Docker Hub, and the registry for registry.example.com.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cachedb import Cache, Registries
from cachedb.cli.app import _COMMANDS
from cachedb.cli.examples import EXAMPLES
from cachedb.operations.archives import sample_images as sample
from scripts import reference
from tests import build
from tests.registry.servers import docker_registry

_WIDTH = 80


class World(NamedTuple):
    """A folder with the sample archives and a cache, and the registry of its names."""

    folder: Path
    host: str

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
    (folder / "listed.tar").write_bytes(build.archive({f"{registry}/app:1": listed}))
    with Cache.create(folder / "cache") as cache:
        for archive in ("app.tar", "tool.tar", "listed.tar"):
            cache.import_(folder / archive)
        cache.import_(folder / "tool.tar", name="example.com/tool:old")
        cache.export(sample.APP, folder / "saved.tar", format="docker", platforms="linux/amd64")
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
def test_an_example_runs(world: World, line: str) -> None:
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


def commands_of_pages() -> list[str]:
    """Return what shells, CI jobs, cron and systemd are told to run on pages without sessions."""
    folder = reference.ROOT / "docs" / "how-to"
    found = []
    for name in ("credentials.md", "free-space-in-ci.md"):
        for block in re.findall(
            r"```(?:sh|yaml|ini|text)\n(.*?)```", (folder / name).read_text(), re.DOTALL
        ):
            found += re.findall(r"(?<![\w./-])cachedb (?:-|[a-z]).*", block)
    return sorted({line.replace("%%", "%") for line in found})


@pytest.mark.parametrize("line", commands_of_pages())
def test_a_command_in_a_job_or_a_timer_runs(world: World, line: str) -> None:
    typed = line.replace("ghcr.io/team", "registry.example.com")
    typed = typed.replace("/var/cache/images", str(world.folder / "cache"))
    done = world.run(typed)
    assert done.returncode == 0, done.stderr
