"""One grammar for every command: what all of them share, asked of each command of the program."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cli.app import _COMMANDS, _load
from tests import build
from tests.cli.conftest import Run

ONE = "docker.io/library/tool:2"
TWINS = ("docker.io/team/twin:1", "example.com/team/twin:1")
IMAGE = build.image(build.layer({"etc/one": "1"}))
CSV_REFUSED = {"diff", "index", "show", "tree"}

NAMED = {
    "cat": "cat NAME:/etc/one",
    "diff": "diff NAME NAME",
    "du": "du NAME",
    "export": "export NAME -o OUT",
    "files": "files NAME",
    "find-root": "find-root NAME",
    "history": "history NAME",
    "index": "index files NAME",
    "inspect": "inspect NAME",
    "log": None,
    "pin": "pin NAME",
    "pull": None,
    "push": "push NAME --remote-name 127.0.0.1:1/none:1",
    "rm": "rm --dry-run NAME",
    "sbom": "sbom NAME",
    "show": "show NAME",
    "tag": "tag NAME example.com/new:1",
    "tree": "tree NAME",
    "unpin": "unpin NAME",
    "untag": "untag NAME",
    "validate": "validate NAME",
    "verify": "verify NAME",
    "waste": "waste NAME",
    "why": "why NAME",
}
"""A line of each command that takes the name of an image in the cache.

`pull` takes names of registries, and `log` those of images that are gone, too.
"""
_NAMES = {"NAME", "SOURCE", "A", "NAME[:PATH", "NAME:PATH"}
_REMOTE = {"copy"}
"""Commands whose SOURCE is in a registry."""
LINES = {name: line for name, line in NAMED.items() if line is not None}


def parameters(name: str) -> Iterator[object]:
    command = _load(name)
    return iter(command.params)


def options(name: str) -> set[str]:
    return {option for param in parameters(name) for option in param.opts}


@pytest.fixture
def cache(tree: build.Tree) -> build.Tree:
    """A layout with an image, and two of one short name that differ."""
    tree.add(IMAGE, ONE)
    for number, name in enumerate(TWINS):
        tree.add(build.image(build.layer({"etc/twin": str(number)})), name)
    return tree


def line(name: str, image: str, folder: Path) -> list[str]:
    words = LINES[name].replace("NAME", image).replace("OUT", str(folder / "out.tar"))
    return words.split()


def content(tree: build.Tree) -> bytes:
    return (tree.path / "index.json").read_bytes()


def test_the_table_has_every_command_that_takes_a_name() -> None:
    taking = {
        name
        for name in _COMMANDS
        for param in parameters(name)
        if param.param_type_name == "argument" and param.human_readable_name.strip("[].") in _NAMES
    }

    assert taking - _REMOTE == NAMED.keys()


@pytest.mark.parametrize("name", LINES)
def test_a_short_name_and_the_beginning_of_a_digest_are_the_full_name(
    run: Run, cache: build.Tree, tmp_path: Path, name: str
) -> None:
    if name in {"export", "pin", "unpin", "tag", "untag", "index"}:
        before = run(cache.path, "show", "tool", "--format", "json")
    else:
        before = run(cache.path, *line(name, ONE, tmp_path))
    for short in ("tool", "tool:2", "library/tool", IMAGE.digest[:19]):
        if name in {"export", "pin", "unpin", "tag", "untag", "index"}:
            done = run(cache.path, *line(name, short, tmp_path))
            if name == "untag" and done.code:  # its name is gone: the image has none by now
                continue
            assert done.code == 0, (short, done.err)
            continue
        done = run(cache.path, *line(name, short, tmp_path))
        assert done.code == before.code, (short, done.err)
        assert "no such" not in done.err, (short, done.err)
        if name not in {"push", "sbom"}:
            assert done.out == before.out, short


@pytest.mark.parametrize("name", LINES)
def test_a_name_of_several_images_is_refused_with_its_candidates(
    run: Run, cache: build.Tree, tmp_path: Path, name: str
) -> None:
    before = content(cache)

    done = run(cache.path, *line(name, "twin", tmp_path))

    assert done.code == 3, done.err
    assert all(candidate in done.err for candidate in TWINS), done.err
    assert content(cache) == before


@pytest.mark.parametrize(
    "name", sorted(LINES.keys() - {"inspect"})
)  # which then asks the registry
def test_an_unknown_name_is_one_line_and_a_hint(
    run: Run, cache: build.Tree, tmp_path: Path, name: str
) -> None:
    done = run(cache.path, *line(name, "example.com/absent:1", tmp_path))

    assert (done.code == 0) is (name == "rm"), done.err
    assert "example.com/absent:1" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", _COMMANDS)
def test_arch_stands_wherever_platform_does(name: str) -> None:
    found = options(name)

    assert ("--arch" in found) is ("--platform" in found)


def test_arch_selects_as_platform_does(run: Run, tree: build.Tree) -> None:
    image = build.index(
        build.image(build.layer({"etc/one": "amd"}), arch="amd64"),
        build.image(build.layer({"etc/one": "arm"}), arch="arm64"),
    )
    tree.add(image, ONE)

    for word, expected in (("amd64", "amd"), ("arm64", "arm")):
        assert run(tree.path, "cat", f"{ONE}:/etc/one", "--arch", word).out == expected
    both = run(tree.path, "cat", f"{ONE}:/etc/one", "--arch", "amd64", "--platform", "linux/arm64")
    assert (both.code, both.out) == (2, "")
    assert "--platform and --arch are both given" in both.err


@pytest.mark.parametrize("name", _COMMANDS)
def test_help_states_the_default_cache_and_the_shared_options(
    run: Run, tmp_path: Path, name: str
) -> None:
    told = run(tmp_path, name, "--help").out

    assert "(~/.cache/cachedb/layout)" in told
    for option in ("--format", "--quiet", "--verbose", "--cache", "--tz", "--error-format"):
        assert option in told


@pytest.mark.parametrize("name", [name for name in LINES if name not in {"cat", "push", "sbom"}])
def test_csv_is_a_table_or_is_refused(
    run: Run, cache: build.Tree, tmp_path: Path, name: str
) -> None:
    done = run(cache.path, *line(name, ONE, tmp_path), "--format", "csv")
    assert (done.code == 2) is (name in CSV_REFUSED), done.err
    if done.code == 2:
        assert done.out == ""
        assert "csv" in done.err
        return
    rows = list(csv.reader(io.StringIO(done.out), strict=True))
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("verbosity", ["-v", "-vv", "--verbose"])
@pytest.mark.parametrize("name", ["ls", "show", "du", "validate", "gc"])
def test_verbose_before_and_behind_a_command_changes_no_output(
    run: Run, cache: build.Tree, name: str, verbosity: str
) -> None:
    words = [name, *([ONE] if name == "show" else []), *(["--dry-run"] if name == "gc" else [])]
    plain = run(cache.path, *words, "--format", "json")

    before = run(cache.path, verbosity, *words, "--format", "json")
    behind = run(cache.path, *words, "--format", "json", verbosity)

    assert json.loads(before.out) == json.loads(behind.out) == json.loads(plain.out)
