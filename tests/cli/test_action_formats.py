"""Output of commands that change something: items and a summary in JSON, digests with --quiet."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL
from tests.operations.registries import Place
from tests.registry import servers

MORE = build.image(build.layer({"more": ""}))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "more.tar"
    path.write_bytes(build.archive({"more:3": MORE}))
    return path


def both(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found = json.loads(text)
    assert list(found) == ["items", "summary"]
    return found["items"], found["summary"]


def test_rm_prints_an_object_a_name_and_a_summary(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "rm", "tool:2", "none:1", "--format", "json")
    items, summary = both(done.out)

    assert done.code == 0
    assert items[0] == {
        "name": "docker.io/library/tool:2",
        "digest": TOOL.digest,
        "action": "removed",
        "reason": None,
    }
    assert (items[1]["action"], "none:1" in items[1]["reason"]) == ("absent", True)
    assert summary["removed"] == 1
    assert summary["freeable"] > 0
    assert not summary["is_dry_run"]


def test_json_lines_end_with_the_summary(run: Run, populated: build.Tree) -> None:
    *items, last = map(
        json.loads, succeed(run, populated.path, "clean", "-n", "--format", "jsonl").splitlines()
    )

    assert {item["digest"] for item in items} == {APP.digest, TOOL.digest}
    assert last == {"summary": {"removed": 2, "freed": None, "is_dry_run": True}}


def test_import_prints_its_items_although_a_later_file_fails(
    run: Run, populated: build.Tree, archive: Path
) -> None:
    done = run(populated.path, "import", archive, "/nothing.tar", "--format", "json")
    items, summary = both(done.out)

    assert done.code == 9
    assert [(item["name"], item["state"]) for item in items] == [("more:3", "imported")]
    assert summary == {"images": 1, "new": 1}


def test_export_lists_its_images_beside_the_format_of_the_archive(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    out = tmp_path / "out.tar"
    words = ("export", "tool:2", "-o", out, "--format", "docker", "--format", "json")
    items, summary = both(succeed(run, populated.path, *words))

    assert [item["digest"] for item in items] == [TOOL.digest]
    assert summary == {"images": 1, "outfile": str(out), "format": "docker"}
    assert succeed(run, populated.path, "export", "-q", "tool:2", "-o", out) == f"{TOOL.digest}\n"


def test_export_to_stdout_has_no_place_for_the_list(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "--format", "json", "export", "tool:2", "-o", "-")
    assert (done.code, done.out) == (2, "")
    assert run(populated.path, "export", "tool:2", "-o", "x", "--format", "zip").code == 2


def test_pull_and_push_print_failures_as_items(
    run: Run, tree: build.Tree, registry: servers.Served, tmp_path: Path
) -> None:
    place = Place.new(registry.host)
    absent = place.next().name
    tree.add(APP, place.name)
    pushed, sent = both(succeed(run, tree.path, "push", place.name, "--format", "json"))
    done = run(tmp_path / "new", "pull", place.name, absent, "--format", "json")
    pulled, summary = both(done.out)

    assert [(each["state"], each["digest"]) for each in pushed] == [("pushed", APP.digest)]
    assert sent["sent"] > 0
    assert done.code == 3
    assert [(each["name"], each["state"]) for each in pulled] == [
        (place.name, "new"), (absent, "failed")
    ]  # fmt: skip
    assert absent.split(":")[-1] in pulled[1]["error"]
    assert (summary["images"], summary["failed"]) == (1, 1)


# -- confirmation ---------------------------------------------------------------------------


def test_clean_without_a_terminal_needs_a_yes(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "clean")

    assert done.code == 2
    assert "refusing to remove 2 names with their blobs from" in done.err
    assert APP.digest in populated.blobs()


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (b"n\n", 10, "declined to remove 2 names"),
        (b"\n", 10, "nothing was changed"),
        (b"\x04", 10, "nothing was changed"),
        (b"\x03", 130, "nothing was changed"),
        (b"yes\n", 0, "removed 2 names"),
    ],
)
def test_clean_asks_at_a_terminal(
    populated: build.Tree, typed: bytes, code: int, said: str
) -> None:
    ours, theirs = pty.openpty()
    program = Path(sys.executable).with_name("cachedb")
    with subprocess.Popen(
        [program, "clean"],
        env=os.environ | {"CACHEDB_CACHE": str(populated.path)},
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: _adopt(theirs),  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stderr is not None
        asked = process.stderr.read(1)
        while not asked.endswith("[y/N]: "):
            asked += process.stderr.read(1)
        os.write(ours, typed)
        _, told = process.communicate(timeout=60)

    assert process.returncode == code
    assert said in told
    assert (APP.digest in populated.blobs()) is (code != 0)


def _adopt(terminal: int) -> None:
    """Make a terminal the controlling one of this process, so that its Ctrl-C is a signal."""
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
