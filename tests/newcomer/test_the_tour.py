"""A newcomer types the tour of README and begins the tutorial; the cache of the user stays."""

import re
from pathlib import Path

import pytest

from cachedb import Cache
from tests.newcomer import readme
from tests.newcomer.readme import Machine, run_shell

TUTORIAL = readme.README.parent / "docs" / "tutorial" / "first-cache.md"


def commands(section: str) -> str:
    """Return what a section tells to type: its shell block, then the commands of its sessions."""
    (shell,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    sessions = "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL))
    return shell + "".join(
        f"{line}\n" for line in re.findall(r"^\$ (.*)$", sessions, re.MULTILINE)
    )


@pytest.fixture
def own(machine: Machine) -> Path:
    """Fill the cache of the user, which no tour may touch."""
    folder = machine.home / ".cache" / "cachedb" / "layout"
    run_shell(
        machine, "mkdir before && cd before && cachedb sample && cachedb import --quiet tool.tar"
    )
    return folder


def state(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_tour_works_as_typed_and_does_not_touch_the_cache_of_the_user(
    machine: Machine, own: Path
) -> None:
    before = state(own)
    section = readme.README.read_text().split("\n## A short tour\n")[1].split("\n## ")[0]

    told = run_shell(machine, commands(section) + "cachedb report --html report.html\n")

    assert "example.com/app:1" in told
    assert state(own) == before
    with Cache.open(machine.home / "cache") as cache:
        assert [image.name for image in cache.list()] == ["example.com/tool:2"]
    assert (machine.home / "report.html").stat().st_size > 10_000


def test_the_tutorial_works_as_typed_and_does_not_touch_the_cache_of_the_user(
    machine: Machine, own: Path
) -> None:
    before = state(own)
    typed = commands(TUTORIAL.read_text()).replace(
        "cachedb query refs arhc:arm64", "! cachedb query refs arhc:arm64"
    )

    told = run_shell(machine, typed)

    assert "! cachedb" in typed
    assert "cache/oci-layout" in told
    assert state(own) == before
