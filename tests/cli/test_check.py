"""``cachedb check``: rules, findings, exit codes, and the formats of CI systems."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from cachedb.operations.report import rules
from tests import attested, build, report_caches
from tests.cli.conftest import Run, succeed

APP = build.index(build.image(build.layer({"a": "1"})), build.image(arch="arm64", variant="v8"))
SIGNED = "example.com/signed:1.0"
LATEST = "example.com/tool:latest"
RULES = """
[params]
registry = "example.org"

[rules.no-latest]
query = "refs tag:latest"
message = "{name} moves, with {size} bytes"
help = "Use a version."

[rules.from-here]
query = "refs not registry:$registry"
severity = "warning"

[rules.something]
query = "refs"
expect = "some"
severity = "note"

[rules.two]
query = "refs"
expect = "5.."
severity = "note"
message = "{count} are too few"
"""


@pytest.fixture
def cache(tree: build.Tree) -> Path:
    tree.add(APP, "example.com/app:1.0")
    tree.add(build.image(), LATEST)
    return tree.path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def in_json(run: Run, cache: Path, file: Path, *words: object) -> dict[str, Any]:
    text = run(cache, "check", file, *words, "--format", "json").out
    return {rule["name"]: rule for rule in json.loads(text)["rules"]}


def test_findings_are_listed_and_end_with_code_8(run: Run, cache: Path, file: Path) -> None:
    done = run(cache, "check", file, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out), strict=True))
    assert done.code == 8
    assert [(row["severity"], row["rule"], row["subject"]) for row in rows] == [
        ("error", "no-latest", LATEST),
        ("warning", "from-here", "example.com/app:1.0"),
        ("warning", "from-here", LATEST),
        ("note", "two", ""),
    ]
    assert re.fullmatch(rf"{LATEST} moves, with \d+ bytes", rows[0]["message"])
    assert rows[3]["message"] == "2 are too few"
    assert done.err == "cachedb: findings of 2 of 4 rules: no-latest, from-here\n"


def test_json_has_every_rule_with_its_count(run: Run, cache: Path, file: Path) -> None:
    found = in_json(run, cache, file)
    assert {name: (rule["passed"], rule["count"]) for name, rule in found.items()} == {
        "no-latest": (False, 1), "from-here": (False, 2),
        "something": (True, 2), "two": (False, 2),
    }  # fmt: skip
    assert found["no-latest"]["help"] == "Use a version."


@pytest.mark.parametrize(
    ("level", "query", "code"),
    [
        pytest.param("note", "refs tag:nothing", 8, id="the-note-fails"),
        pytest.param("warning", "refs tag:nothing", 0, id="notes-pass"),
        pytest.param("error", "refs", 8, id="the-error-fails"),
    ],
)
def test_the_least_severity_that_fails_can_be_chosen(
    run: Run, cache: Path, tmp_path: Path, level: str, query: str, code: int
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        f'[rules.one]\nquery = "{query}"\n[rules.two]\nquery = "refs"\nseverity = "note"\n'
    )
    assert run(cache, "check", path, "--fail-on", level).code == code


def test_a_parameter_of_the_command_line_wins(run: Run, cache: Path, file: Path) -> None:
    found = in_json(run, cache, file, "--param", "registry=example.com")
    assert found["from-here"]["passed"]


def test_saved_queries_can_be_used(run: Run, cache: Path, tmp_path: Path) -> None:
    succeed(run, cache, "query", "--save", "moving", "refs", "tag:latest")
    path = tmp_path / "rules.toml"
    path.write_text('[rules.moving]\nquery = "refs @moving"\n')
    assert in_json(run, cache, path)["moving"]["count"] == 1


@pytest.mark.parametrize(
    ("expect", "passes"),
    [
        ('"none"', False), ('"some"', True), ("2", True), ('"2"', True), ("3", False),
        ('"1..2"', True), ('"..1"', False), ('"..2"', True), ('"3.."', False), ("0", False),
    ],
)  # fmt: skip
def test_an_expectation_is_a_word_a_number_or_a_range(
    run: Run, cache: Path, tmp_path: Path, expect: str, passes: bool
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f'[rules.refs]\nquery = "refs"\nexpect = {expect}\n')
    assert in_json(run, cache, path)["refs"]["passed"] == passes


def test_junit_has_the_shape_that_ci_systems_read(run: Run, cache: Path, file: Path) -> None:
    """Elements and attributes of the schema junit-10.xsd of Jenkins' xUnit plugin."""
    root = ET.fromstring(run(cache, "check", file, "--format", "junit").out)
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    assert {"name", "tests", "failures", "errors", "skipped", "time"} == set(suite.attrib)
    cases = list(suite)
    assert (suite.get("tests"), suite.get("failures")) == (str(len(cases)), "2")
    for case in cases:
        assert case.tag == "testcase"
        assert set(case.attrib) == {"classname", "name", "time"}
        for child in case:
            assert child.tag in {"failure", "system-out"}
            assert child.tag != "failure" or set(child.attrib) == {"type", "message"}
    failing = {case.get("name") for case in cases if case.find("failure") is not None}
    assert failing == {"no-latest", "from-here"}
    failure = suite.find("testcase[@name='no-latest']/failure")
    assert failure is not None
    assert LATEST in (failure.text or "")


