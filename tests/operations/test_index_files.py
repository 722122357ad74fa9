"""Index of files: what it holds is what the layers say, and it is never more than derived."""

from __future__ import annotations

import io
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.archive.image_tree import ImageTree, LayerFile, hash_members
from cachedb.cache import Cache
from cachedb.catalog.connect import Catalog
from cachedb.catalog.files import attached
from cachedb.catalog.statements.index import file_entries as statements
from cachedb.errors import CatalogMismatch
from cachedb.feedback.progress import Progress
from cachedb.oci import Digest
from cachedb.operations.check.validate import Condition
from cachedb.operations.files import file_rows, image_rows
from cachedb.operations.files.compare import compare_files
from cachedb.operations.files.image_layers import ImageLayers, LayerListings
from tests import build as images
from tests.archive import build, lazy_layers
from tests.archive.test_flatten_law import STEPS, Directory, Step, apply
from tests.operations.test_image_files import (
    BASE,
    NAME,
    OTHER,
    UNREAD_LAYOUT,
    cache_of,
    embedded,
    layer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cachedb.archive.image_tree import ImageFile
    from cachedb.catalog.executor import Connection
    from cachedb.operations.files.index_files import FilesIndexed


def index(cache: Cache, *names: str) -> FilesIndexed:
    return cache.index_files(names)


def seen(tree: ImageTree) -> list[object]:
    return [
        (file.path, file.origin and (file.origin.layer, file.origin.index), file.sha256)
        for file in tree.visible()
    ]


def members(archive: bytes) -> list[LayerFile]:
    return list(hash_members(io.BytesIO(archive), name="layer"))


@pytest.fixture
def two(tmp_path: Path) -> Cache:
    """Return a cache of two images, the second with one more layer."""
    upper = layer(build.file("etc/motd", b"two\n"), build.file("usr/lib/.wh.os-release"))
    one = images.image(layer(*BASE))
    return cache_of(tmp_path, one=one, two=images.image(layer(*BASE), upper))


ODD = (
    build.directory("dir", mode=0o1777, uid=2**21, gid=5),
    build.file("dir/caf\udce9", b"1", mtime=1_700_000_000),
    build.link("link", "dir/caf\udce9"),
    build.link("hard", "dir/caf\udce9", "hardlink"),
    build.entry("null", "char", devmajor=1, devminor=3),
    build.entry("disk", "block", devmajor=8, devminor=0),
    build.entry("pipe", "fifo"),
    build.file("dir/.wh.gone"),
    build.file("dir/.wh..wh..opq"),
    build.file(".wh.top"),
    build.file("old", b"", mtime=-1),
)


def test_every_kind_of_entry_is_read_back(tmp_path: Path) -> None:
    written = members(build.tar(*ODD))
    catalog = Catalog.open(tmp_path / "index.db")

    with catalog.writing_files() as connection:
        key = file_rows.write_layer(connection, Digest.of(b"layer"), written)
    with catalog.reading_files() as connection:
        read = file_rows.read_layer(connection, key)

    assert [(each.member.kind, each.member.target, each.sha256) for each in read] == [
        (each.member.kind, each.member.target, each.sha256) for each in written
    ]
    assert [each.member.path for each in read] == [
        "dir", "dir/caf\udce9", "link", "hard", "null", "disk", "pipe", "dir/.wh.gone",
        "dir/.wh..wh..opq", ".wh.top", "old",
    ]  # fmt: skip
    assert [each.member._replace(path="") for each in read] == [
        each.member._replace(path="", user="", group="") for each in written
    ]


def test_extended_attributes_are_read_back(tmp_path: Path) -> None:
    info, content = build.file("a")
    info.pax_headers = {"SCHILY.xattr.user.note": "text"}
    catalog = Catalog.open(tmp_path / "index.db")

    with catalog.writing_files() as connection:
        written = members(build.tar((info, content)))
        key = file_rows.write_layer(connection, Digest.of(b"layer"), written)
        (read,) = file_rows.read_layer(connection, key)

    assert read.member.xattrs == {"user.note": b"text"}


def test_paths_of_a_full_directory_are_read_back_and_shared(tmp_path: Path) -> None:
    first = members(build.tar(*(build.file(f"d/{n}") for n in range(600))))
    second = members(build.tar(*(build.file(f"d/{n}") for n in range(300, 1000))))
    catalog = Catalog.open(tmp_path / "index.db")

    with catalog.writing_files() as connection:
        keys = [
            file_rows.write_layer(connection, Digest.of(name), layer)
            for name, layer in ((b"1", first), (b"2", second))
        ]
    with catalog.reading_files() as connection:
        read = [file_rows.read_layer(connection, key) for key in keys]
        (count,) = connection.driver.execute("SELECT count(*) FROM files.path").fetchone()

    assert [[each.member.path for each in layer] for layer in read] == [
        [each.member.path for each in layer] for layer in (first, second)
    ]
    assert count == 1000


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=4))
def test_the_tree_of_indexed_layers_is_that_of_the_layers(steps: list[list[Step]]) -> None:
    root = Directory()
    layers = [members(apply(root, number, each)) for number, each in enumerate(steps)]
    catalog = Catalog.in_memory()

    with catalog.writing_files() as connection:
        keys = [
            file_rows.write_layer(connection, Digest.of(b"%d" % number), each)
            for number, each in enumerate(layers)
        ]
        indexed = ImageTree([file_rows.read_layer(connection, key) for key in keys])
    catalog.close()

    direct = ImageTree(layers)
    assert seen(indexed) == seen(direct)
    assert list(indexed.hidden()) == list(direct.hidden())
    assert list(indexed.unseen()) == list(direct.unseen())


