"""gc by rules: what is said of them, what a dry run shows, and which blobs --where leaves."""

import json
import subprocess

import pytest

from tests import build
from tests.cli.conftest import Run
from tests.conftest import APP, BASE, TOOL

ORPHAN = build.layer({"orphan": ""})
RUN_NOW = ["gc", "--grace", "0", "--format", "jsonl"]


def rows(text: str) -> list[dict[str, object]]:
    return [row for row in map(json.loads, text.splitlines()) if "summary" not in row]


def removed(text: str) -> set[object]:
    return {row["digest"] for row in rows(text) if row["action"] == "remove"}


def test_a_dry_run_of_a_policy_shows_what_the_run_removes(run: Run, populated: build.Tree) -> None:
    policy = [*RUN_NOW, "--drop", "repo:library/*"]
    shown = run(populated.path, *policy, "--dry-run")
    before = populated.blobs()

    done = run(populated.path, *policy)

    assert removed(done.out) == removed(shown.out)
    assert before - populated.blobs() == removed(done.out)
    assert before - populated.blobs() > {TOOL.digest, ORPHAN.digest}
    assert BASE.digest in populated.blobs()


def test_a_dry_run_names_each_rule_and_what_others_keep(run: Run, populated: build.Tree) -> None:
    done = run(
        populated.path, *RUN_NOW, "--dry-run", "--explain", "--drop", "tag:2", "--keep", "tag:1"
    )
    found = {row["name"]: (row["action"], row["reason"]) for row in rows(done.out) if row["name"]}
    assert found["docker.io/library/tool:2"] == ("remove", "refs tag:2")
    assert {"action": "keep", "reason": "named", "digest": BASE.digest}.items() <= next(
        row for row in rows(done.out) if row["digest"] == BASE.digest
    ).items()
    assert f"1 blob ({BASE.size} B) would stay, referenced by example.com/app:1" in done.err


@pytest.mark.parametrize("form", ["json", "csv", "jsonl", "{name}|{action}|{reason}"])
def test_for_programs_names_and_blobs_are_one_listing(
    run: Run, populated: build.Tree, form: str
) -> None:
    done = run(
        populated.path, "gc", "--grace", "0", "--dry-run", "--drop", "tag:2", "--format", form
    )
    if form == "json":
        json.loads(done.out)
    else:
        assert done.out.count("action") == (len(rows(done.out)) if form == "jsonl" else
                                            1 if form == "csv" else 0)  # fmt: skip


def test_the_text_of_a_saved_rule_is_shown_and_changes_its_fingerprint(
    run: Run, populated: build.Tree
) -> None:
    def told() -> str:
        done = run(populated.path, "gc", "--dry-run", "--drop", "@old")
        return next(line for line in done.err.splitlines() if line.startswith("@old"))

    run(populated.path, "query", "--save", "old", "refs tag:2")
    before = told()
    run(populated.path, "query", "--save", "old", "refs tag:2 not is:pinned")

    assert before.startswith("@old is 'refs tag:2'  (")
    assert told() != before
    assert told().startswith("@old is 'refs tag:2 not is:pinned'  (")


def test_a_rule_about_a_time_that_may_be_never_is_pointed_out(
    run: Run, populated: build.Tree
) -> None:
    done = run(populated.path, "gc", "--dry-run", "--drop", "used before 90d")
    assert "note: `used` is never for some references" in done.err
    done = run(populated.path, "gc", "--dry-run", "--drop", "added before 90d")
    assert "note:" not in done.err