def test_sarif_has_what_the_standard_requires(run: Run, cache: Path, file: Path) -> None:
    """Required properties of SARIF 2.1.0 (OASIS), and those that GitHub code scanning needs."""
    log = json.loads(run(cache, "check", file, "--format", "sarif").out)
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (scan,) = log["runs"]  # 3.13.4
    driver = scan["tool"]["driver"]  # 3.14.6, 3.18.2
    assert driver["name"] == "cachedb"  # 3.19.8
    names = [rule["id"] for rule in driver["rules"]]  # 3.49.3
    assert names == ["no-latest", "from-here", "something", "two"]
    assert len(scan["results"]) == 4
    for result in scan["results"]:
        assert result["message"]["text"]  # 3.27.11, 3.11.8
        assert result["level"] in {"error", "warning", "note"}  # 3.27.10
        assert names[result["ruleIndex"]] == result["ruleId"]  # 3.27.6
        (location,) = result["locations"]  # 3.27.12
        physical = location["physicalLocation"]  # 3.28.3
        line = physical["region"]["startLine"]  # 3.30.5
        assert file.read_text().splitlines()[line - 1] == f"[rules.{result['ruleId']}]"
        assert physical["artifactLocation"]["uri"]  # 3.4.3
        assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["finding/v1"])
    assert len({r["partialFingerprints"]["finding/v1"] for r in scan["results"]}) == 4


def test_github_annotations_are_a_command_a_line(run: Run, cache: Path, file: Path) -> None:
    lines = run(cache, "check", file, "--format", "github").out.splitlines()
    assert len(lines) == 4
    pattern = re.compile(r"::(error|warning|notice) file=([^,:]+),line=(\d+),title=([^,:]+)::(.+)")
    found = [pattern.fullmatch(line) for line in lines]
    assert [match and match[1] for match in found] == ["error", "warning", "warning", "notice"]


@pytest.mark.parametrize("form", ["junit", "sarif", "github", "json", "csv", "table"])
def test_hostile_names_break_no_format(
    run: Run, tree: build.Tree, tmp_path: Path, form: str
) -> None:
    report_caches.hostile(tree)
    tree.add(build.image(build.layer({"x": "y"})), "a\n::error::injected\x1b[31m ]]> & <b>")
    path = tmp_path / "rules.toml"
    path.write_text('[rules.all]\nquery = "refs"\nmessage = "{name}"\n')
    done = run(tree.path, "check", path, "--format", form)
    assert done.code == 8
    assert all(c.isprintable() or c == "\n" for c in done.out)
    if form == "junit":
        failure = ET.fromstring(done.out).find("testsuite/testcase/failure")
        assert failure is not None
        assert "<script>" in (failure.text or "")
    elif form == "github":
        assert all(line.startswith("::error file=") for line in done.out.splitlines())
    elif form in {"sarif", "json"}:
        json.loads(done.out)