def image_layers(name: str, layers: list[list[LayerFile]]) -> ImageLayers:
    """Describe an image by its entries, of which the digests are only names."""
    return ImageLayers(
        name=name,
        platform=None,
        digest=Digest.of(name.encode()),
        config=embedded(b"{}"),
        layers=tuple(embedded(repr(layer).encode()) for layer in layers),
    )


def write_stack(connection: Connection, image: ImageLayers, layers: list[list[LayerFile]]) -> None:
    keys = []
    for described, files in zip(image.layers, layers, strict=True):
        row = connection.first(statements.LAYER, digest=described.digest)
        keys.append(row.id if row else file_rows.write_layer(connection, described.digest, files))
    image_rows.write_image(connection, image.digest, keys, ImageTree(layers))


STACK = st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(STACK, STACK, st.integers(0, 3))
def test_the_index_finds_the_differences_of_the_trees_of_two_images(
    first: list[list[Step]], second: list[list[Step]], shared: int
) -> None:
    stacks = []
    for steps in (first, first[:shared] + second):
        root = Directory()
        stacks.append([members(apply(root, n, each)) for n, each in enumerate(steps)])
    images_of = [image_layers(f"image {n}", layers) for n, layers in enumerate(stacks)]
    catalog = Catalog.in_memory()
    with catalog.writing_files() as connection:
        for image, layers in zip(images_of, stacks, strict=True):
            write_stack(connection, image, layers)
    layout = UNREAD_LAYOUT
    found = compare_files(LayerListings(layout, catalog), *images_of)
    trees = [{file.path: file for file in ImageTree(layers).visible()} for layers in stacks]
    catalog.close()

    told = [(c.path, c.change, c.fields, c.before, c.after) for c in found]
    assert [path for path, *_ in told] == [
        path
        for path in sorted(trees[0].keys() | trees[1].keys())
        if meaning(trees[0].get(path)) != meaning(trees[1].get(path))
    ]
    for path, _, _, before, after in told:
        assert (before is None, after is None) == (path not in trees[0], path not in trees[1])
        for side, tree in ((before, trees[0]), (after, trees[1])):
            assert meaning(side) == meaning(tree.get(path))


def meaning(file: ImageFile | None) -> object:
    """Return what a comparison looks at."""
    if file is None:
        return None
    member = file.member
    return (
        member.kind, member.mode, member.uid, member.gid, member.size, member.target,
        member.device, dict(member.xattrs), file.sha256,
    )  # fmt: skip


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(STACK)
def test_what_an_indexed_image_shows_is_its_tree(steps: list[list[Step]]) -> None:
    root = Directory()
    layers = [members(apply(root, number, each)) for number, each in enumerate(steps)]
    catalog = Catalog.in_memory()
    with catalog.writing_files() as connection:
        write_stack(connection, image_layers("image", layers), layers)
        shown = connection.driver.execute(SHOWN).fetchall()
    catalog.close()

    paths = [path for (path,) in shown]
    assert sorted(paths) == sorted(file.path for file in ImageTree(layers).visible())


