"""prune and policy at the command line: plans, confirmation, the file, and bad input."""

import json

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL

TOOL_NAME = "docker.io/library/tool:2"
DROP = ["--drop", "tag:2"]


@pytest.fixture
def policy(populated: build.Tree) -> str:
    path = populated.path.parent / "policy.toml"
    path.write_text('version = 1\ndrop = ["tag:2"]\nkeep-last = 1\n')
    return str(path)


def test_a_dry_run_prints_one_reason_a_name_and_changes_nothing(
    run: Run, populated: build.Tree
) -> None:
    before = (populated.entries(), populated.blobs())
    done = run(populated.path, "prune", *DROP, "--dry-run")
    assert [line.split()[:3:2] for line in done.out.splitlines()[1:]] == [
        [TOOL_NAME, "remove"],
        ["example.com/app:1", "keep"],
    ]
    assert "would remove 1 name; frees" in done.err
    assert (populated.entries(), populated.blobs()) == before


def test_json_has_the_items_and_a_summary(run: Run, populated: build.Tree) -> None:
    found = json.loads(
        succeed(run, populated.path, "prune", *DROP, "--dry-run", "--format", "json")
    )
    first, second = found["items"]
    assert (first["name"], first["action"], first["reason"]) == (
        TOOL_NAME, "remove", "refs tag:2",
    )  # fmt: skip
    assert (second["action"], second["freed"]) == ("keep", 0)
    assert found["summary"]["freed"] == first["freed"] > 0
    assert found["summary"]["is_dry_run"]


def test_without_a_terminal_it_needs_yes(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "prune", *DROP)
    assert done.code == 2
    assert "--yes, or --dry-run" in done.err
    assert len(populated.entries()) == 2


def test_yes_removes_and_collects(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "prune", *DROP, "--yes", "--grace", "0", "--trash-ttl", "0")
    assert done.code == 0
    assert "removed 1 name; freed" in done.err
    assert populated.blobs() == APP.digests


def test_what_is_within_the_grace_period_is_said_to_stay(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "prune", *DROP, "--yes")
    assert "within the grace period (1h)" in done.err
    assert populated.blobs() >= TOOL.digests


def test_quiet_prints_digests_alone(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "prune", *DROP, "--yes", "--quiet")
    assert (done.out, done.err) == (f"{TOOL.digest}\n", "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param([], "no rule removes anything", id="no-rule"),
        pytest.param(["--keep-last", "0"], "cannot keep the last 0 names", id="keep-0"),
        pytest.param(["--keep-last", "1", "--group-by", "tag"], "unknown group 'tag'", id="group"),
        pytest.param(["--group-by", "repo"], "--group-by needs --keep-last", id="group-alone"),
        pytest.param(["--max-size", "huge"], "invalid size 'huge'", id="size"),
        pytest.param(["--unused-for", "90"], "invalid age '90'", id="age"),
        pytest.param(["--drop", "nope:1"], "nope", id="field"),
        pytest.param([*DROP, "--keep", "tag:2"], "both keep and drop", id="contradiction"),
        pytest.param(["--drop", "everything"], "all 2 names", id="everything"),
        pytest.param(["--max-size", "1", "--keep", "tag:1"], "cannot be met", id="limit"),
        pytest.param([*DROP, "--grace", "soon"], "invalid duration 'soon'", id="grace"),
        pytest.param([*DROP, "--trash-ttl", "x"], "invalid duration 'x'", id="trash-ttl"),
    ],
)
def test_bad_input_is_one_line_and_removes_nothing(
    run: Run, populated: build.Tree, words: list[str], why: str
) -> None:
    before = (populated.entries(), populated.blobs())
    done = run(populated.path, "prune", *words, "--yes")
    assert done.code == 2
    assert why in done.err
    assert "Traceback" not in done.err
    assert (populated.entries(), populated.blobs()) == before


# -- policy -----------------------------------------------------------------------------------


