"""``cachedb query``: clauses as options, formats, time zones, explanations, saved queries."""

import json
import shlex
import subprocess

import pytest

from tests import build
from tests.cli.conftest import Run
from tests.programs import require

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"


@pytest.mark.parametrize(
    ("options", "clauses"),
    [
        ("--sort -size --limit 1", "sort -size limit 1"),
        ("--columns name,tag --offset 1 --sort name", "show name,tag sort name offset 1"),
        ("--group-by registry --sort -count", "group registry sort -count"),
    ],
)
def test_an_option_is_a_clause(
    run: Run, populated: build.Tree, options: str, clauses: str
) -> None:
    said = run(populated.path, "query", "refs", *options.split())
    assert said.code == 0
    assert said.out == run(populated.path, "query", "refs", *clauses.split()).out


def test_a_clause_that_is_an_option_as_well_is_there_twice(
    run: Run, populated: build.Tree
) -> None:
    done = run(populated.path, "query", "refs", "limit", "1", "--limit", "2")
    assert "`limit` is given twice" in done.err


def test_ls_keeps_its_columns_in_another_order(run: Run, populated: build.Tree) -> None:
    form = ["--format", "{name} {state}"]
    up = run(populated.path, "ls", "--sort", "size", *form).out.splitlines()
    down = run(populated.path, "ls", "--sort", "-size", *form).out.splitlines()
    assert up == [f"{TOOL_2} complete", f"{APP_1} complete"] == down[::-1]
    assert (
        run(populated.path, "ls", "--sort", "-size", "--limit", "1", *form).out == f"{down[0]}\n"
    )


@pytest.mark.parametrize(
    ("form", "line"),
    [
        pytest.param("{name}", APP_1, id="a-field"),
        pytest.param("{tag:>4}|{name:.3}", "   1|exa", id="width"),
        pytest.param(r"{tag}\t{{x}}", "1\t{x}", id="tab-and-braces"),
    ],
)
def test_a_format_is_filled_in(run: Run, populated: build.Tree, form: str, line: str) -> None:
    for command in ("query", "ls"):
        done = run(populated.path, command, "refs tag:1", "--format", form)
        assert done.out == f"{line}\n"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        pytest.param("{nmae}", "`name` in place of `nmae`", id="unknown"),
        pytest.param("{name.__class__}", "have no column `name.__class__`", id="attribute"),
        pytest.param("{name!r}", "conversions are not supported", id="conversion"),
        pytest.param("{name", "--format: ", id="open"),
        pytest.param("{name:Q}", "invalid 'Q'", id="spec"),
        pytest.param("tabel", "is none of table, json, jsonl, csv", id="word"),
    ],
)
def test_a_format_that_cannot_be_filled_in_is_refused(
    run: Run, populated: build.Tree, form: str, why: str
) -> None:
    done = run(populated.path, "query", "refs", "--format", form)
    assert done.code == 2
    assert done.out == ""
    assert why in done.err


def test_lines_can_end_with_nul(run: Run, populated: build.Tree) -> None:
    names = f"{TOOL_2}\0{APP_1}\0"
    assert run(populated.path, "query", "refs show name sort name", "--quiet", "-0").out == names
    assert run(populated.path, "ls", "--format", "{name}", "--null").out == names
    assert run(populated.path, "ls", "--format", "json", "-0").code == 2


def test_dates_are_read_and_shown_in_a_time_zone(run: Run, tree: build.Tree) -> None:
    tree.add(build.image(created="2026-03-28T23:30:00Z"), "late:1")
    day = "created:2026-03-29"
    assert run(tree.path, "query", day).out.count("late") == 0
    done = run(tree.path, "query", day, "--tz", "Europe/Berlin", "--columns", "created", "--quiet")
    assert done.out == "2026-03-28 23:30:00+00:00\n"
    shown = run(tree.path, "ls", day, "--tz", "+01:00", "--columns", "created", "--format", "csv")
    assert shown.out == "created\n2026-03-29T00:30:00+01:00\n"
    # Berlin had 23 hours on that day, so that its end is an hour earlier.
    tree.add(build.image(created="2026-03-29T22:30:00Z"), "next:1")
    assert "next" not in run(tree.path, "query", day, "--tz", "Europe/Berlin").out
    assert "next" in run(tree.path, "query", day, "--tz", "+01:00").out


def test_what_is_no_time_zone_is_refused(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "query", "refs", "--tz", "Europe/Berlim")
    assert (done.code, done.err.splitlines()) == (
        2,
        [
            "cachedb: 'Europe/Berlim' is not a time zone",
            "hint: did you mean Europe/Berlin?",
        ],
    )
    assert run(populated.path, "query", "refs", "--tz", "../../etc/passwd").code == 2


# -- explanations ----------------------------------------------------------------------------


def test_an_explanation_has_its_parts_and_runs_nothing(run: Run, populated: build.Tree) -> None:
    lines = run(
        populated.path, "query", "--explain", "refs all layer(size gt 1) not is:broken"
    ).out.splitlines()
    heads = [line.split()[0] for line in lines]
    assert list(dict.fromkeys(heads)) == [
        "canonical", "meaning", "set", "note", "sql", "values", "plan", "indexes",
    ]  # fmt: skip
    assert lines[0].endswith("refs all layer(size gt 1) and not is:broken")
    assert "ix_edge_child_id_parent_id" in lines[-1]


