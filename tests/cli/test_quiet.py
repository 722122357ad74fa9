"""The rule of --quiet, asked of every command: digests, one a line, or what its help states."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS
from tests import build
from tests.cli.command_lines import LINES, ORPHAN, TOOL_NAME, Place
from tests.cli.conftest import Run
from tests.conftest import APP, BASE, TOOL

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "output.md"
PROGRAM = Path(sys.executable).with_name("cachedb")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SILENT = "Print errors only."
FINDINGS = "Suppress progress; print digests of what has findings only."
STATED = {
    "cache": "Suppress messages; print the requested value only.",
    "cat": "Suppress messages; print the requested value only.",
    "check": SILENT,
    "config": "Print errors only; `get` and `path` print the value.",
    "diff": "Print nothing; implies --exit-code.",
    "doctor": SILENT,
    "files": "Print paths only.",
    "fleet": "Suppress messages; `list` prints names only.",
    "log": SILENT,
    "ls": "Suppress headers; print digests only, or the first column that QUERY shows.",
    "policy": "Suppress messages; `apply` prints digests only, `show` the policy.",
    "query": "Suppress headers; print digests only, or the first column that QUERY shows.",
    "sample": SILENT,
    "sync": "Suppress progress; print digests only, of --dry-run references.",
    "tags": "Print tags only.",
    "validate": FINDINGS,
    "verify": FINDINGS,
}
"""Help of --quiet of the commands that print something else than the digests of all items."""


def help_of_quiet(run: Run, folder: Path, command: str) -> str:
    """Return the help of --quiet of a command, on one line."""
    text = run(folder, command, "--help").out
    found = re.search(r"-q, --quiet +(.*?)\n  (?:-|\S)", text, re.DOTALL)
    assert found is not None
    return " ".join(found[1].replace("-\n", "-").split()).replace("--dry- ", "--dry-")


def test_every_command_has_a_line() -> None:
    assert LINES.keys() == set(_COMMANDS)


@pytest.mark.parametrize("command", _COMMANDS)
def test_quiet_prints_digests_or_what_the_help_states(
    run: Run, place: Place, command: str
) -> None:
    done = place.run(run, command, options_behind=["--quiet"])
    stated = help_of_quiet(run, place.folder, command)
    expected = [line.replace("CACHE", str(place.cache)) for line in LINES[command].quiet]

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == expected
    assert stated == STATED.get(command, "Suppress progress; print digests only.")
    if stated == SILENT:
        assert not expected
    elif command not in {"cache", "cat", "files", "fleet", "tags"}:
        assert all(map(DIGEST.fullmatch, expected))


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("command", ["du", "gc", "index", "report", "rm", "sample", "waste"])
def test_quiet_wins_over_the_format(run: Run, place: Place, command: str, form: str) -> None:
    done = place.run(run, command, options_behind=["--quiet", "--format", form])
    assert (done.code, done.out.splitlines()) == (0, list(LINES[command].quiet))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cache dir --format json", ["CACHE"]),
        ("config path", ["CONFIG"]),
        ("config list --format json", []),
        ("du --group-by registry", []),
        ("du --tree", [APP.digest, TOOL.digest]),
        ("du TOOL --sort names --format json", [TOOL.digest]),
        ("log --format json", []),
        (f"query blobs digest:{ORPHAN.digest} --columns digest,size", [ORPHAN.digest]),
        ("query --check", []),
        ("query --save old refs tag:1", []),
        ("report --section shared_blobs", [BASE.digest]),
        ("report --section ages --format csv", []),
        ("report --format markdown", [APP.digest, TOOL.digest]),
        ("rm --dry-run TOOL absent:1", [TOOL.digest]),
        ("sync --dry-run LIST", ["REMOTE"]),
    ],
)
def test_quiet_with_an_option_follows_the_rule(
    run: Run, place: Place, typed: str, expected: list[str]
) -> None:
    done = run(place.cache, *place.words(typed), "-q")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [place.words(line)[0] for line in expected]


def test_quiet_checks_print_the_digests_of_what_has_findings(run: Run, place: Place) -> None:
    tree = build.Tree(place.cache)
    missing = TOOL.layers[1].digest
    tree.delete(missing)

    for command, digest in (("validate", TOOL.digest), ("verify", missing)):
        done = run(place.cache, command, "--quiet")
        assert (done.code, done.out) == (8, f"{digest}\n")
        assert done.err.startswith("cachedb: ")


def test_a_quiet_export_to_stdout_is_the_archive_alone(place: Place, tmp_path: Path) -> None:
    command = [PROGRAM, "--cache", place.cache, "export", "-q", TOOL_NAME, "-o"]
    subprocess.run([*command, tmp_path / "file.tar"], check=True, capture_output=True)
    done = subprocess.run([*command, "-"], check=True, capture_output=True)

    assert (done.stdout, done.stderr) == ((tmp_path / "file.tar").read_bytes(), b"")


def test_the_page_states_the_rule() -> None:
    page = " ".join(PAGE.read_text().split())
    section = page.partition("## Quiet output")[2].partition(" ## ")[0]
    assert [command for command in STATED if f"`{command}" not in section] == []


def test_a_quiet_export_has_no_remarks(run: Run, tmp_path: Path) -> None:
    image = build.image(build.layer({"etc/a": "1", "etc/.wh.": ""}))
    tree = build.layout(tmp_path / "cache", {"example.com/hidden:1": image})
    asked = ("export", "hidden", "--format", "filesystem", "-o", str(tmp_path / "tree.tar"))

    told, quiet = (run(tree.path, *asked, *more) for more in ((), ("-q", "--force")))

    assert "which hides no file" in told.err
    assert (quiet.code, quiet.err, quiet.out) == (0, "", f"{image.digest}\n")