def test_results_are_written_to_a_file_and_not_to_stdout(
    run: Run, cache: Path, file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.sarif"
    done = run(cache, "check", file, "--format", "sarif", "--outfile", target)
    assert (done.code, done.out) == (8, "")
    assert json.loads(target.read_text())["version"] == "2.1.0"


def test_every_example_rule_finds_what_it_is_about_on_a_real_cache(
    run: Run, tree: build.Tree, tmp_path: Path
) -> None:
    amd64 = build.image(build.layer({"a": "1"}), labels={"a": "b"})
    tree.add(amd64, "registry.invalid/app:1.0")
    tree.add(APP, LATEST)
    tree.add(build.index(build.image(declared=build.platform_of("arm64"))), "example.com/wrong:1")
    broken = build.image(build.layer({"gone": "1"}))
    tree.add(broken, "example.com/broken:2.0")
    tree.blob_path(broken.layers[0].digest).unlink()
    old = build.image(build.layer({"old": "1"}))
    packages = [attested.package("openssl", "1.1.1-1", licenseDeclared="AGPL-3.0-only")]
    document = attested.blob({**attested.spdx(), "packages": packages}, build.SPDX)
    tree.add(old, "example.com/old:1")
    tree.add(attested.referrer(old, document), "example.com/old-sbom:1")
    path = tmp_path / "rules.toml"
    path.write_text(succeed(run, tree.path, "check", "--example"))
    found = in_json(run, tree.path, path)
    assert len(found) >= 10
    failing = {name for name, rule in found.items() if not rule["passed"]}
    assert failing >= {
        "release-platforms", "no-latest", "registries", "signed", "complete",
        "platform-mismatch", "sbom", "old-images", "openssl", "licenses",
    }  # fmt: skip


def test_example_rules_pass_on_an_empty_cache(run: Run, tree: build.Tree, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules.example())
    assert run(tree.path, "check", path).code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("rules = 1", "no table of rules", id="no-table"),
        pytest.param("", "no table of rules", id="empty"),
        pytest.param("[rules]", "no rules", id="no-rules"),
        pytest.param("x = ", "Invalid value", id="no-toml"),
        pytest.param(
            "version = 2\n[rules.a]\nquery='refs'", "unsupported version 2", id="version"
        ),
        pytest.param("[rules.a]", "rule 'a': no query", id="no-query"),
        pytest.param("[rules.a]\nquery = 1", "rule 'a': query is not a text", id="number"),
        pytest.param("[rules.A]\nquery='refs'", "rule 'A': invalid name", id="name"),
        pytest.param("[rules.a]\nquery='refs'\nx=1", "unknown key 'x'", id="key"),
        pytest.param("y=1\n[rules.a]\nquery='refs'", "unknown key 'y'", id="top-key"),
        pytest.param("[rules.a]\nquery='refs'\nexpect='many'", "expectation 'many'", id="expect"),
        pytest.param("[rules.a]\nquery='refs'\nexpect='3..1'", "3 is more than 1", id="range"),
        pytest.param("[rules.a]\nquery='refs'\nexpect=true", "expectation True", id="bool"),
        pytest.param("[rules.a]\nquery='refs'\nseverity='bad'", "severity 'bad'", id="severity"),
        pytest.param("[rules.a]\nquery='refs'\nmessage='{'", "rule 'a': message", id="brace"),
        pytest.param("[rules.a]\nquery='refs'\nmessage='{name.x!r}'", "a field is", id="field"),
        pytest.param(
            "[rules.a]\nquery='refs'\nexpect='some'\nmessage='{name}'", "{name}", id="of-many"
        ),
        pytest.param("[rules.a]\nquery='refs arhc:arm64'", "rule 'a': ", id="query"),
        pytest.param("[rules.a]\nquery='refs tag:$x'", "rule 'a': ", id="parameter"),
        pytest.param("[rules.a]\nquery='refs'\nmessage='{weight}'", "rule 'a': ", id="column"),
        pytest.param(
            "[params]\na=1\n[rules.a]\nquery='refs'", "params.a is not a text", id="param"
        ),
    ],
)
def test_a_wrong_rule_file_is_refused_in_one_line(
    run: Run, cache: Path, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    done = run(cache, "check", path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[0]
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param([], 2, "no rule file", id="none"),
        pytest.param(["no.toml"], 9, "no.toml", id="missing"),
        pytest.param(["rules.toml", "--fail-on", "bad"], 2, "severity 'bad'", id="fail-on"),
        pytest.param(["rules.toml", "--param", "x=1"], 2, "no rule has", id="unused-param"),
        pytest.param(["rules.toml", "--format", "csv", "-o", "x"], 2, "--outfile", id="csv-file"),
        pytest.param(
            ["rules.toml", "--format", "json", "-o", "cache/index.json"],
            2,
            "inside",
            id="in-cache",
        ),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    run: Run, cache: Path, file: Path, monkeypatch: pytest.MonkeyPatch,
    words: list[str], code: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(file.parent)
    done = run(cache, "check", *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err.splitlines()[0]
