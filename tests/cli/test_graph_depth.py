"""Images nested to `GRAPH_DEPTH` and one index more: every command, and linuxkit's cache.

A command that reads the documents of an image refuses the deeper one in one line, and leaves
cache, archive and registry as they were. A command that reads rows of the catalog only has no
such limit.
"""

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cachedb.errors import LimitExceeded, RefNotFound
from cachedb.limits import GRAPH_DEPTH
from cachedb.linuxkit import Provider
from cachedb.oci import Platform, graph
from tests import build
from tests.cli.conftest import Run, succeed
from tests.cli.test_tree import nested
from tests.operations.registries import Place, put, put_document, tags
from tests.registry import servers

NAME = "example.com/deep:1"
INVALID_INPUT = 2
FINDINGS = 8
LOW = 6
"""A limit for operations that take long at 512."""
REFUSAL = re.compile(
    r"cachedb: the nesting of [^\n]+ exceeds the graph depth limit of 512\n"
    r"hint: CACHEDB_LIMIT_GRAPH_DEPTH=NUMBER raises the limit\n"
)


@pytest.fixture(scope="module")
def deepest() -> build.Thing:
    """An image below as many indexes as the limit allows."""
    return nested(GRAPH_DEPTH.value)


@pytest.fixture(scope="module")
def too_deep(deepest: build.Thing) -> build.Thing:
    return build.index(deepest)


@pytest.fixture
def held(tmp_path: Path, deepest: build.Thing) -> build.Tree:
    """A cache of the image at the limit."""
    return build.layout(tmp_path / "held", {NAME: deepest})


@pytest.fixture
def beyond(tmp_path: Path, too_deep: build.Thing) -> build.Tree:
    """A cache of the image beyond the limit."""
    return build.layout(tmp_path / "beyond", {NAME: too_deep})


class State(NamedTuple):
    """Blobs and names of a layout."""

    blobs: set[str]
    index: bytes

    @classmethod
    def of(cls, path: Path) -> "State":
        index = path / "index.json"
        return cls(build.Tree(path).blobs(), index.read_bytes() if index.exists() else b"")


def refuse(run: Run, cache: Path, *arguments: object) -> None:
    """Run a command, which has to refuse the depth of an image and to change nothing."""
    before = State.of(cache)
    done = run(cache, *arguments)
    assert done.code == INVALID_INPUT, (arguments, done)
    assert REFUSAL.fullmatch(done.err), (arguments, done.err)
    assert State.of(cache) == before