SHOWN = """
SELECT ancestor.path || below || '/' || path.name FROM files.entry
JOIN files.path ON path.id = path_id JOIN files.directory ON directory.id = path_id >> 6
JOIN files.ancestor ON ancestor.id = ancestor_id
JOIN files.attributes ON attributes.id = attributes_id
WHERE kind NOT IN (8, 9) AND entry.id NOT IN (SELECT entry_id FROM files.hidden)
AND (entry.id > 0 OR entry.id IN (SELECT entry_id FROM files.placement))
"""


USRMERGE = (
    build.directory("usr"),
    build.directory("usr/bin"),
    build.link("bin", "usr/bin"),
    build.file("usr/bin/sh", b"old"),
)
THROUGH = (
    build.file("bin/bash", b"#!"),
    build.file("bin/sh", b"new"),
    build.link("bin/rbash", "bin/bash", "hardlink"),
)


def test_a_file_behind_a_symlink_of_a_lower_layer_is_found_where_it_is_seen(
    tmp_path: Path,
) -> None:
    image = images.image(layer(*USRMERGE), layer(*THROUGH))
    with cache_of(tmp_path, one=image, two=images.image(layer(*USRMERGE))) as cache:
        index(cache)

        def names(text: str) -> list[str]:
            return sorted(row.name for row in cache.query(f"{text} show name"))

        def found(text: str) -> list[tuple[str, str]]:
            rows = cache.query(f"{text} show path,layer sort path")
            return [(row.path, row.layer) for row in rows]

        assert names("refs file:/usr/bin/bash") == names("refs file:/usr/bin/rbash") == [NAME]
        assert names("refs file:/bin/bash") == []
        assert names("refs not file:/usr/bin/bash") == [OTHER]
        upper = image.layers[1].digest
        assert found("files name:bash") == [("/bin/bash", upper), ("/usr/bin/bash", upper)]
        assert found("files name:bash is:visible") == [("/usr/bin/bash", upper)]
        assert [path for path, _ in found("files is:overwritten")] == ["/usr/bin/sh"]
        assert [path for path, _ in found(f"files layer.digest:{upper} name:sh")] == [
            "/bin/sh", "/usr/bin/sh",
        ]  # fmt: skip
        assert {each.path: each.fields for each in cache.compare(OTHER, NAME).files} == {
            "/usr/bin/bash": (), "/usr/bin/rbash": (), "/usr/bin/sh": ("content",),
        }  # fmt: skip


def test_placed_entries_are_dropped_with_the_last_image_that_has_them(tmp_path: Path) -> None:
    image = images.image(layer(*USRMERGE), layer(*THROUGH))
    with cache_of(tmp_path, one=image) as cache:
        index(cache)
        cache.remove(cache.plan_removal([NAME]))
        cache.collect(cache.plan_collection(grace=0))

        with cache.catalog.reading_files() as connection:
            for table in ("entry", "placed", "placement", "linked", "hidden", "target", "path"):
                rows = connection.driver.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert rows == (0,), table


def test_a_layer_that_is_in_an_image_twice_shows_its_files(tmp_path: Path) -> None:
    base, other = layer(build.file("a", b"1")), layer(build.file("a", b"2"))
    with cache_of(tmp_path, one=images.image(base, other, base)) as cache:
        index(cache)

        assert [row.name for row in cache.query("refs file:/a show name")] == [NAME]
        assert [row.layer for row in cache.query("files /a is:visible show layer")] == [
            base.digest
        ]


def test_an_image_whose_layer_was_lost_is_indexed_anew_when_it_is_back(tmp_path: Path) -> None:
    upper = layer(build.file("etc/.wh.motd"))
    image = images.image(layer(*BASE), upper)
    with cache_of(tmp_path, one=image) as cache:
        index(cache)
        path = cache.layout.root / "blobs/sha256" / image.layers[0].digest.partition(":")[2]
        content = path.read_bytes()
        path.unlink()
    with Cache.open(tmp_path / "cache") as cache:
        cache.verify()
        cache.collect(cache.plan_collection(grace=0))
        assert not cache.query("refs is:listed").rows
        path.write_bytes(content)
    with Cache.open(tmp_path / "cache") as cache:
        cache.verify()
        index(cache)
        assert cache.query("refs is:listed").rows
        assert not cache.query("refs file:/etc/motd").rows


def test_commands_answer_the_same_with_an_index(two: Cache) -> None:
    with two as cache:
        before = (
            list(cache.files(OTHER)), cache.compare(NAME, OTHER).files, cache.waste(),
        )  # fmt: skip
        index(cache)
        after = (list(cache.files(OTHER)), cache.compare(NAME, OTHER).files, cache.waste())

        assert [file._replace(modified_ns=0) for file in after[0]] == [
            file._replace(modified_ns=0) for file in before[0]
        ]
        assert [(each.path, each.change, each.fields) for each in after[1]] == [
            (each.path, each.change, each.fields) for each in before[1]
        ]
        assert after[2] == before[2]


