"""Times in the zone of --tz, wherever a command prints one."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run

# Half past, so that no time of another zone looks like one of this.
ZONE = ("--tz", "+05:30")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
CREATED = "2026-01-31T22:00:00Z"
MOVED = "2026-02-01T03:30:00+05:30"


@pytest.fixture
def dated(tree: build.Tree) -> build.Tree:
    """A cache of an image with a time of creation, and of an orphan."""
    image = build.image(created=CREATED)
    tree.add(image, "example.com/app:1")
    tree.add(build.image(env=["n=2"]), "example.com/app:2")
    tree.put(build.layer({"orphan": ""}))
    return tree


@pytest.mark.parametrize(
    "words",
    [
        "show example.com/app:1", "show example.com/app:1 --format json",
        "query refs show name,created", "query refs show name,created --format json",
        "ls --columns name,added", "ls --columns name,added --format json",
        "log", "log --format json",
        "prune --dry-run --keep-last 1", "prune --dry-run --keep-last 1 --format json",
        "gc --dry-run --grace 1h --format json", "report",
        "history example.com/app:1",
    ],
)  # fmt: skip
def test_every_time_is_printed_in_the_zone_of_the_option(
    dated: build.Tree, run: Run, words: str
) -> None:
    assert run(dated.path, "tag", "example.com/app:1", "example.com/other:1").code == 0
    plain = run(dated.path, *words.split())
    moved = run(dated.path, *words.split(), *ZONE)

    assert (plain.code, moved.code) == (0, 0), moved.err
    assert {found[1] for found in TIME.finditer(plain.out)} <= {"Z"}
    assert {found[1] for found in TIME.finditer(moved.out)} <= {"+05:30"}
    assert len(TIME.findall(plain.out)) == len(TIME.findall(moved.out))


def test_the_time_of_a_config_is_moved(dated: build.Tree, run: Run) -> None:
    shown = json.loads(run(dated.path, "show", "example.com/app:1", "--format", "json", *ZONE).out)
    assert [each["created"] for each in shown["platforms"]] == [MOVED]


def test_log_lines_are_in_the_zone_of_the_option(dated: build.Tree, run: Run) -> None:
    before = datetime.now(UTC)
    told = run(dated.path, "ls", "-vv", "--log-format", "json", *ZONE).err
    for line in told.splitlines():
        moment = datetime.fromisoformat(json.loads(line)["time"])
        assert str(moment).endswith("+05:30")
        assert moment >= before


def test_an_unknown_zone_is_refused_before_anything_is_done(
    dated: build.Tree, run: Run, tmp_path: Path
) -> None:
    done = run(dated.path, "rm", "example.com/app:1", "--tz", "Mars/Olympus")
    assert done.code == 2
    assert "Mars/Olympus" in done.err
    assert len(dated.entries()) == 2
