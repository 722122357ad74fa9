"""What `make dist` builds, used without the repository: the wheel with its pages, one file."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer._completion_shared import get_completion_script

from cachedb.cli.app import _COMMANDS
from cachedb.operations.archives import sample_images as sample
from cachedb.version import VERSION
from scripts import executable
from tests.packaging.installed import ROOT, Installed, build, install
from tests.programs import require

_TOUR = (
    ("import", "app.tar", "tool.tar"),
    ("ls", "arch:arm64"),
    ("query", "refs", "group", "repo", "show", "repo,count"),
    ("validate",),
    ("rm", sample.APP),
    ("gc", "--grace", "0"),
    ("verify",),
)
_COMPLETIONS = {
    "bash": "share/bash-completion/completions/cachedb",
    "zsh": "share/zsh/site-functions/_cachedb",
    "fish": "share/fish/vendor_completions.d/cachedb.fish",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(built, tmp_path_factory.mktemp("installed"))


def test_the_installed_wheel_is_not_the_repository(installed: Installed) -> None:
    where = installed.run("python", "-c", "import cachedb; print(cachedb.__file__)")
    assert Path(where.strip()).is_relative_to(installed.prefix)


def test_the_tour_runs_from_the_wheel(installed: Installed) -> None:
    sample.write(installed.home)
    for words in _TOUR:
        installed.run("cachedb", *words, CACHEDB_CACHE="cache")
    listed = installed.run("cachedb", "ls", "--format", "{name}", CACHEDB_CACHE="cache")
    assert listed.split() == [sample.TOOL]


@pytest.mark.parametrize("shell", _COMPLETIONS)
def test_the_wheel_installs_the_completion_of_a_shell(installed: Installed, shell: str) -> None:
    text = (installed.prefix / _COMPLETIONS[shell]).read_text()
    made = get_completion_script(
        prog_name="cachedb", complete_var="_CACHEDB_COMPLETE", shell=shell
    )
    assert text.startswith(made.rstrip())


def test_the_wheel_installs_a_man_page_of_every_command(installed: Installed) -> None:
    pages = {path.name for path in (installed.prefix / "share" / "man" / "man1").iterdir()}
    assert pages == {"cachedb.1", *(f"cachedb-{name}.1" for name in _COMMANDS)}


@pytest.mark.parametrize("page", ["cachedb", *(f"cachedb-{name}" for name in _COMMANDS)])
def test_a_man_page_is_formatted_without_a_warning(installed: Installed, page: str) -> None:
    require("groff")
    path = installed.prefix / "share" / "man" / "man1" / f"{page}.1"
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-rLL=78n", "-P-c", str(path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    shown = re.sub(".\b", "", done.stdout)  # bold letters are struck twice
    last = ("ENVIRONMENT", "EXIT STATUS") if page == "cachedb" else ("EXAMPLES",)
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", *last, "SEE ALSO"):
        assert f"\n{heading}\n" in shown
    assert "\nOPTIONS" in shown
    assert f"cachedb {VERSION}" in shown


def test_man_shows_every_page_within_80_columns(installed: Installed) -> None:
    require("man")
    pages = sorted((installed.prefix / "share" / "man" / "man1").iterdir())
    done = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "--local-file", *pages],
        check=True, capture_output=True, text=True,
        env={"MANWIDTH": "80", "MANPAGER": "cat", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stderr == ""
    shown = re.sub(".\b|\x1b\\[[0-9;]*m", "", done.stdout)
    assert shown.count("\nSYNOPSIS\n") == len(pages)
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.fixture(scope="module")
def one_file(built: Path) -> Path:
    return executable.main(built.parent)


def test_one_file_is_the_program(one_file: Path, tmp_path: Path) -> None:
    sample.write(tmp_path)
    shutil.copy(one_file, tmp_path / "cachedb")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "CACHEDB_CACHE": "cache"}
    for words in (("--version",), *_TOUR):
        subprocess.run(
            [sys.executable, "-I", str(tmp_path / "cachedb"), *words],
            cwd=tmp_path, env=environment, check=True, capture_output=True,
        )  # fmt: skip
    unpacked = [path for path in (tmp_path / ".shiv").iterdir() if path.is_dir()]
    assert len(unpacked) == 1


def test_two_builds_of_everything_are_identical(
    built: Path, one_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    executable.main(built.parent)
    executable.main(build(tmp_path).parent)
    for path in built.parent.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} >= {one_file.name, built.name}


def test_the_executable_has_no_path_of_the_machine_that_built_it(one_file: Path) -> None:
    assert str(ROOT).encode() not in one_file.read_bytes()
    assert os.access(one_file, os.X_OK)