def test_indexed_layers_are_not_read_again(two: Cache) -> None:
    with two as cache:
        first = index(cache, NAME)
        second = index(cache)

        assert (first.images, first.read, first.known) == (1, 1, 0)
        assert (second.images, second.read, second.known) == (2, 1, 1)
        for path in (cache.layout.root / "blobs/sha256").iterdir():
            if path.stat().st_size == layer(*BASE).size:
                path.chmod(0o644)
                path.write_bytes(b"\0" * path.stat().st_size)
        assert [file.path for file in cache.files(NAME)][:2] == ["/", "/etc"]


def test_hidden_entries_of_an_image_are_known(two: Cache) -> None:
    with two as cache:
        index(cache)
        with cache.catalog.reading_files() as connection:
            found = connection.driver.execute(
                "SELECT image.digest, ancestor.path || below, path.name, hidden.state"
                " FROM hidden"
                " JOIN image ON image.id = image_id JOIN entry ON entry.id = entry_id"
                " JOIN path ON path.id = path_id"
                " JOIN directory ON directory.id = path.id >> 6"
                " JOIN ancestor ON ancestor.id = ancestor_id"
            ).fetchall()
        digest = cache.find_root(OTHER).digest
        assert sorted(found) == [
            (digest, "/etc", "motd", 1),
            (digest, "/usr/lib", "os-release", 2),
        ]


def test_a_damaged_layer_stops_no_other(tmp_path: Path) -> None:
    damaged = images.Blob(b"\x1f\x8bnothing", images.OCI_LAYER_GZIP, "sha256:" + "0" * 64)
    one, other = images.image(damaged), images.image(layer(*BASE))
    with cache_of(tmp_path, one=one, two=other) as cache:
        found = index(cache)
        assert (found.read, found.known, found.entries) == (1, 0, len(BASE))
        (unreadable,) = found.unreadable
        assert unreadable.digest == damaged.digest
        assert "gzip" in unreadable.why
        assert index(cache).unreadable == found.unreadable


def test_layers_are_indexed_beside_a_missing_layer_and_a_missing_document(tmp_path: Path) -> None:
    gone, whole = images.image(layer(build.file("a"))), images.image(layer(*BASE))
    listed = images.index(gone, images.image(layer(build.file("b")), arch="arm64"))
    with cache_of(tmp_path, one=whole, two=listed) as cache:
        missing = gone.layers[0].digest
        (cache.layout.root / "blobs/sha256" / missing.partition(":")[2]).unlink()
        found = index(cache)
        assert [each.digest for each in found.unreadable] == [missing]
        assert (found.images, found.read) == (3, 2)

        (cache.layout.root / "blobs/sha256" / listed.digest.partition(":")[2]).unlink()
        assert [each.name for each in index(cache).unread] == [OTHER]
        assert [each.name for each in cache.waste().unread] == [OTHER]


def test_a_layer_that_arrives_later_is_indexed(tmp_path: Path) -> None:
    image = images.image(layer(*BASE))
    with cache_of(tmp_path, one=image) as cache:
        path = cache.layout.root / "blobs/sha256" / image.layers[0].digest.partition(":")[2]
        content = path.read_bytes()
        path.unlink()
        assert index(cache).read == 0
        path.write_bytes(content)
        assert index(cache).read == 1


def test_collection_drops_the_rows_of_removed_layers(two: Cache) -> None:
    with two as cache:
        index(cache)
        cache.remove(cache.plan_removal([OTHER]))
        cache.collect(cache.plan_collection(grace=0))

        with cache.catalog.reading_files() as connection:
            assert len(connection.rows(statements.LAYERS)) == 1
            assert len(connection.values(statements.IMAGES)) == 1
            stored = "SELECT count(*) FROM entry WHERE id > 0"  # the root is implied
            count = connection.driver.execute(stored).fetchone()
            hidden = connection.driver.execute("SELECT count(*) FROM hidden").fetchone()
        assert (count, hidden) == ((len(BASE),), (0,))


def test_an_index_of_another_version_is_made_anew(two: Cache) -> None:
    with two as cache:
        index(cache)
        path = cache.catalog.files_path
        assert path is not None
        with sqlite3.connect(path) as driver:
            driver.execute("PRAGMA user_version = 99")
        driver.close()

        with cache.catalog.reading_files() as connection:
            assert not connection.rows(statements.LAYERS)
        assert index(cache).read == 2


