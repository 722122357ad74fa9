"""Commands about files answer the same on a catalog in SQLite and in a server."""

import re
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build as images
from tests.archive import build
from tests.cli.conftest import Run
from tests.operations.test_image_files import BASE, NAME, OTHER, layer
from tests.postgresql import Server

UPPER = (
    build.file("etc/motd", b"two\n", uid=1000, mtime=1_700_000_000),
    build.file("usr/lib/.wh.os-release"),
    build.file("usr/bin/sudo", b"#!", mode=0o4755),
    build.directory("caf\udce9"),
    build.link("hard", "etc/motd", "hardlink"),
)
_SIZE = re.compile(r"\"size\": ?\d+|[0-9.]+ [kMG]?B")
CASES = [
    ("files", NAME),
    ("files", OTHER, "--tree"),
    ("files", f"{OTHER}:/usr", "--format", "json"),
    ("files", f"{OTHER}:/etc", "--format", "csv"),
    ("cat", f"{OTHER}:/hard"),
    ("cat", f"{NAME}:/etc/os-release"),
    ("cat", f"{OTHER}:/etc/os-release"),
    ("diff", NAME, OTHER),
    ("diff", NAME, OTHER, "--format", "json"),
    ("diff", NAME, OTHER, "--format", "unified"),
    ("diff", NAME, NAME),
    ("waste", OTHER),
    ("waste", "--format", "json"),
    ("query", "files path:/usr/bin/* show path,size,mode,layer sort path"),
    ("query", "files is:visible show path,layer sort path,layer"),
    ("query", "files is:overwritten or is:deleted show path,layer sort path,layer"),
    ("query", "refs file:/etc/motd sort name"),
    ("query", "refs not file:**/lib/os-release sort name"),
    ("query", "layers file.is:setuid"),
    ("query", "layers is:listed"),
    ("query", "files sha256:2c8b08da5ce60398 show path,layer"),
    ("query", "files group type sort type"),
    ("ls", "file:/usr/bin/sudo"),
]


def layouts(folder: Path) -> tuple[Path, Path]:
    """Make two layouts of the same images, one for each catalog."""
    paths = []
    for name in ("local", "remote"):
        one = images.image(layer(*BASE), labels={"v": "1"})
        two = images.image(layer(*BASE), layer(*UPPER), labels={"v": "2"}, arch="arm64")
        paths.append(images.layout(folder / name, {NAME: one, OTHER: two}).path)
    return paths[0], paths[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Layouts without an index of files."""
    return layouts(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Path, Path]:
    """Layouts whose files are indexed."""
    paths = layouts(tmp_path_factory.mktemp("indexed"))
    told = []
    for path, catalog in zip(paths, (None, server.url()), strict=True):
        with Cache.open(path, catalog=catalog) as cache:
            told.append(cache.index_files().replace(size=0))
    assert told[0] == told[1]
    assert (told[0].images, told[0].read) == (2, 2)
    return paths


def answers_the_same(
    run: Run, server: Server, paths: tuple[Path, Path], words: tuple[str, ...]
) -> str:
    local = run(paths[0], *words)
    served = run(paths[1], *words, "--catalog", server.url())
    assert (served.code, served.out, served.err) == (local.code, local.out, local.err)
    return local.out


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_command_on_indexed_files_answers_the_same_on_both_catalogs(
    run: Run, server: Server, indexed: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    is_empty = words in {("diff", NAME, NAME), ("cat", f"{OTHER}:/etc/os-release")}
    assert (answers_the_same(run, server, indexed, words) == "") is is_empty


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_command_without_an_index_answers_the_same_on_both_catalogs(
    run: Run, server: Server, plain: tuple[Path, Path], words: tuple[str, ...]
) -> None:
    answers_the_same(run, server, plain, words)


def test_index_files_prints_the_same_on_both_catalogs(
    run: Run, server: Server, tmp_path: Path
) -> None:
    paths = layouts(tmp_path)
    for words in (
        ("--all", "--format", "json"),
        ("--drop", "--format", "json"),
        ("--where", "name:a*"),
    ):
        found = []
        for path, options in zip(paths, ((), ("--catalog", server.url())), strict=True):
            done = run(path, "index", "files", *words, *options)
            assert done.code == 0, done.err
            found.append(_SIZE.sub("SIZE", done.out + done.err))
        assert found[0] == found[1]