def test_a_policy_is_stored_shown_checked_and_applied(
    run: Run, populated: build.Tree, policy: str
) -> None:
    succeed(run, populated.path, "policy", "edit", policy)
    assert 'drop = ["tag:2"]' in succeed(run, populated.path, "policy", "show")
    succeed(run, populated.path, "policy", "check")
    done = run(populated.path, "policy", "apply", "--dry-run")
    assert [line.split()[2] for line in done.out.splitlines()[1:]] == ["keep", "keep"]
    assert "one of the last 1 of docker.io/library/tool" in done.out


def test_a_policy_outlives_the_catalog_and_a_rebuild(
    run: Run, populated: build.Tree, policy: str
) -> None:
    succeed(run, populated.path, "policy", "edit", policy)
    succeed(run, populated.path, "doctor", "--rebuild")
    (populated.path / ".cachedb" / "index.db").unlink()
    assert "keep-last = 1" in succeed(run, populated.path, "policy", "show")


def test_an_editor_changes_the_policy(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/90d/30d/")
    monkeypatch.delenv("VISUAL", raising=False)
    succeed(run, populated.path, "policy", "edit")
    assert 'unused-for = "30d"' in succeed(run, populated.path, "policy", "show")
    done = run(populated.path, "policy", "edit")
    assert "unchanged" in done.err


@pytest.mark.parametrize("editor", ["false", "/no/such/editor", "'"])
def test_an_editor_that_fails_changes_nothing(
    run: Run, populated: build.Tree, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    done = run(populated.path, "policy", "edit")
    assert done.code != 0
    assert len(done.err.strip().splitlines()) <= 2
    assert run(populated.path, "policy", "show").code == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("version = ", "policy:", id="toml"),
        pytest.param("keep-last = 1", "version is missing", id="no-version"),
        pytest.param("version = 2\nkeep-last = 1", "version 2 is unknown", id="version"),
        pytest.param("version = true\nkeep-last = 1", "version True is unknown", id="bool"),
        pytest.param("version = 1\nkeep_last = 1", "did you mean keep-last?", id="key"),
        pytest.param("version = 1\n[rules]", "unknown key 'rules'", id="table"),
        pytest.param('version = 1\nkeep-last = "1"', "keep-last has to be a number", id="type"),
        pytest.param("version = 1\nkeep-last = 0", "keep-last: cannot keep", id="zero"),
        pytest.param("version = 1\ndrop = [1]", "drop has to be a list of queries", id="list"),
        pytest.param('version = 1\nmax-size = "1q"', "max-size: invalid size", id="size"),
        pytest.param('version = 1\ngroup-by = "tag"', "group-by: unknown group", id="group"),
        pytest.param('version = 1\ndrop = ["used:30d"]', "used", id="query"),
        pytest.param('version = 1\ndrop = ["blobs kind:layer"]', "blobs", id="sort"),
        pytest.param("version = 1", "no rule removes anything", id="nothing"),
    ],
)
def test_a_policy_with_an_error_is_not_stored(
    run: Run, populated: build.Tree, policy: str, text: str, why: str
) -> None:
    succeed(run, populated.path, "policy", "edit", policy)
    before = succeed(run, populated.path, "policy", "show")
    wrong = populated.path.parent / "wrong.toml"
    wrong.write_text(text)
    for action in ("edit", "check"):
        done = run(populated.path, "policy", action, wrong)
        assert done.code == 2
        assert why in done.err
    assert succeed(run, populated.path, "policy", "show") == before


def test_a_policy_that_others_may_write_is_refused(
    run: Run, populated: build.Tree, policy: str
) -> None:
    succeed(run, populated.path, "policy", "edit", policy)
    (populated.path / ".cachedb" / "policy.toml").chmod(0o666)
    done = run(populated.path, "policy", "apply", "--yes")
    assert done.code == 2
    assert "other users can write it" in done.err
    assert len(populated.entries()) == 2


def test_a_cache_without_a_policy_says_so(run: Run, populated: build.Tree) -> None:
    for action in ("show", "check", "apply"):
        done = run(populated.path, "policy", action)
        assert done.code == 3
        assert "cachedb policy edit" in done.err


def test_show_takes_no_file(run: Run, populated: build.Tree, policy: str) -> None:
    assert run(populated.path, "policy", "show", policy).code == 2