def test_what_another_process_indexes_while_the_file_is_made_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.db"
    first, second = Catalog.open(path), Catalog.open(path)
    judge = attached._is_empty

    def judged(driver: sqlite3.Connection) -> bool:
        monkeypatch.setattr(attached, "_is_empty", judge)
        is_empty = judge(driver)
        with first.writing_files() as connection:
            file_rows.write_found(connection, Digest.of(b"first"), members(build.tar(*BASE)))
        return is_empty

    monkeypatch.setattr(attached, "_is_empty", judged)
    with second.writing_files() as connection:
        file_rows.write_found(connection, Digest.of(b"second"), members(build.tar(*BASE)))

    with first.reading_files() as connection:
        found = {row.digest for row in connection.rows(statements.LAYERS)}
    assert found == {Digest.of(b"first"), Digest.of(b"second")}


def test_a_database_of_another_program_is_left_alone(two: Cache) -> None:
    with two as cache:
        path = cache.catalog.files_path
        assert path is not None
        with sqlite3.connect(path) as driver:
            driver.execute("PRAGMA application_id = 7")
            driver.execute("CREATE TABLE mine (a)")
        driver.close()
        path.chmod(0o600)

        with pytest.raises(CatalogMismatch, match="other program"):
            index(cache)
        assert path.exists()


def test_an_index_that_others_can_write_is_refused(two: Cache) -> None:
    with two as cache:
        index(cache)
        path = cache.catalog.files_path
        assert path is not None
        path.chmod(0o666)

        with pytest.raises(CatalogMismatch, match="others may write"):
            cache.files(NAME)


def test_the_index_can_be_dropped(two: Cache) -> None:
    with two as cache:
        index(cache)
        assert cache.drop_files_index()
        assert not cache.drop_files_index()
        assert cache.files(NAME)[0].path == "/"


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
def test_a_layer_with_a_table_of_contents_is_indexed_without_being_read(
    tmp_path: Path, write: Callable[[bytes, Any], images.Blob]
) -> None:
    archive = build.tar(*BASE)
    lazy = write(archive, lazy_layers.table(archive))
    with cache_of(tmp_path, one=images.image(lazy), two=images.image(layer(*BASE))) as cache:
        path = cache.layout.root / "blobs/sha256" / lazy.digest.partition(":")[2]
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(bytes(64) + content[64:])  # nothing but its end can be read

        assert not index(cache).unreadable
        rows = "show path,type,size,mode,uid,gid,target,digest sort path"
        one, two = (
            cache.query(f"files any manifest(ref.name:{name}) {rows}").rows
            for name in (NAME, OTHER)
        )
        own = {"/stargz.index.json"}  # a file of the archive
        assert [row for row in one if row[0] not in own] == list(two)


def test_a_table_of_contents_that_does_not_match_is_not_used(tmp_path: Path) -> None:
    archive = build.tar(*BASE)
    contents = lazy_layers.table(archive)
    contents["entries"][0]["name"] = "lie"
    lying = lazy_layers.stargz(archive, contents)
    declared = lazy_layers.stargz(archive, lazy_layers.table(archive)).annotations
    with cache_of(tmp_path, one=images.image(replace(lying, annotations=declared))) as cache:
        assert not index(cache).unreadable
        assert cache.query("files /etc").rows
        assert not cache.query("files name:lie").rows


def test_content_of_a_layer_with_a_table_that_lies_is_that_of_its_archive(tmp_path: Path) -> None:
    archive = build.tar(build.file("etc/motd", b"hello"))
    contents = lazy_layers.table(archive)
    contents["entries"][0] |= {"size": 3, "digest": "sha256:" + "0" * 64}
    with cache_of(tmp_path, one=images.image(lazy_layers.chunked(archive, contents))) as cache:
        index(cache)
        with cache.read_file(NAME, "/etc/motd").stream as stream:
            assert stream.read() == b"hello"


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
def test_a_deep_validation_replaces_what_a_false_table_of_contents_told(
    tmp_path: Path, write: Callable[[bytes, Any], images.Blob]
) -> None:
    archive = build.tar(build.file("etc/motd", b"hello"))
    contents = lazy_layers.table(archive)
    contents["entries"][0]["name"] = "etc/shadow"
    lying, true = write(archive, contents), layer(build.file("etc/other"))
    with cache_of(tmp_path, one=images.image(lying), two=images.image(true)) as cache:
        index(cache)
        assert cache.query("files path:/etc/shadow").rows
        (report,) = cache.validate_deeply([NAME])
        assert report.platforms[0].condition is Condition.FALSE_TOC

        assert not cache.query("files path:/etc/shadow").rows
        assert cache.query("files path:/etc/motd").rows
        assert [row.name for row in cache.query("refs is:listed show name")] == [OTHER]
        assert index(cache).read == 0
        assert not cache.query("refs file:/etc/shadow").rows
        assert [row.name for row in cache.query("refs file:/etc/motd show name")] == [NAME]