def test_an_analysis_says_what_each_set_costs(run: Run, populated: build.Tree) -> None:
    out = run(populated.path, "query", "--analyze", "refs platform:linux/arm64").out
    assert "set        platform3: platforms  (1 row, " in out
    assert "answer     1 row, " in out


def test_the_statement_alone_can_be_printed(run: Run, populated: build.Tree) -> None:
    out = run(populated.path, "query", "--sql", "refs", "tag:latest").out
    assert out.startswith("SELECT r1.name")
    assert "latest" not in out


# -- saved queries ---------------------------------------------------------------------------


def toml(tree: build.Tree) -> str:
    return (tree.path / ".cachedb" / "cachedb.toml").read_text()


def test_what_is_saved_can_be_listed_with_what_it_is_for(run: Run, populated: build.Tree) -> None:
    run(populated.path, "query", "--save", "old", "--doc", 'what "is" old', "used before 90d")
    run(populated.path, "query", "--save", "@tools", "repo:library/*", "--sort", "name")
    found = json.loads(run(populated.path, "query", "--check", "--format", "json").out)
    assert found == [
        {"name": "old", "query": "used before 90d", "problem": None, "doc": 'what "is" old'},
        {"name": "tools", "query": "repo:library/* sort name", "problem": None, "doc": None},
    ]


def test_a_saved_query_that_broke_is_found(run: Run, populated: build.Tree) -> None:
    run(populated.path, "query", "--save", "good", "tag:1")
    path = populated.path / ".cachedb" / "cachedb.toml"
    path.write_text(path.read_text() + 'bad = "sizee gt 5"\n')
    done = run(populated.path, "query", "--check")
    assert done.code == 8
    assert "unknown field `sizee`" in done.out
    assert "broken: @bad" in done.err


def test_what_was_written_by_hand_stays(run: Run, populated: build.Tree) -> None:
    run(populated.path, "ls")
    text = (
        "# ours\n[other]\nkey = 1\n\n[queries]  # by hand\n# the old ones\nold = 'tag:1' # yes\n"
        "\n[more]\nnew = 2\n"
    )
    path = populated.path / ".cachedb" / "cachedb.toml"
    path.write_text(text)
    run(populated.path, "query", "--save", "new", "tag:2")
    assert toml(populated) == text.replace("# yes\n", '# yes\nnew = "tag:2"\n')
    run(populated.path, "query", "--forget", "new")
    assert toml(populated) == text
    run(populated.path, "query", "--save", "old", "tag:3")
    assert toml(populated) == text.replace("old = 'tag:1' # yes", 'old = "tag:3"')


def test_what_cannot_be_changed_without_a_loss_is_left(run: Run, populated: build.Tree) -> None:
    run(populated.path, "ls")
    text = '[queries]\nold = """tag:1\nor tag:2"""\n[queries.big]\nquery = "layers size gt 1G"\n'
    path = populated.path / ".cachedb" / "cachedb.toml"
    path.write_text(text)
    for name in ("old", "big"):
        done = run(populated.path, "query", "--save", name, "tag:1")
        assert done.code == 2
        assert f"hint: edit {name} there by hand" in done.err
    assert toml(populated) == text
    assert run(populated.path, "query", "@old show name", "--quiet").out == f"{APP_1}\n{TOOL_2}\n"


def test_what_is_in_the_file_and_no_query_says_so(run: Run, populated: build.Tree) -> None:
    run(populated.path, "ls")
    path = populated.path / ".cachedb" / "cachedb.toml"
    for text in ("queries = 1\n", "[queries]\na = 1\n", "[queries]\na = {doc = 'x'}\n"):
        path.write_text(text)
        done = run(populated.path, "query", "tag:1")
        assert done.code == 2
        assert ".cachedb/cachedb.toml: " in done.err


# -- shells ----------------------------------------------------------------------------------

SAFE = (
    "arch:amd64,arm64 size:100M..1G size gt 100M used:30d.. label:a=b pkg:openssl lt 3.0.14 "
    "not is:pinned @stale platform:linux/arm64/v8 docker.io/library/alpine:3.19 "
    "digest:sha256:ab created:2026-01-01T10:00 used:..30d size:..1G tag ne v1 top 5 by -added "
    "per registry,repo count layer gt 5 sort -size,name limit 10 refs everything before 30d"
)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_what_needs_no_quotes_comes_through_a_shell_as_it_is(shell: str) -> None:
    require(shell)
    done = subprocess.run(
        [shell, "-c", f"printf '%s\\n' {SAFE}"], check=True, capture_output=True, text=True
    )
    assert done.stdout.split("\n")[:-1] == SAFE.split()


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_single_quotes_keep_the_rest_whole(shell: str) -> None:
    require(shell)
    query = 'refs (name:acme/* or tag~"^v[0-9]") size>100M label:"my key"="a b" any layer(size<1G)'
    done = subprocess.run(
        [shell, "-c", f"printf '%s' '{query}'"], check=True, capture_output=True, text=True
    )
    assert done.stdout == query
    assert shlex.split(f"'{query}'") == [query]
