"""Hostile layouts and archives, and every command: each ends as its case says it has to.

In place, ``ls``, ``verify``, ``validate``, ``doctor``, ``export``, ``gc``, ``rm`` and a rebuild
meet a layout that another tool has made; ``import`` meets it as a folder and as an archive.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.layout import image_layout
from tests import build, recorded
from tests.cli.conftest import Run
from tests.hostile import kit
from tests.interop.tools import Done

pytestmark = [  # the kit leaves its files open
    pytest.mark.recorded,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOOL = build.image(build.layer({"tool": "1"}), labels={"team": "blue"})
TRUSTED = "docker.io/library/alpine:latest"
CANARY = "SECRET-CANARY"
_CODES = {0, 2, 3, 4, 8}
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_DIGEST = re.compile(rb"(sha256|sha384|sha512):([0-9a-f]{64,128})")
_LARGEST_DOCUMENT = 1 << 20
# Kept like any content, and no image that could be exported as one.
_OPAQUE = {"mediatype-unknown": {"export"}}
_SAMPLE = 25
_LOOKING = ("ls", "verify", "validate", "doctor")


@recorded.parameters()
def cases(*kinds: str) -> list[Any]:
    """Return the cases; with every test run come those with hostile text, and some of the others.

    All of them are opened, and read as archives, in every run by cheaper tests.
    """
    return [
        pytest.param(*one.values, id=one.id, marks=() if is_sampled else pytest.mark.campaign)
        for number, one in enumerate(kit.layouts(*kinds))
        for is_sampled in (one.values[0].expect == "sanitise" or number % _SAMPLE == 0,)
    ]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is about to finish an index.json here."""
    monkeypatch.setattr(image_layout, "_TORN_SECONDS", 0.01)


def needed(layout: Path) -> set[Path]:
    """Return the files that a name leads to, by the text of index.json and of small blobs."""
    found: set[Path] = set()
    pending = [layout / "index.json"]
    while pending:
        path = pending.pop()
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_DOCUMENT:
            continue
        for algorithm, encoded in _DIGEST.findall(path.read_bytes()):
            below = layout / "blobs" / algorithm.decode() / encoded.decode()
            if below not in found and below.exists():
                found.add(below)
                pending.append(below)
    return found


def names(run: Run, cache: Path) -> list[str | None]:
    """Return the names that the cache says it has; none if it cannot be opened."""
    done = run(cache, "ls", "--format", "json")
    return [row["name"] for row in json.loads(done.out)] if done.code == 0 else []


def check(done: Done, *, is_archive: bool = False) -> None:
    """Whatever happens: a code of ours, a line that says why, nothing that drives a terminal."""
    assert done.code in _CODES, done.err
    assert done.code == 0 or any(x.startswith("cachedb: ") for x in done.err.splitlines())
    assert CANARY not in done.out + done.err
    assert not _CONTROLS.search(done.err)
    assert is_archive or not _CONTROLS.search(done.out)


def in_place(run: Run, folder: Path) -> Iterator[tuple[str, Done]]:
    """Run every command on the layout, those that change it last."""
    layout, out = folder / "layout", folder / "out.tar"
    for command in _LOOKING:
        yield command, run(layout, command)
    named = names(run, layout)
    one = next((name for name in named if name is not None), None)
    if one is not None:
        yield "export", run(layout, "export", "-o", out, "--", one)
        assert not out.exists() or CANARY.encode() not in out.read_bytes()
    before = needed(layout)
    yield "gc", run(layout, "gc", "--grace", "0")
    assert {path for path in before if not path.exists()} == set()
    yield "rebuild", run(layout, "doctor", "--rebuild")
    assert names(run, layout) == named
    if one is not None:
        yield "rm", run(layout, "rm", "--", one)
        yield "gc", run(layout, "gc", "--grace", "0")


@pytest.mark.parametrize("case", cases("layout", "both"))
def test_every_command_ends_as_it_must_on_a_hostile_layout(
    case: Any, run: Run, tmp_path: Path
) -> None:
    hostile = kit.load("hostile_layouts")
    hostile.build(case, str(tmp_path))
    codes: dict[str, set[int]] = {}
    for command, done in in_place(run, tmp_path / case.name):
        check(done)
        codes.setdefault(command, set()).add(done.code)
        assert hostile.check(str(tmp_path), case.name) == [], command
    wrong = {command for command, found in codes.items() if found != {0}}
    match case.expect:
        case "accept":
            assert wrong <= _OPAQUE.get(case.name, set())
        case "reject":
            assert wrong & set(_LOOKING)
        case "sanitise":
            assert wrong <= {"validate", "doctor", "rebuild", "export"}


def sources(folder: Path) -> list[Path]:
    return [path for path in (folder / "layout", folder / "archive.tar") if path.exists()]


@pytest.mark.parametrize("case", cases("layout", "both", "archive"))
def test_an_import_of_what_is_hostile_ends_as_it_must(case: Any, run: Run, tmp_path: Path) -> None:
    hostile = kit.load("hostile_layouts")
    hostile.build(case, str(tmp_path))
    for source in sources(tmp_path / case.name):
        tree = build.layout(tmp_path / source.name / "cache", {TRUSTED: TOOL})
        done = run(tree.path, "import", source)
        check(done)
        assert hostile.check(str(tmp_path), case.name) == []
        assert done.code == 0 or case.expect in {"reject", "either", "sanitise"}, done.err
        assert done.code != 0 or case.expect != "reject"
        if done.code:
            assert tree.blobs() == TOOL.digests
            assert names(run, tree.path) == [TRUSTED]
        entry = next(e for e in tree.entries() if e["annotations"][build.REF_NAME] == TRUSTED)
        assert entry["digest"] == TOOL.digest
        assert run(tree.path, "verify").code == 0
        assert run(tree.path, "gc", "--grace", "0").code == 0
        assert TOOL.digests <= tree.blobs()


def test_an_import_with_replace_replaces_a_name(run: Run, tmp_path: Path) -> None:
    hostile = kit.load("hostile_layouts")
    (case,) = [each for each in hostile.CASES if each.name == "ref-poison"]
    hostile.build(case, str(tmp_path))
    tree = build.layout(tmp_path / "cache", {TRUSTED: TOOL})
    archive = tmp_path / case.name / "archive.tar"
    refused = run(tree.path, "import", archive)
    assert refused.code != 0
    assert f"{TRUSTED!r}" in refused.err
    assert run(tree.path, "import", "--replace", archive).code == 0
    assert tree.entries()[0]["digest"] != TOOL.digest
