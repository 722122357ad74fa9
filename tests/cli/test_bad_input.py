"""Bad input: one clear line, the exit code of its family, nothing lost or half-written."""

import json
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.catalog.enums import SCHEMA_VERSION
from tests import build
from tests.cli import snapshot
from tests.cli.conftest import Run
from tests.conftest import APP, TOOL

Prepare = Callable[[build.Tree], object]


@dataclass(frozen=True)
class Case:
    """A command on a cache to which something was done, and what it has to end with."""

    arguments: str
    code: int
    says: str
    hint: str = ""
    prepare: Prepare = field(default=lambda _tree: None)


def row(name: str, *args: object, **kwargs: object) -> object:
    return pytest.param(Case(*args, **kwargs), id=name)  # type: ignore[arg-type]


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port at which no server listens, and none can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def twice(tree: build.Tree) -> None:
    """Give one name to two images, as tools that do not look do."""
    entries = tree.entries()
    entries[1]["annotations"] = entries[0]["annotations"]
    tree.write_entries(entries)


def cut_archive(tree: build.Tree) -> None:
    archive = build.archive({"new:1": build.image(build.layer({"n": "n"}))})
    (tree.path.parent / "cut.tar").write_bytes(archive[:4000])


def newer(tree: build.Tree) -> None:
    """Mark the catalog as one that a later version has written."""
    with Cache.open(tree.path):
        pass
    connection = sqlite3.connect(tree.path / ".cachedb" / "index.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()


APP_1, TOOL_2 = "example.com/app:1", "docker.io/library/tool:2"
AMD64 = json.loads(APP.root.content)["manifests"][0]["digest"]
VALIDATION_FAILED = 8  # where a listing of what was found comes first
NOT_THERE = f"sha256:{'a' * 64}"

CASES = [
    row("unknown-name", "show nothing-like-it", 3, "no such reference: 'nothing-like-it'"),
    row("nearly-a-name", "show toll:2", 3, "no such reference: 'toll:2'",
        f"did you mean {TOOL_2}?"),
    row("unknown-digest", f"tree {NOT_THERE}", 3, f"blob {NOT_THERE} is not in the cache"),
    row("unknown-name-to-remove", f"rm --strict {TOOL_2} nothing", 3,
        "no such reference: 'nothing'"),
    row("a-name-for-two", f"show {APP_1}", 3, f"'{APP_1}' is the name of 2 images",
        "choose one: ", prepare=twice),
    row("a-blob-to-remove", f"rm {TOOL.config.digest}", 2,
        "is a blob without an entry in index.json", "cachedb gc removes unreferenced blobs"),
    row("no-reference", "pull a:b:c", 2, "invalid reference 'a:b:c': "),
    row("no-platform", "pull --platform linux/arm64/v8/x app", 2,
        "invalid platform 'linux/arm64/v8/x': ", "linux/arm64/v8"),
    row("no-platform-to-validate", "validate --platform ?", 2, "invalid platform '?': "),
    row("no-duration", "gc --grace soon", 2, "invalid duration 'soon'", "write 90s, 30min, 1h"),
    row("no-duration-without-unit", "gc --grace 10", 2, "invalid duration '10'"),
    row("no-archive-there", "import ../nothing.tar", 9,
        "cannot read '../nothing.tar': no such file or directory"),
    row("no-archive", "import index.json", 2, "index.json: "),
    row("half-an-archive", "import ../cut.tar", 2, "../cut.tar: ", prepare=cut_archive),
    row("a-registry-that-is-down", "pull 127.0.0.1:PORT/app", 7,
        "no response from 'http://127.0.0.1:"),
    row("a-layer-is-missing", f"validate {TOOL_2}", 8, f"findings in 1 of 1 image: '{TOOL_2}'",
        prepare=lambda tree: tree.delete(TOOL.layers[1].digest)),
    row("a-manifest-is-missing", "validate", 8, f"findings in 1 of 2 images: '{TOOL_2}'",
        prepare=lambda tree: tree.delete(TOOL.digest)),
    row("a-byte-is-wrong", "verify", 8, "corrupt or missing: 1 blob",
        prepare=lambda tree: tree.flip(TOOL.layers[1].digest)),
    row("a-platform-never-built", f"validate -p linux/s390x {APP_1}", 8, "findings in 1 of 1"),
    row("gc-with-a-broken-index", "gc --grace 0", 4,
        f"refusing to collect: blobs/sha256/{APP.digest[7:]} is reachable and cannot be read: ",
        "cachedb verify --repair", prepare=lambda tree: tree.truncate(APP.digest)),
    row("gc-with-a-broken-manifest", "gc --grace 0", 4, f"blobs/sha256/{AMD64[7:]} is reachable",
        prepare=lambda tree: tree.flip(AMD64)),
    row("gc-with-an-unreadable-entry", "gc --grace 0", 4,
        "refusing to collect: index.json is reachable and cannot be read: manifests[2]",
        prepare=lambda tree: tree.write_entries([*tree.entries(), {"digest": "md5:x"}])),
    row("nearly-a-command", "qurey refs", 2, "no such command: 'qurey'", "did you mean query?"),
    row("a-command-of-others", "list", 2, "no such command: 'list'", "cachedb ls"),
    row("no-command", "frobnicate", 2, "no such command: 'frobnicate'", "cachedb --help"),
    row("nearly-an-option", "gc --garce 0", 2, "no such option: '--garce'",
        "did you mean --grace?"),
    row("nearly-an-option-before-a-command", "--cach x ls", 2, "no such option: '--cach'",
        "did you mean --cache?"),
    row("nearly-an-option-beside-a-query", "ls --fromat=json", 2, "no such option: '--fromat'",
        "did you mean --format?"),
    row("no-option", "gc --frobnicate", 2, "no such option: '--frobnicate'", "cachedb"),
    row("no-option-of-them-all", "--frobnicate ls", 2, "no such option: '--frobnicate'",
        "cachedb --help"),
    row("an-option-without-its-value", "du --where", 2, "option '--where' requires an argument",
        "cachedb --help"),
    row("too-little", "show", 2, "missing argument 'NAME'", "cachedb show --help"),
    row("too-much", "gc everything", 2, "unexpected extra argument", "cachedb gc --help"),
    row("no-choice", f"export {APP_1} --format tar -o ../x.tar", 2,
        "invalid value for '--format': 'tar' is none of", "for the archive, one of"),
    row("no-format", "ls --format xml", 2, "invalid value for '--format': 'xml' is none of table,",
        "cachedb ls --help"),
    row("no-number-of-jobs", "pull --jobs 0 app", 2, "invalid value for '--jobs'",
        "cachedb pull --help"),
    row("a-newer-catalog", "ls", 6, f"the catalog has schema 99 and this cachedb knows "
        f"{SCHEMA_VERSION}", "use the newer cachedb", prepare=newer),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_in_a_line_and_changes_nothing(
    run: Run,
    populated: build.Tree,
    case: Case,
    dead_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case.prepare(populated)
    monkeypatch.chdir(populated.path)
    before = snapshot.of(populated.path)

    done = run(populated.path, *case.arguments.replace("PORT", str(dead_port)).split())

    *_, message = (line for line in done.err.splitlines() if not line.startswith("hint: "))
    assert message.startswith("cachedb: ")
    assert case.says in message
    assert f"hint: {case.hint}" in done.err or not case.hint
    told = [line for line in done.err.splitlines() if not line.startswith("unreadable entry ")]
    assert len(told) <= 2 or done.code == VALIDATION_FAILED
    assert done.code == case.code
    assert snapshot.of(populated.path) == before


def missing(path: Path) -> None:
    """Leave nothing at that path."""


def a_file(path: Path) -> None:
    path.write_text("no folder")


def other_files(path: Path) -> None:
    path.mkdir()
    (path / "precious").write_text("not ours")


def no_names(path: Path) -> None:
    build.layout(path, {"app": APP})
    (path / "index.json").unlink()


def no_json(path: Path) -> None:
    build.layout(path, {"app": APP}).write_index('{"schemaVersion": 2, "manif')


def empty_names(path: Path) -> None:
    build.layout(path, {"app": APP}).write_index("")


def no_index(path: Path) -> None:
    build.layout(path, {"app": APP}).write_index('["a", "list"]')


def names_in_a_folder(path: Path) -> None:
    no_names(path)
    (path / "index.json").mkdir()


def names_in_a_pipe(path: Path) -> None:
    no_names(path)
    os.mkfifo(path / "index.json")


def other_version(path: Path) -> None:
    build.layout(path, {"app": APP})
    (path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')


NO_LAYOUTS = [
    pytest.param(missing, 3, "no such directory", id="nothing"),
    pytest.param(a_file, 4, "it is not a directory", id="a-file"),
    pytest.param(other_files, 4, "it has no index.json", id="other-files"),
    pytest.param(no_names, 4, "it has no index.json", id="no-index-json"),
    pytest.param(no_json, 4, "index.json: ", id="cut-index-json"),
    pytest.param(empty_names, 4, "index.json: ", id="empty-index-json"),
    pytest.param(no_index, 4, "index.json: ", id="index-json-is-a-list"),
    pytest.param(names_in_a_folder, 4, "it is not a regular file", id="index-json-is-a-folder"),
    pytest.param(names_in_a_pipe, 4, "it is not a regular file", id="index-json-is-a-pipe"),
    pytest.param(other_version, 4, "oci-layout: ", id="layout-of-version-2"),
]


@pytest.mark.parametrize(("make", "code", "says"), NO_LAYOUTS)
def test_what_is_no_layout_is_told_and_left_alone(
    run: Run, tmp_path: Path, make: Callable[[Path], None], code: int, says: str
) -> None:
    make(tmp_path / "cache")
    before = snapshot.of(tmp_path)
    done = run(tmp_path / "cache", "ls")
    assert done.code == code
    assert done.out == ""
    assert done.err.startswith("cachedb: ")
    assert says in done.err.splitlines()[0]
    assert snapshot.of(tmp_path) == before


@pytest.mark.parametrize("make", [a_file, other_files, no_names], ids=lambda make: make.__name__)
def test_no_cache_is_made_where_something_else_is(
    run: Run, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "cache")
    archive = tmp_path / "new.tar"
    archive.write_bytes(build.archive({"new:1": TOOL}))
    before = snapshot.of(tmp_path)
    done = run(tmp_path / "cache", "import", archive)
    assert done.code in {4, 9}
    told, *hints = done.err.splitlines()
    assert told.startswith("cachedb: ")
    assert [hint.partition(":")[0] for hint in hints] in ([], ["hint"])
    assert snapshot.of(tmp_path) == before


def test_missing_children_leave_what_is_there_to_be_used(run: Run, populated: build.Tree) -> None:
    lost = json.loads(populated.blob_path(AMD64).read_bytes())["layers"][1]["digest"]
    populated.delete(lost)
    listed = {row["name"]: row["state"] for row in json.loads(
        run(populated.path, "ls", "--format", "json").out)}  # fmt: skip
    assert listed == {APP_1: "broken", TOOL_2: "complete"}
    assert "MISSING" in run(populated.path, "tree", APP_1).out
    assert run(populated.path, "gc", "--grace", "0").code == 0
    assert populated.blobs() == (APP.digests | TOOL.digests) - {lost}


def test_what_a_failed_import_has_staged_goes_with_the_next_gc(
    run: Run, populated: build.Tree
) -> None:
    cut_archive(populated)
    assert run(populated.path, "import", populated.path.parent / "cut.tar").code == 2
    assert list((populated.path / ".cachedb" / "ingest").iterdir())
    assert run(populated.path, "gc").code == 0
    assert not list((populated.path / ".cachedb" / "ingest").iterdir())


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ("--error-format json qurey", {}),
        ("ls --error-format=json --fromat json", {}),
        ("pull", {"CACHEDB_ERROR_FORMAT": "json"}),
    ],
)
def test_what_is_typed_wrong_is_told_in_the_format_that_was_asked_for(
    run: Run,
    populated: build.Tree,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = run(populated.path, *arguments.split())
    assert (done.code, done.out) == (2, "")
    facts = json.loads(done.err)
    assert (facts["kind"], facts["exit_code"]) == ("InvalidInput", 2)


def test_a_bad_query_is_pointed_at(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "query", "refs", "aarch:arm64")
    assert done.code == 2
    assert done.out == ""
    message, _, text, mark, hint, *_ = done.err.splitlines()
    assert message.startswith("error: ")
    assert text.index("aarch") == mark.index("^")
    assert "arch" in hint


def test_names_from_outside_are_escaped_in_errors(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "show", "\x1b[31mred\x1b[0m\n\u202e")
    assert done.code == 3
    assert done.err == "cachedb: no such reference: '\\x1b[31mred\\x1b[0m\\n\\u202e'\n"


def test_a_missing_choice_is_one_line_with_the_choices(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "cache")
    assert done.code == 2
    assert "missing argument" in done.err
    assert "Choose from: dir\n" in done.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("push app 127.0.0.1:1/x/app:1", "cachedb push app --remote-name 127.0.0.1:1/x/app:1"),
        ("push app docker://host/x:1", "cachedb push app --remote-name host/x:1"),
        ("export app app.tar", "cachedb export [NAME]... -o FILE"),
        ("save --output app.tar app", "cachedb export [NAME]... -o FILE"),
        ("load -i app.tar", "cachedb import FILE"),
        ("import --input app.tar", "cachedb import FILE"),
        ("pull docker://host/x:1", "without the transport: host/x:1"),
        (
            "copy oci:layout:app host/x:1",
            "cachedb import FILE reads archives and layouts; names have no transport",
        ),
        ("pull --all-tags app", "cachedb sync FILE"),
        ("rm -f app", "cachedb rm --yes"),
        ("prune -f", "cachedb prune --yes"),
        ("gc --delete-untagged", "cachedb gc --drop is:untagged"),
        ("ls --digests", "cachedb ls --columns NAME,DIGEST"),
        ("images --filter dangling=true", "cachedb ls --where QUERY"),
        ("cat app /etc/os-release", "cachedb cat NAME:PATH"),
        ("copy a b c", "cachedb copy SOURCE TARGET"),
        ("system df", "cachedb du"),
        ("manifest app", "cachedb inspect --raw"),
        ("version", "cachedb --version"),
        ("login host", "skopeo login REGISTRY"),
        ("inspect app --format {{.Digest}}", "cachedb inspect --help"),
        ("ls --format {{.Repository}}:{{.Tag}}", "cachedb ls --help"),
    ],
)  # fmt: skip
def test_words_of_other_tools_are_hinted(
    run: Run, tree: build.Tree, typed: str, hint: str
) -> None:
    tree.add(build.image(build.layer({"a": "1"})), "example.com/app:1")

    done = run(tree.path, *typed.split())

    assert done.code in {2, 3}, done.err
    assert done.err.splitlines()[-1] == f"hint: {hint}"


@pytest.mark.parametrize("form", ["{{.Digest}}", "{{json .}}", "{{- .Name }}"])
def test_a_template_of_go_is_refused(run: Run, tree: build.Tree, form: str) -> None:
    done = run(tree.path, "ls", "--format", form)

    assert (done.code, done.out) == (2, "")
    assert "is a template of Go: write '{digest}' for a field" in done.err
