"""A disk that is full: errors are clean, nothing is lost, and a collection makes room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from tests import build
from tests.cli.conftest import Run, run
from tests.conftest import APP, TOOL
from tests.crash import oracle, volumes

__all__ = ["run"]  # a fixture

BIG = build.image(build.layer({"big": "x"}, media_type=build.OCI_LAYER), labels={"big": "yes"})
PADDING = build.layer({"padding": b"p" * 400_000}, media_type=build.OCI_LAYER)


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A small disk: on ext4 a new folder needs room as well."""
    if request.param == "tmpfs":
        with volumes.memory("6m", tmp_path) as mount:
            yield mount
    else:
        with (
            volumes.folder_for_images(tmp_path) as folder,
            volumes.volume("ext4", folder, size="8M") as made,
        ):
            yield made.mount


@pytest.fixture
def tree(disk: Path, tmp_path: Path, run: Run) -> build.Tree:
    """A cache with two names, and an orphan that is worth removing."""
    archive = tmp_path / "both.tar"
    both = {"example.com/app:1": APP, "example.com/tool:1": TOOL}
    archive.write_bytes(build.archive(both))
    assert run(disk / "cache", "import", archive).code == 0
    tree = build.Tree(disk / "cache")
    tree.put(PADDING)
    assert run(tree.path, "ls").code == 0
    return tree


def fill(disk: Path) -> None:
    """Write until nothing fits any more, not even a byte."""
    with (disk / "filling").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"f" * size)
            except OSError:
                continue


def expected(tree: build.Tree) -> oracle.Expected:
    names = oracle.names_of(tree.path)
    return oracle.Expected(before=names, after=names, unsound={})


@pytest.mark.parametrize("drift", [False, True], ids=["in-step", "changed-by-another-tool"])
def test_a_collection_works_on_a_full_disk(
    disk: Path, tree: build.Tree, run: Run, drift: bool
) -> None:
    if drift:
        tree.unname("example.com/app:1")
        tree.put(build.layer({"another": "orphan"}))
    before = expected(tree)
    fill(disk)
    assert not list((tree.path / ".cachedb").glob("trash"))

    done = run(tree.path, "gc", "--grace", "0")

    assert done.code == 0, done.err
    assert PADDING.digest not in tree.blobs()
    assert oracle.violations(tree.path, before, ended_well=True) == []
    assert run(tree.path, "verify").code == 0
    assert oracle.residues(tree.path, before) == []


@pytest.mark.parametrize(
    "arguments",
    [["rm", "example.com/app:1"], ["import", "new.tar"], ["doctor", "--rebuild"]],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_needs_room_says_so_and_breaks_nothing(
    disk: Path, tree: build.Tree, tmp_path: Path, run: Run, arguments: list[str]
) -> None:
    archive = tmp_path / "new.tar"
    archive.write_bytes(build.archive({"example.com/big:1": BIG}))
    arguments = [str(archive) if each == "new.tar" else each for each in arguments]
    before = expected(tree)
    fill(disk)

    done = run(tree.path, *arguments)

    assert done.code == 9, done.err
    assert "no space left on device" in done.err or "disk is full" in done.err
    assert "Traceback" not in done.err
    assert oracle.violations(tree.path, before, ended_well=False) == []
    (disk / "filling").unlink()
    assert run(tree.path, *arguments).code == 0


@pytest.mark.parametrize(
    "arguments", [["ls"], ["verify"], ["doctor"], ["validate"], ["du"]], ids=lambda a: a[0]
)
def test_what_only_looks_works_on_a_full_disk(
    disk: Path, tree: build.Tree, run: Run, arguments: list[str]
) -> None:
    tree.unname("example.com/app:1")
    fill(disk)
    done = run(tree.path, *arguments)
    assert done.code == (8 if arguments == ["doctor"] else 0), done.err  # space is low
    assert "example.com/app:1" not in done.out


def test_after_a_collection_there_is_room_to_remove(
    disk: Path, tree: build.Tree, run: Run
) -> None:
    fill(disk)
    for arguments in (["gc", "--grace", "0"], ["rm", "example.com/app:1"], ["gc", "--grace", "0"]):
        assert run(tree.path, *arguments).code == 0
    assert tree.blobs() == TOOL.digests
    with Cache.open(tree.path) as cache:
        assert cache.verify().is_clean