def _lie(place: int, **change: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda entries: entries[place].update(change)


def _add(entries: list[dict[str, Any]]) -> None:
    entries.append(dict(entries[0], name="etc/added"))


LIES = {
    "mode": _lie(0, mode=0o4755),
    "size": _lie(0, size=4),
    "target": _lie(1, linkName="shadow"),
    "missing entry": lambda entries: entries.pop(0),
    "additional entry": _add,
}


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
@pytest.mark.parametrize("lie", LIES)
def test_a_table_that_a_deep_validation_found_false_is_not_used_by_a_later_index(
    tmp_path: Path, write: Callable[[bytes, Any], images.Blob], lie: str
) -> None:
    entries = (build.file("etc/motd", b"hello"), build.link("link", "etc/motd"))
    archive = build.tar(*entries)
    contents = lazy_layers.table(archive)
    LIES[lie](contents["entries"])
    rows = "files show path,type,size,mode,target sort path"
    with cache_of(tmp_path, one=images.image(write(archive, contents))) as cache:
        index(cache)
        trusted = list(cache.query(rows))
        cache.drop_files_index()
        (report,) = cache.validate_deeply([NAME])
        assert report.platforms[0].condition is Condition.FALSE_TOC
        index(cache)
        found = [row for row in cache.query(rows) if row.path != "/stargz.index.json"]
    Cache.rebuild(tmp_path / "cache")  # the mark is kept
    with Cache.open(tmp_path / "cache") as cache:
        cache.drop_files_index()
        index(cache)
        assert [row for row in cache.query(rows) if row.path != "/stargz.index.json"] == found
    other = tmp_path / "other"
    with cache_of(other, one=images.image(layer(*entries))) as cache:
        index(cache)
        assert found == list(cache.query(rows))
    assert trusted != found


@pytest.mark.parametrize("write", [lazy_layers.stargz, lazy_layers.chunked])
def test_a_table_with_another_digest_than_declared_is_a_finding_and_is_not_used(
    tmp_path: Path, write: Callable[[bytes, Any], images.Blob]
) -> None:
    archive = build.tar(build.file("etc/motd", b"hello"))
    contents = lazy_layers.table(archive)
    declared = write(archive, contents).annotations
    contents["entries"][0]["name"] = "etc/shadow"
    lying = replace(write(archive, contents), annotations=declared)
    with cache_of(tmp_path, one=images.image(lying)) as cache:
        index(cache)
        assert not cache.query("files path:/etc/shadow").rows
        assert cache.query("files path:/etc/motd").rows
        (report,) = cache.validate_deeply([NAME])
        assert report.platforms[0].condition is Condition.FALSE_TOC


def test_a_deep_validation_leaves_the_index_of_a_true_table_alone(tmp_path: Path) -> None:
    archive = build.tar(*BASE)
    lazy = lazy_layers.chunked(archive, lazy_layers.table(archive))
    with cache_of(tmp_path, one=images.image(lazy)) as cache:
        index(cache)
        before = layer_ids(cache)
        cache.validate_deeply()

        assert layer_ids(cache) == before != []


def layer_ids(cache: Cache) -> list[int]:
    """Return the ids of the rows of layers: a layer that is indexed anew has another one."""
    with cache.catalog.reading_files() as connection:
        return [row.id for row in connection.rows(statements.LAYERS)]


class Interrupting(Progress):
    """Interrupts when the first layer is finished."""

    def finish(self, digest: Digest, size: int, how: str = "") -> None:
        del digest, size, how
        raise KeyboardInterrupt


def test_an_interrupted_index_keeps_the_layers_that_it_finished(two: Cache) -> None:
    with two as cache:
        with pytest.raises(KeyboardInterrupt):
            cache.index_files(progress=Interrupting())

        found = index(cache)
        assert (found.read, found.known) == (1, 1)
