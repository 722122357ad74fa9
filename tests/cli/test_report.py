"""``cachedb report``: sections, formats, and the facts that other commands tell as well."""

import csv
import io
import json
import os
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cachedb.cache import Cache
from cachedb.errors import StorageFailed
from cachedb.operations.report.model import VERSION
from scripts import report_schema
from tests import build, golden_files, report_caches
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL
from tests.query import made_up

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = [
    "images", "registries", "repositories", "platforms", "media_types", "ages", "growth",
    "sharing", "shared_blobs", "findings", "activity", "unsigned",
]  # fmt: skip


def report(run: Run, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed(run, path, "report", "--format", "json"))
    return found


def test_golden_schema_of_the_report() -> None:
    golden_files.check("report.schema.json", report_schema.schema(), ROOT / "docs" / "reference")


@pytest.mark.parametrize("seed", range(6))
def test_a_report_follows_its_schema_and_agrees_with_queries(
    run: Run, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(f"report {seed}")
    tree = made_up.make(rng, tmp_path / "cache", rng.randint(0, 9))
    found = report(run, tree.path)
    schema = json.loads((ROOT / "docs/reference/report.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    assert found["version"] == VERSION
    with Cache.open(tree.path) as cache:
        unsigned = {row[0] for row in cache.query("refs not is:signed show digest").rows}
        for image in found["images"]:
            assert image["signed"] == unsigned.isdisjoint(image["digests"])
        broken = {row[0] for row in cache.query("refs is:broken show digest").rows}
        told = {d for i in found["images"] if i["state"] == "broken" for d in i["digests"]}
        assert told == broken
        wrong = [each for each in cache.validate() if not each.is_valid]
        assert {each["name"] for each in found["findings"]} == {each.name for each in wrong}
        rows = cache.query("blobs is:present,corrupt group type show type,count,sum.size").rows
        types: dict[str, list[int]] = {}
        for each in found["media_types"]:
            known = types.setdefault(each["media_type"], [0, 0])
            known[0] += each["blobs"]
            known[1] += each["size"]
        assert {(key, *numbers) for key, numbers in types.items()} == {tuple(row) for row in rows}


@pytest.mark.parametrize("seed", range(4))
def test_proportional_sizes_ages_growth_and_sharing_add_up(
    run: Run, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(f"sums {seed}")
    tree = made_up.make(rng, tmp_path / "cache", rng.randint(1, 9))
    found = report(run, tree.path)
    totals, images = found["totals"], found["images"]
    live = totals["exclusive"] + totals["shared"]
    assert abs(sum(image["proportional"] for image in images) - live) <= len(images)
    assert sum(band["images"] for band in found["ages"]) == len(images)
    assert sum(band["size"] for band in found["sharing"]) == live
    assert sum(band["saved"] for band in found["sharing"]) == totals["saved"]
    assert sum(image["size"] for image in images) - live == totals["saved"]
    assert found["growth"][-1]["images"] == len(images)
    assert found["growth"][-1]["size"] == live


def test_ages_and_growth_follow_the_times_of_the_images(run: Run, tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {})
    report_caches.varied(tree)
    report_caches.spread(tree.path)
    found = report(run, tree.path)
    dates = [point["date"] for point in found["growth"]]
    assert dates == sorted(set(dates))
    assert len(dates) > 20
    sizes = [point["size"] for point in found["growth"]]
    assert sizes == sorted(sizes)
    assert sum(band["images"] > 0 for band in found["ages"]) >= 5
    assert {image["added"][:10] for image in found["images"]} == set(dates)


def test_platforms_that_were_not_pulled_are_absent(run: Run, tree: build.Tree) -> None:
    amd64, arm64 = build.image(build.layer({"a": "1"})), build.image(arch="arm64", variant="v8")
    tree.add(build.index(amd64, arm64), "example.com/app:1")
    for digest in arm64.digests - amd64.digests:
        tree.blob_path(digest).unlink()
    (image,) = report(run, tree.path)["images"]
    assert (image["platforms"], image["absent"]) == (["linux/amd64"], ["linux/arm64"])
    assert image["state"] == "partial"


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_the_same_in_every_format(
    run: Run, populated: build.Tree, section: str
) -> None:
    rows = report(run, populated.path)[section]
    words = ("report", "--section", section, "--format")
    lines = succeed(run, populated.path, *words, "jsonl").splitlines()
    told = [json.loads(line) for line in lines]
    assert told == ([{"name": name} for name in rows] if section == "unsigned" else rows)
    text = succeed(run, populated.path, *words, "csv")
    assert len(list(csv.DictReader(io.StringIO(text), strict=True))) == len(rows)


def test_csv_has_a_line_for_each_image(run: Run, populated: build.Tree) -> None:
    text = succeed(run, populated.path, "report", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert [row["names"] for row in rows] == ["example.com/app:1", "docker.io/library/tool:2"]
    assert int(rows[0]["size"]) == sum(
        populated.blob_path(digest).stat().st_size for digest in APP.digests
    )


def test_text_has_totals_and_at_most_so_many_rows_a_section(run: Run, tmp_path: Path) -> None:
    tree = build.layout(tmp_path / "cache", {})
    report_caches.varied(tree)
    text = succeed(run, tree.path, "report", "--top", 3)
    assert "60 (60 names)" in text
    largest = text[text.index("Largest images.") :].split("\n\n")[0].splitlines()
    assert len(largest) == 2 + 3 + 1
    assert largest[-1] == "and 57 more"


def test_markdown_cannot_be_ended_by_a_name(run: Run, tree: build.Tree) -> None:
    report_caches.hostile(tree)
    text = succeed(run, tree.path, "report", "--format", "markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for line in rows:
        outside = build_outside_of_code(line)
        assert "<" not in outside
    assert "``back`tick\\|pipe``" in text or "`` back`tick\\|pipe ``" in text
    assert "\u202e" not in text


def build_outside_of_code(line: str) -> str:
    """Return a line of Markdown without its code spans (CommonMark 0.31, section 6.1)."""
    found, at = "", 0
    while at < len(line):
        if line[at] != "`":
            found += line[at]
            at += 1
            continue
        run = len(line[at:]) - len(line[at:].lstrip("`"))
        end = at + run
        while end < len(line):
            start = line.find("`" * run, end)
            assert start >= 0, "a code span has no end"
            stop = start
            while stop < len(line) and line[stop] == "`":
                stop += 1
            end = stop
            if stop - start == run:
                break
        at = end
    return found


def test_an_empty_cache_has_a_report_in_every_format(run: Run, tree: build.Tree) -> None:
    for form in ("table", "json", "markdown", "csv"):
        assert succeed(run, tree.path, "report", "--format", form)
    found = report(run, tree.path)
    assert (found["images"], found["growth"], found["totals"]["size"]) == ([], [], 0)


def test_what_gc_would_free_is_what_its_plan_says(run: Run, populated: build.Tree) -> None:
    run(populated.path, "rm", "example.com/app:1")
    for digest in populated.blobs():
        os.utime(populated.blob_path(digest), (1, 1))
    found = report(run, populated.path)["collection"]
    plan = json.loads(
        succeed(run, populated.path, "gc", "--dry-run", "--format", "jsonl").splitlines()[0]
    )
    assert plan
    assert found["blobs"] + found["kept_blobs"] > 0
    assert found["refused"] is None


def test_a_report_tells_what_the_policy_would_remove(run: Run, populated: build.Tree) -> None:
    assert report(run, populated.path)["policy"] is None
    policy = populated.path.parent / "policy.toml"
    policy.write_text('version = 1\ndrop = ["tag:1"]\n')
    succeed(run, populated.path, "policy", "edit", policy)
    found = report(run, populated.path)["policy"]
    freed = json.loads(succeed(run, populated.path, "du", "example.com/app:1", "--format", "json"))
    assert found == {"names": 1, "size": freed["totals"]["exclusive"], "refused": None}
    assert "would remove 1 name" in succeed(run, populated.path, "report")
    policy.write_text('version = 1\ndrop = ["everything"]\n')
    succeed(run, populated.path, "policy", "edit", policy)
    assert report(run, populated.path)["policy"]["refused"]


def test_activity_sums_up_the_journal_by_day(run: Run, populated: build.Tree) -> None:
    assert report(run, populated.path)["activity"] == []
    for digest in populated.blobs():
        os.utime(populated.blob_path(digest), (1, 1))
    succeed(run, populated.path, "rm", "example.com/app:1")
    succeed(run, populated.path, "gc", "--grace", 0)
    (day,) = report(run, populated.path)["activity"]
    assert day["operations"] == 2
    assert day["received"] == 0
    assert day["freed"] > 0


def test_a_damaged_index_is_a_reason_that_gc_refuses(run: Run, populated: build.Tree) -> None:
    populated.flip(TOOL.digest)
    run(populated.path, "verify")
    found = report(run, populated.path)
    assert TOOL.digest.partition(":")[2] in found["collection"]["refused"]
    assert any(each["digest"] == TOOL.digest for each in found["findings"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(["--section", "weather"], 2, "no section 'weather'", id="section"),
        pytest.param(["--top", "0"], 2, "invalid number '0'", id="top"),
        pytest.param(["--format", "xml"], 2, "'xml'", id="format"),
        pytest.param(["--html", ""], 2, "--html is empty", id="empty-path"),
        pytest.param(["--html", "cache/blobs/x.html"], 2, "inside the cache", id="in-blobs"),
        pytest.param(["--html", "cache/index.json"], 2, "inside the cache", id="index-json"),
        pytest.param(["--html", "no/such/folder.html"], 9, "folder.html", id="no-folder"),
        pytest.param(["--html", "x", "--section", "images"], 2, "--html and --section", id="both"),
        pytest.param(["--section", "ages", "--format", "markdown"], 2, "Markdown", id="markdown"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_changes_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], code: int, message: str,
) -> None:  # fmt: skip
    tree = build.layout(tmp_path / "cache", {"example.com/app:1": APP})
    run(tree.path, "ls")
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*") if ".cachedb" not in str(path))
    index = (tree.path / "index.json").read_bytes()
    done = run(tree.path, "report", *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err.splitlines()[0]
    assert (tree.path / "index.json").read_bytes() == index
    after = sorted(path.name for path in tmp_path.rglob("*") if ".cachedb" not in str(path))
    assert after == before


def test_a_page_replaces_a_file_only_when_it_is_complete(
    run: Run, populated: build.Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.html"
    target.write_text("before")

    def stopped(*_: object) -> Any:
        yield b"<!doctype html>"
        raise StorageFailed("cannot write: no space left")

    monkeypatch.setattr("cachedb.cli.render.reports.page.page", stopped)
    done = run(populated.path, "report", "--html", target)
    assert done.code == 9
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".cachedb")] == []