def left_in(folder: Path) -> list[str]:
    """List the files of a folder that are not those of a cache."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


READING_DOCUMENTS = [
    f"tree {NAME}",
    f"tree --format json {NAME}",
    f"files {NAME}",
    f"diff {NAME} {NAME}",
    f"inspect {NAME}",
]


@pytest.mark.parametrize("command", READING_DOCUMENTS)
def test_a_command_that_reads_documents_goes_as_deep_as_the_limit(
    run: Run, held: build.Tree, beyond: build.Tree, command: str
) -> None:
    succeed(run, held.path, *command.split())
    refuse(run, beyond.path, *command.split())


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        f"find-root {NAME}",
        f"show {NAME}",
        f"why {build.image().config.digest}",
        "du",
        "validate",
        "validate --deep",
        "verify",
        "doctor",
        "query blobs",
        f"rm --dry-run {NAME}",
    ],
)
def test_a_command_that_reads_rows_has_no_limit_of_depth(
    run: Run, beyond: build.Tree, command: str
) -> None:
    before = State.of(beyond.path)
    succeed(run, beyond.path, *command.split())
    assert State.of(beyond.path) == before


def test_index_files_reports_an_image_beyond_the_limit(run: Run, beyond: build.Tree) -> None:
    done = run(beyond.path, "index", "files", NAME)
    assert done.code == FINDINGS
    assert "exceeds the graph depth limit of 512" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("depth", ["held", "beyond"])
def test_gc_keeps_an_image_of_any_depth(
    run: Run, depth: str, request: pytest.FixtureRequest
) -> None:
    tree: build.Tree = request.getfixturevalue(depth)
    kept = tree.blobs()
    garbage = build.index(build.image(build.layer({"garbage": ""})))
    tree.put(*garbage.blobs)

    succeed(run, tree.path, "gc", "--grace", "0")

    assert kept <= tree.blobs()
    assert garbage.digest not in tree.blobs()


@pytest.mark.parametrize("form", ["oci", "docker", "filesystem"])
def test_export_goes_as_deep_as_the_limit(
    run: Run, held: build.Tree, beyond: build.Tree, tmp_path: Path, form: str
) -> None:
    archive = tmp_path / "image.tar"
    refuse(run, beyond.path, "export", "--format", form, NAME, "--outfile", archive)
    assert left_in(tmp_path) == []
    succeed(run, held.path, "export", "--format", form, NAME, "--outfile", archive)
    assert left_in(tmp_path) == ["image.tar"]


def archive_of(tree: build.Tree) -> Path:
    """Pack a layout as another tool does."""
    path = tree.path.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        for name in ("oci-layout", "index.json", "blobs"):
            archive.add(tree.path / name, name)
    return path


@pytest.mark.parametrize("pack", [archive_of, lambda tree: tree.path], ids=["archive", "folder"])
def test_import_goes_as_deep_as_the_limit(
    run: Run,
    held: build.Tree,
    beyond: build.Tree,
    tree: build.Tree,
    pack: Callable[[build.Tree], Path],
) -> None:
    refuse(run, tree.path, "import", pack(beyond))
    assert tree.blobs() == set()
    succeed(run, tree.path, "import", pack(held))
    assert tree.blobs() == held.blobs()


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "GRAPH_DEPTH", GRAPH_DEPTH.replace(value=LOW))


@pytest.mark.usefixtures("low_limit")
def test_repair_goes_as_deep_as_the_limit(run: Run, tmp_path: Path) -> None:
    for depth, code in ((LOW, 0), (LOW + 1, INVALID_INPUT)):
        copy = build.layout(tmp_path / f"copy{depth}", {NAME: nested(depth)})
        tree = build.layout(tmp_path / f"cache{depth}", {NAME: nested(depth)})
        names = (tree.path / "index.json").read_bytes()
        for digest in tree.blobs() - {nested(depth).digest}:
            tree.blob_path(digest).unlink()

        done = run(tree.path, "verify", "--repair", "--offline", "--from", copy.path)

        assert done.code == code, done
        assert (tree.path / "index.json").read_bytes() == names
        if code == 0:
            assert tree.blobs() == copy.blobs()
        else:
            assert REFUSAL.fullmatch(done.err.replace(f"of {LOW}", "of 512")), done.err
            assert tree.blobs() < copy.blobs()
            assert "corrupt" not in run(tree.path, "verify").out


# -- registries --------------------------------------------------------------------------------


class Shelves(NamedTuple):
    """A registry that has an image at the limit and one beyond it, put there by another client."""

    held: Place
    beyond: Place


def put_deep(place: Place, thing: build.Thing) -> None:
    """Put an image that is nested in indexes into a registry, children first."""
    indexes = [blob for blob in thing.blobs if blob.media_type == build.OCI_INDEX]
    put(place.host, place.path, build.image())
    for blob in indexes:
        put_document(place.host, place.path, blob.digest, blob)
    put_document(place.host, place.path, "1", thing.root)


@pytest.fixture(scope="module")
def shelves(registry: servers.Served, deepest: build.Thing, too_deep: build.Thing) -> Shelves:
    found = Shelves(held=Place.new(registry.host), beyond=Place.new(registry.host))
    put_deep(found.held, deepest)
    put_deep(found.beyond, too_deep)
    return found


def test_pull_goes_as_deep_as_the_limit(
    run: Run, shelves: Shelves, tree: build.Tree, held: build.Tree
) -> None:
    refuse(run, tree.path, "pull", shelves.beyond.name)
    assert tree.blobs() == set()
    succeed(run, tree.path, "pull", shelves.held.name)
    assert tree.blobs() == held.blobs()


def test_copy_goes_as_deep_as_the_limit(
    run: Run, shelves: Shelves, tree: build.Tree, deepest: build.Thing
) -> None:
    target = shelves.held.next()
    refuse(run, tree.path, "copy", shelves.beyond.name, target.name)
    assert tree.blobs() == set()
    assert tags_of(target) == {}
    succeed(run, tree.path, "copy", shelves.held.name, target.name)
    assert tags_of(target) == {"1": deepest.digest}


def test_push_goes_as_deep_as_the_limit(
    run: Run, shelves: Shelves, held: build.Tree, beyond: build.Tree, deepest: build.Thing
) -> None:
    target = shelves.held.next()
    refuse(run, beyond.path, "push", NAME, "--remote-name", target.name)
    assert tags_of(target) == {}
    succeed(run, held.path, "push", NAME, "--remote-name", target.name)
    assert tags_of(target) == {"1": deepest.digest}


def tags_of(place: Place) -> dict[str, str]:
    """Return the tags of a repository; none if it does not exist."""
    try:
        return tags(place.host, place.path)
    except RefNotFound:
        return {}


# -- linuxkit's cache --------------------------------------------------------------------------


@pytest.mark.usefixtures("low_limit")
def test_the_cache_of_linuxkit_bounds_the_depth_of_pull_and_push(
    registry: servers.Served, tmp_path: Path
) -> None:
    held, beyond, target = (Place.new(registry.host) for _ in range(3))
    put_deep(held, nested(LOW))
    put_deep(beyond, nested(LOW + 1))
    with Provider(tmp_path / "linuxkit") as provider:
        with pytest.raises(LimitExceeded, match="graph depth"):
            provider.pull(beyond.name)
        assert provider.list() == {}
        provider.pull(held.name)
        assert provider.list() == {held.name: nested(LOW).digest}
        provider.push(held.name, target.name)
        assert tags_of(target) == {"1": nested(LOW).digest}
    tree = build.layout(tmp_path / "deeper", {NAME: nested(LOW + 1)})
    refused = target.next()
    with Provider(tree.path) as provider, pytest.raises(LimitExceeded, match="graph depth"):
        provider.push(NAME, refused.name)
    assert tags_of(refused) == {}


def test_the_cache_of_linuxkit_bounds_the_depth_of_archives(
    tmp_path: Path, held: build.Tree, beyond: build.Tree
) -> None:
    platform = Platform.parse("linux/amd64")
    with Provider(tmp_path / "linuxkit") as provider:
        with pytest.raises(LimitExceeded, match="graph depth"):
            provider.image_load(io.BytesIO(archive_of(beyond).read_bytes()))
        assert provider.list() == {}
        provider.image_load(io.BytesIO(archive_of(held).read_bytes()))
        assert provider.image_in_cache(NAME, platform)


def test_the_cache_of_linuxkit_refuses_to_read_an_image_beyond_the_limit(
    held: build.Tree, beyond: build.Tree
) -> None:
    platform = Platform.parse("linux/amd64")
    with Provider(held.path) as provider:
        assert provider.validate_image(NAME, [platform])
    with Provider(beyond.path) as provider, pytest.raises(LimitExceeded, match="graph depth"):
        provider.validate_image(NAME, [platform])
