"""--format of every command: JSON and JSON lines everywhere, CSV where its help offers it."""

import csv
import io
import json
import re

import pytest

from cachedb.cli.app import _COMMANDS
from tests.cli.command_lines import Place
from tests.cli.conftest import Run

CHANGING = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.+Z]+|/pushed-\d+:")
NESTED = {"index", "show", "tree"}
"""Commands that print one object, which is one line of JSON lines."""
SUMMED = {"diff": ("config", "packages", "files"), "waste": ("images", "duplicates")}
"""Commands whose JSON has several lists, and whose JSON lines have them behind each other."""


def help_of_format(run: Run, place: Place, command: str) -> str:
    text = run(place.folder, command, "--help").out
    found = re.search(r"--format (.*?)\n +-(?!-format)", text, re.DOTALL)
    assert found is not None
    return " ".join(found[1].split())


def lines_of(text: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(each, dict) for each in found)
    return found


@pytest.mark.parametrize("command", [name for name in _COMMANDS if name != "cat"])
def test_every_command_prints_json_and_the_same_as_json_lines(
    run: Run, place: Place, command: str
) -> None:
    whole = place.run(run, command, options_behind=["--format", "json"])
    place.renew()
    lines = place.run(run, command, options_behind=["--format", "jsonl"])

    assert (whole.code, lines.code) == (0, 0), (whole.err, lines.err)
    found = json.loads(CHANGING.sub("", whole.out))
    listed = lines_of(CHANGING.sub("", lines.out))
    if command in NESTED:
        expected = [found]
    elif command in SUMMED:
        assert [line for line in listed[:-1] if "kind" not in line] == []
        listed = [{k: v for k, v in line.items() if k != "kind"} for line in listed]
        expected = [each for key in SUMMED[command] for each in found[key]]
        rest = {k: v for k, v in found.items() if k not in {*SUMMED[command], "totals"}}
        totals = found["totals"]
        expected.append({"summary": {**rest, "totals": totals} if rest else totals})
    elif command == "check":
        expected = [each for rule in found["rules"] for each in rule["findings"]]
    elif command in {"du", "inspect", "report"}:
        rows = found["manifests" if command == "inspect" else "images"]
        key = "digests" if command == "report" else "digest"
        assert [line[key] for line in listed][: len(rows)] == [row[key] for row in rows]
        return
    elif isinstance(found, dict):
        assert list(found) == ["items", "summary"]
        expected = [*found["items"], {"summary": found["summary"]}]
    else:
        expected = found
    assert listed == expected


@pytest.mark.parametrize("command", _COMMANDS)
def test_csv_is_offered_where_it_works(run: Run, place: Place, command: str) -> None:
    stated = help_of_format(run, place, command)
    done = place.run(run, command, options_behind=["--format", "csv"])

    assert (done.code == 0) is ("csv" in stated), (stated, done.err)
    if done.code:
        assert (done.code, done.out) == (2, "")
    else:
        rows = list(csv.reader(io.StringIO(done.out), strict=True))
        assert len({len(row) for row in rows}) <= 1


def test_cat_has_no_format(run: Run, place: Place) -> None:
    assert "Refused" in help_of_format(run, place, "cat")
    for form in ("json", "jsonl"):
        done = place.run(run, "cat", options_behind=["--format", form])
        assert (done.code, done.out) == (2, "")
        assert "--format json prints what is known of a file" in done.err
