"""Listings for programs: well-formed, the same facts in each form, and safe on a terminal."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

import pytest

from cachedb.cli.render import output, tables
from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, BASE, TOOL

APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"
LISTINGS = [
    "ls", f"find-root {BASE.digest}", f"why {BASE.digest}", "validate",
    "query refs", "query blobs kind:layer",
]  # fmt: skip


def as_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), strict=True))


def cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


@pytest.mark.parametrize("command", LISTINGS)
def test_a_listing_says_the_same_in_every_form(
    run: Run, populated: build.Tree, command: str
) -> None:
    populated.flip(TOOL.layers[1].digest)  # something for verify to list
    run(populated.path, "verify")
    in_json, in_jsonl, in_csv = (
        run(populated.path, *command.split(), "--format", form).out
        for form in ("json", "jsonl", "csv")
    )
    rows: list[dict[str, Any]] = json.loads(in_json)
    assert rows
    assert [json.loads(line) for line in in_jsonl.splitlines()] == rows
    assert as_csv(in_csv) == [{key: cell(v) for key, v in row.items()} for row in rows]
    head, *table = run(populated.path, *command.split()).out.splitlines()
    if not command.startswith("why"):
        assert set(head.lower().split()) <= set(rows[0])
        assert len(table) >= len(rows)


WORDS = tables.Column("words"), tables.Column("number", is_number=True)
ROWS = [("a", 1), ("bb", 22), ("a long text", 3), ("c", 4), ("d", 55555)]


def rendered(capsys: pytest.CaptureFixture[str], form: str, rows: Iterable[Any]) -> str:
    with mock.patch.object(tables, "_AT_ONCE", 2):
        tables.render(WORDS, rows, form)
    return capsys.readouterr().out


def test_a_column_becomes_wider_where_a_later_row_is_longer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rendered(capsys, "table", ROWS).splitlines() == [
        "WORDS  NUMBER",
        "a           1",
        "bb         22",
        "a long text       3",
        "c                 4",
        "d             55555",
    ]
    assert rendered(capsys, "table", []).splitlines() == ["WORDS  NUMBER"]


def test_an_array_of_json_is_that_of_all_rows_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    objects = [{"words": words, "number": number} for words, number in ROWS]
    assert rendered(capsys, "json", ROWS) == json.dumps(objects, indent=2) + "\n"
    assert rendered(capsys, "json", []) == "[]\n"


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "{words}"])
def test_the_first_row_is_printed_before_the_last_is_read(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    printed = []

    def rows() -> Iterator[tuple[str, int]]:
        yield from ROWS[:-1]
        printed.append(capsys.readouterr().out)
        yield ROWS[-1]

    rendered(capsys, form, rows())
    assert "bb" in printed[0]


def test_verify_states_its_totals_in_every_form_of_json(run: Run, populated: build.Tree) -> None:
    populated.flip(TOOL.layers[1].digest)
    in_json = json.loads(run(populated.path, "verify", "--format", "json").out)
    *items, last = run(populated.path, "verify", "--format", "jsonl").out.splitlines()
    in_csv = as_csv(run(populated.path, "verify", "--format", "csv").out)
    assert [json.loads(item) for item in items] == in_json["items"]
    assert json.loads(last) == {"summary": in_json["summary"]}
    assert in_csv == [{key: cell(v) for key, v in row.items()} for row in in_json["items"]]
    assert in_json["summary"]["blobs"] == len(populated.blobs())
    assert in_json["summary"]["errors"] == 1


@pytest.mark.parametrize("command", LISTINGS)
def test_a_listing_of_nothing_is_well_formed(run: Run, tree: build.Tree, command: str) -> None:
    words = [word for word in command.split() if ":" not in word]
    if words[0] in {"find-root", "why"}:
        words = ["ls"]
    assert json.loads(run(tree.path, *words, "--format", "json").out) == []
    assert run(tree.path, *words, "--format", "jsonl").out == ""
    assert as_csv(run(tree.path, *words, "--format", "csv").out) == []


_COLLECTION = ("gc", "--dry-run", "--grace", "0", "--format")


def test_a_collection_says_the_same_in_every_form(run: Run, populated: build.Tree) -> None:
    populated.unname(TOOL_2)
    in_json, in_jsonl, in_csv = (
        run(populated.path, *_COLLECTION, form).out for form in ("json", "jsonl", "csv")
    )
    found = json.loads(in_json)
    *rows, last = [json.loads(line) for line in in_jsonl.splitlines()]
    assert {row["digest"] for row in rows} == populated.blobs() - APP.digests
    assert (rows, last) == (found["items"], {"summary": found["summary"]})
    assert as_csv(in_csv) == [{key: cell(v) for key, v in row.items()} for row in rows]


def test_a_collection_of_nothing_is_well_formed(run: Run, tree: build.Tree) -> None:
    found = json.loads(run(tree.path, *_COLLECTION, "json").out)
    assert found["items"] == []
    last = {"summary": found["summary"]}
    assert json.loads(run(tree.path, *_COLLECTION, "jsonl").out) == last
    assert as_csv(run(tree.path, *_COLLECTION, "csv").out) == []


def test_json_of_du_has_the_totals_of_its_rows(run: Run, populated: build.Tree) -> None:
    populated.put(build.layer({"orphan": ""}))
    found = json.loads(run(populated.path, "du", "--format", "json").out)
    rows = as_csv(run(populated.path, "du", "--format", "csv").out)
    last = {row["kind"]: int(row["size"]) for row in rows if row["kind"] != "image"}
    assert last.items() <= found["totals"].items()
    assert found["totals"]["total"] == sum(
        populated.blob_path(digest).stat().st_size for digest in populated.blobs()
    )
    assert found["totals"]["garbage"] > 0
    assert found["totals"]["exclusive"] == sum(image["exclusive"] for image in found["images"])


@pytest.mark.parametrize("command", ["show", "tree"])
def test_nested_data_is_json_on_one_line_or_many(
    run: Run, populated: build.Tree, command: str
) -> None:
    many = run(populated.path, command, APP_1, "--format", "json").out
    one = run(populated.path, command, APP_1, "--format", "jsonl").out
    assert json.loads(many) == json.loads(one)
    assert json.loads(many)["digest"] == APP.digest
    assert len(one.splitlines()) == 1
    refused = run(populated.path, command, APP_1, "--format", "csv")
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(["ls"], [TOOL.digest, APP.digest], id="ls"),
        pytest.param(["ls", "tag:1"], [APP.digest], id="ls-query"),
        pytest.param(["query", "refs tag:1"], [APP.digest], id="query"),
        pytest.param(["query", "refs tag:1 show name"], [APP_1], id="query-show"),
        pytest.param(
            ["query", "refs sort name", "--format", "{name}"],
            [TOOL.digest, APP.digest],
            id="query-template",
        ),
        pytest.param(["query", "layers size gt 1G"], [], id="query-layers"),
        pytest.param(["pin", APP_1], [APP.digest], id="pin"),
        pytest.param(["tag", APP_1, "new:1"], [APP.digest], id="tag"),
        pytest.param(["untag", TOOL_2], [TOOL.digest], id="untag"),
        pytest.param(["inspect", APP_1], [APP.digest], id="inspect"),
        pytest.param(["prune", "--dry-run", "--drop", "tag:1"], [APP.digest], id="prune-dry-run"),
        pytest.param(
            ["clean", "--dry-run"], sorted([TOOL.digest, APP.digest]), id="clean-dry-run"
        ),
        pytest.param(["find-root", BASE.digest], [APP.digest, TOOL.digest], id="find-root"),
        pytest.param(["rm", "--dry-run", APP_1], [APP.digest], id="rm-dry-run"),
        pytest.param(["rm", APP_1, TOOL_2], [APP.digest, TOOL.digest], id="rm"),
        pytest.param(["show", APP_1], [APP.digest], id="show"),
        pytest.param(["why", BASE.digest], [APP.digest, TOOL.digest], id="why"),
        pytest.param(["validate"], [], id="validate"),
        pytest.param(["verify"], [], id="verify"),
    ],
)
def test_quiet_prints_digests_and_nothing_else(
    run: Run, populated: build.Tree, command: list[str], expected: list[str]
) -> None:
    done = run(populated.path, *command, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == expected


@pytest.mark.parametrize("command", ["ls", "query refs show digest", "ls sort -size"])
def test_the_short_form_of_quiet_is_the_long_one(
    run: Run, populated: build.Tree, command: str
) -> None:
    long = run(populated.path, *command.split(), "--quiet")
    short = run(populated.path, *command.split(), "-q")
    assert (short.code, short.out) == (0, long.out)
    assert len(short.out.splitlines()) == 2


def test_a_word_of_a_query_with_a_dash_is_no_option(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "ls", "sort", "-quiet")
    assert done.code == 2
    assert "quiet" in done.err


def test_a_quiet_tree_lists_each_blob_once(run: Run, populated: build.Tree) -> None:
    digests = run(populated.path, "tree", APP_1, "-q").out.splitlines()
    assert digests[0] == APP.digest
    assert sorted(digests) == sorted(APP.digests)


HOSTILE = {
    "escape": "evil\x1b]0;owned\x07\x1b[31m:1",
    "c1": "evil\x9b31m:1",
    "lines": "evil\nsecond line\r\x0b:1",
    "right-to-left": "evil\u202egnp.exe:1",
    "invisible": "evil\u200b\ufeff\u00ad:1",
    "line-separator": "evil\u2028\u2029:1",
    "private": "evil\ue000\U000e0001:1",
}
FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)"]


@pytest.fixture(params=HOSTILE)
def hostile(tree: build.Tree, request: pytest.FixtureRequest) -> tuple[build.Tree, str]:
    """A cache in which a name, a label and an annotation want to drive the terminal."""
    name = HOSTILE[request.param]
    tree.add(build.image(labels={name: name}, env=[f"A={name}"], cmd=[name]), name)
    return tree, name


def test_no_text_from_outside_drives_the_terminal(
    run: Run, hostile: tuple[build.Tree, str]
) -> None:
    tree, name = hostile
    (entry,) = tree.entries()
    for command in (
        *(["ls", "--format", form] for form in tables.Format),
        ["du"], ["validate"], ["show", entry["digest"]], ["show", name, "--format", "json"],
        ["find-root", name], ["why", entry["digest"]], ["tree", name], ["query", "refs"],
        ["rm", "--dry-run", name],
    ):  # fmt: skip
        done = run(tree.path, *command)
        for line in (done.out + done.err).split("\n"):
            assert line.isprintable(), command


def test_json_gives_a_name_back_as_it_is(run: Run, hostile: tuple[build.Tree, str]) -> None:
    tree, name = hostile
    assert json.loads(run(tree.path, "ls", "--format", "json").out)[0]["name"] == name


@pytest.mark.parametrize("name", FORMULAS)
def test_a_spreadsheet_finds_no_formula(run: Run, tree: build.Tree, name: str) -> None:
    tree.add(TOOL, name)
    (row,) = as_csv(run(tree.path, "ls", "--format", "csv").out)
    assert row["name"] == f"'{name}"


def test_an_image_without_a_name_is_shown_as_such(run: Run, tree: build.Tree) -> None:
    tree.add(TOOL)
    assert "<none>" in run(tree.path, "ls").out
    assert "<none>" in run(tree.path, "du").out
    assert json.loads(run(tree.path, "ls", "--format", "json").out)[0]["name"] is None
    assert json.loads(run(tree.path, "du", "--format", "json").out)["images"][0]["names"] == [None]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**16, "10.0 PB")],
    ids=str,
)
def test_sizes_are_written_in_powers_of_1000(value: int, text: str) -> None:
    assert output.size(value) == text


@pytest.mark.parametrize("where", [(), ("tag:2",)])
def test_ls_chooses_columns_under_the_names_of_its_header(
    run: Run, populated: build.Tree, where: tuple[str, ...]
) -> None:
    told = succeed(run, populated.path, "ls", *where, "--columns", "STATE,platforms,name")
    head, *rows = told.splitlines()

    assert head.split() == ["STATE", "PLATFORMS", "NAME"]
    assert rows[-1 if where else 0].split()[2].endswith(":2")
    words = ("ls", *where, "--columns", "name,size", "--format", "json")
    assert [list(row) for row in json.loads(succeed(run, populated.path, *words))] == [
        ["name", "size"]
    ] * len(rows)
    mixed = succeed(run, populated.path, "ls", *where, "--columns", "name,registry")
    assert mixed.splitlines()[0].split() == ["NAME", "REGISTRY"]