@pytest.mark.parametrize("option", [["--keep", "tag:1"], ["--max-drop", "10%"]], ids=str)
def test_what_guards_a_policy_needs_one(
    run: Run, populated: build.Tree, option: list[str]
) -> None:
    done = run(populated.path, "gc", "--grace", "0", *option)
    assert done.code == 2
    assert f"{option[0]} needs --drop or --keep-only" in done.err
    assert ORPHAN.digest in populated.blobs()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param(["--drop", "everything"], "would drop all 2 names", id="everything"),
        pytest.param(["--keep-only", "tag:nothing"], "would drop all 2 names", id="keep-nothing"),
        pytest.param(["--drop", "tag:2", "--keep", "tag:x"], "selects nothing", id="empty-keep"),
        pytest.param(["--drop", "tag:2", "--max-drop", "20%"], "1 of 2 names", id="max-drop"),
        pytest.param(["--drop", "blobs kind:layer"], "a query of refs is expected", id="blobs"),
    ],
)
def test_a_policy_that_is_likely_a_slip_changes_nothing(
    run: Run, populated: build.Tree, options: list[str], why: str
) -> None:
    before = (populated.entries(), populated.blobs())
    done = run(populated.path, "gc", "--grace", "0", *options)
    assert done.code == 2
    assert why in done.err
    assert (populated.entries(), populated.blobs()) == before


# -- gc --where ------------------------------------------------------------------------------


@pytest.fixture
def littered(populated: build.Tree) -> build.Tree:
    populated.put(build.layer({"large": "x" * 5_000}, media_type=build.OCI_LAYER))
    return populated


def test_where_collects_less_and_never_more(run: Run, littered: build.Tree) -> None:
    before = littered.blobs()
    done = run(littered.path, *RUN_NOW, "--where", "size gt 5000")

    assert removed(done.out) == before - littered.blobs()
    assert ORPHAN.digest in littered.blobs()
    assert {row["reason"] for row in rows(done.out) if row["digest"] == ORPHAN.digest} == {
        "not-chosen"
    }
    # What a name leads to stays whatever the query says.
    run(littered.path, *RUN_NOW, "--where", "everything")
    assert littered.blobs() == APP.digests | TOOL.digests


def test_where_is_about_blobs_and_names_go_by_rules(run: Run, littered: build.Tree) -> None:
    before = littered.blobs()
    done = run(littered.path, "gc", "--grace", "0", "--where", "refs tag:2")
    assert done.code == 2
    assert "gc --drop QUERY removes names first" in done.err
    done = run(littered.path, "gc", "--grace", "0", "--where", "tag:2")
    assert "hint: did you mean `ref.tag:2`?" in done.err
    assert littered.blobs() == before


def test_where_is_not_about_what_interrupted_transfers_have_left(
    run: Run, littered: build.Tree
) -> None:
    run(littered.path, "ls")
    left = littered.path / "oci-put-blob1"
    left.write_bytes(b"half")

    done = run(littered.path, *RUN_NOW, "--where", "kind:layer")
    assert not [row for row in rows(done.out) if row["path"]]
    assert left.exists()
    done = run(littered.path, *RUN_NOW)
    assert [row["path"] for row in rows(done.out) if row["path"]] == ["oci-put-blob1"]
    assert not left.exists()


def test_what_is_kept_is_told_by_reason_and_when_it_can_be_collected(
    run: Run, populated: build.Tree
) -> None:
    done = run(populated.path, "gc")
    size = build.layer({"orphan": ""}).size
    assert f"kept 1 blob ({size} B): within the grace period, collectable in 60 min" in done.err
    assert "or now with --grace 0" in done.err
    found = json.loads(run(populated.path, "gc", "--format", "json", "--dry-run").out)
    (group,) = found["summary"]["kept"]
    assert (group["reason"], group["blobs"], group["size"]) == ("young", 1, size)
    assert group["collectable_at"].endswith("Z")


def test_a_cache_that_was_restored_from_an_archive_is_collectable(
    run: Run, populated: build.Tree
) -> None:
    archive, restored = populated.path.parent / "cache.tar", populated.path.parent / "restored"
    restored.mkdir()
    subprocess.run(["tar", "-C", populated.path, "-cf", archive, "."], check=True)
    subprocess.run(["tar", "-C", restored, "-xpf", archive], check=True)
    done = run(restored, "gc")
    assert "--grace 0" in done.err
    assert ORPHAN.digest in build.Tree(restored).blobs()
    run(restored, "gc", "--grace", "0")
    assert ORPHAN.digest not in build.Tree(restored).blobs()


def test_nothing_is_told_of_reasons_when_nothing_is_kept(run: Run, populated: build.Tree) -> None:
    assert "kept" not in run(populated.path, "gc", "--grace", "0").err
