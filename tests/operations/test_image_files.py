"""Files of images: listed, read, compared, and measured, from the layers alone."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cachedb.archive.image_tree import ImageTree, hash_members
from cachedb.cache import Cache
from cachedb.catalog.connect import Catalog
from cachedb.errors import (
    BlobNotFound,
    CacheError,
    CorruptBlob,
    InvalidArchive,
    InvalidInput,
    NotFound,
    PlatformNotFound,
)
from cachedb.feedback.progress import UNWATCHED
from cachedb.layout.blobs import BlobStore
from cachedb.oci import Descriptor, Digest, MediaType, Platform
from cachedb.operations.archives.export import ExportOptions
from cachedb.operations.archives.export_formats import Form
from cachedb.operations.files import read_file
from cachedb.operations.files.compare import ChangeKind, compare_files
from cachedb.operations.files.image_layers import ImageLayers, LayerListings
from tests import build as images
from tests.archive import build
from tests.archive.test_flatten import flat
from tests.archive.test_flatten_law import STEPS, Directory, Step, apply

if TYPE_CHECKING:
    from cachedb.layout import Layout

UNREAD_LAYOUT = cast("Layout", SimpleNamespace(progress=UNWATCHED))
"""For layers embedded in their descriptors, which are read from no layout."""
NAME = "example.com/app:1"
OTHER = "example.com/app:2"


def layer(*entries: tuple[tarfile.TarInfo, bytes]) -> images.Blob:
    archive = build.tar(*entries)
    diff_id = "sha256:" + hashlib.sha256(archive).hexdigest()
    return images.Blob(gzip.compress(archive, mtime=0), images.OCI_LAYER_GZIP, diff_id)


def cache_of(folder: Path, **things: images.Thing) -> Cache:
    names = {"one": NAME, "two": OTHER}
    tree = images.layout(folder / "cache", {names[key]: thing for key, thing in things.items()})
    return Cache.open(tree.path)


def content(cache: Cache, path: str) -> bytes:
    with cache.read_file(NAME, path).stream as stream:
        return stream.read()


BASE = (
    build.directory("etc"),
    build.directory("usr"),
    build.directory("usr/lib"),
    build.link("lib", "usr/lib"),
    build.link("etc/os-release", "../usr/lib/os-release"),
    build.file("usr/lib/os-release", b"NAME=Test\n"),
    build.file("etc/motd", b"one\n"),
    build.link("etc/same", "etc/motd", "hardlink"),
)


def embedded(archive: bytes) -> Descriptor:
    """Return the descriptor of a layer that holds its bytes, so that no layout is needed."""
    return Descriptor(
        media_type=MediaType(images.OCI_LAYER),
        digest=Digest.of(archive),
        size=len(archive),
        data=archive,
    )


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=4))
def test_every_file_of_the_flattened_archive_is_read(steps: list[list[Step]]) -> None:
    root = Directory()
    layers = [apply(root, number, each) for number, each in enumerate(steps)]
    image = ImageLayers(
        name="image",
        platform=None,
        digest=Digest.of(b"image"),
        config=embedded(b"{}"),
        layers=tuple(map(embedded, layers)),
    )
    layout = UNREAD_LAYOUT
    catalog = Catalog.in_memory()

    expected: dict[str, bytes] = {}
    for info, data in build.members(flat(*layers)):
        if info.isreg():
            expected[f"/{info.name}"] = data
        elif info.islnk():
            expected[f"/{info.name}"] = expected[f"/{info.linkname}"]
    paths = {f"/{'/'.join(step.path)}" for each in steps for step in each if step.path}
    for path in paths | expected.keys():
        try:
            found = read_file.read_file(layout, LayerListings(layout, catalog), image, path)
        except (InvalidInput, NotFound, InvalidArchive):
            assert path not in expected
            continue
        with found.stream as stream:
            read = stream.read()
        if path in expected:
            assert (read, found.size) == (expected[path], len(read))
        else:
            assert read in expected.values()  # through a symlink
    catalog.close()


def test_a_file_is_read_through_symlinks_and_hard_links(tmp_path: Path) -> None:
    with cache_of(tmp_path, one=images.image(layer(*BASE))) as cache:
        assert content(cache, "/etc/os-release") == b"NAME=Test\n"
        assert content(cache, "/lib/os-release") == b"NAME=Test\n"
        assert content(cache, "/etc/same") == b"one\n"
        assert content(cache, "/etc/../etc/motd") == b"one\n"


def test_the_uppermost_layer_wins(tmp_path: Path) -> None:
    upper = layer(build.directory("etc"), build.file("etc/motd", b"two\n"))
    with cache_of(tmp_path, one=images.image(layer(*BASE), upper)) as cache:
        assert content(cache, "/etc/motd") == b"two\n"
        assert content(cache, "/etc/same") == b"one\n"


def layers_read(cache: Cache, path: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    open_blob = BlobStore.open

    def counting(store: BlobStore, digest: Digest) -> io.BufferedReader:
        opened.append(digest)
        return open_blob(store, digest)

    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "open", counting)
        content(cache, path)
    return opened


def test_only_the_layer_of_a_file_is_read_if_it_describes_the_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, upper = layer(*BASE), layer(build.directory("etc"), build.file("etc/new"))
    with cache_of(tmp_path, one=images.image(base, upper)) as cache:
        assert layers_read(cache, "/etc/new", monkeypatch) == [upper.digest]


def test_layers_are_read_once_down_to_the_one_that_describes_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle, upper = layer(build.directory("etc", mode=0o700)), layer(build.file("etc/new"))
    with cache_of(tmp_path, one=images.image(layer(*BASE), middle, upper)) as cache:
        assert layers_read(cache, "/etc/new", monkeypatch) == [upper.digest, middle.digest]


def test_a_file_in_a_directory_that_a_lower_layer_replaces_by_a_symlink_is_found(
    tmp_path: Path,
) -> None:
    upper = layer(build.file("lib/new", b"1"))
    with cache_of(tmp_path, one=images.image(layer(*BASE), upper)) as cache:
        assert content(cache, "/lib/new") == content(cache, "/usr/lib/new") == b"1"


def test_a_file_that_is_deleted_through_a_symlink_is_absent(tmp_path: Path) -> None:
    upper = layer(build.file("lib/.wh.os-release"))
    with cache_of(tmp_path, one=images.image(layer(*BASE), upper)) as cache:
        with pytest.raises(NotFound, match="os-release"):
            cache.read_file(NAME, "/usr/lib/os-release")
        assert "/usr/lib/os-release" not in {file.path for file in cache.files(NAME)}


@pytest.mark.parametrize("path", ["/etc", "/", "/pipe"])
def test_reading_what_is_no_file_is_an_error(tmp_path: Path, path: str) -> None:
    pipe = build.entry("pipe", "fifo")
    image = images.image(layer(*BASE, pipe))
    with cache_of(tmp_path, one=image) as cache, pytest.raises(InvalidInput, match="not a file"):
        cache.read_file(NAME, path)


def test_nothing_of_a_damaged_layer_is_returned(tmp_path: Path) -> None:
    image = images.image(layer(*BASE))
    with cache_of(tmp_path, one=image) as cache:
        path = cache.layout.root / "blobs/sha256" / image.layers[0].digest.partition(":")[2]
        path.chmod(0o644)
        data = path.read_bytes()
        path.write_bytes(data + b"\0")

        with pytest.raises((CorruptBlob, InvalidArchive)):
            cache.read_file(NAME, "/etc/motd")


def test_a_layer_that_is_missing_is_named(tmp_path: Path) -> None:
    image = images.image(layer(*BASE))
    with cache_of(tmp_path, one=image) as cache:
        (cache.layout.root / "blobs/sha256" / image.layers[0].digest.partition(":")[2]).unlink()

        with pytest.raises(BlobNotFound, match=image.layers[0].digest):
            cache.files(NAME)


def test_a_platform_is_chosen(tmp_path: Path) -> None:
    index = images.index(
        images.image(layer(build.file("amd")), arch="amd64"),
        images.image(layer(build.file("arm")), arch="arm64"),
    )
    with cache_of(tmp_path, one=index) as cache:
        found = cache.files(NAME, "/", [Platform.parse("linux/arm64")])
        assert [file.path for file in found] == ["/", "/arm"]
        with pytest.raises(PlatformNotFound):
            cache.files(NAME, "/", [Platform.parse("linux/s390x")])


def test_files_lists_what_tar_lists_of_the_export(tmp_path: Path) -> None:
    upper = layer(
        build.directory("etc", mode=0o700, uid=7, gid=8),
        build.file("etc/.wh.motd"),
        build.file("etc/new", b"12345", mtime=1_700_000_000, uid=1000),
    )
    with cache_of(tmp_path, one=images.image(layer(*BASE), upper)) as cache:
        plan = cache.plan_export([NAME], ExportOptions(form=Form.FILESYSTEM))
        exported = b"".join(cache.export_chunks(plan))
        listed = {
            file.path: (file.mode, file.uid, file.gid, file.modified_ns // 1_000_000_000)
            for file in cache.files(NAME)
        }

    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        expected = {
            f"/{info.name}": (info.mode, info.uid, info.gid, info.mtime) for info in archive
        }
    assert {path: fields for path, fields in listed.items() if path != "/"} == expected
    assert listed["/etc"] == (0o700, 7, 8, 0)


def test_a_directory_is_listed_with_what_is_below(tmp_path: Path) -> None:
    with cache_of(tmp_path, one=images.image(layer(*BASE))) as cache:
        found = [file.path for file in cache.files(NAME, "/lib/")]
        assert found == ["/usr/lib", "/usr/lib/os-release"]
        assert [file.path for file in cache.files(NAME, "/lib")] == ["/lib"]
        with pytest.raises(NotFound, match="/absent"):
            cache.files(NAME, "/absent")


def test_changes_of_files_are_told_by_kind(tmp_path: Path) -> None:
    upper = layer(
        build.file("etc/motd", b"two\n"),
        build.file("etc/long", b"12345"),
        build.file("usr/lib/.wh.os-release"),
        build.directory("usr", mode=0o700),
        build.link("lib", "usr"),
    )
    touched = layer(build.file("etc/motd", b"one\n", mtime=1))
    with cache_of(
        tmp_path,
        one=images.image(layer(*BASE), touched),
        two=images.image(layer(*BASE), upper),
    ) as cache:
        found = cache.compare(NAME, OTHER)
        assert [(each.path, each.change, each.fields) for each in found.files] == [
            ("/etc/long", ChangeKind.ADDED, ()),
            ("/etc/motd", ChangeKind.CHANGED, ("content",)),
            ("/lib", ChangeKind.CHANGED, ("target",)),
            ("/usr", ChangeKind.CHANGED, ("mode",)),
            ("/usr/lib/os-release", ChangeKind.REMOVED, ()),
        ]
        assert cache.compare(NAME, NAME).is_empty


def test_a_file_that_was_only_touched_is_not_a_change(tmp_path: Path) -> None:
    touched = layer(build.file("etc/motd", b"one\n", mtime=1))
    with cache_of(
        tmp_path, one=images.image(layer(*BASE)), two=images.image(layer(*BASE), touched)
    ) as cache:
        assert not cache.compare(NAME, OTHER).files


def test_a_comparison_reads_each_layer_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, upper = layer(*BASE), layer(build.file("etc/motd", b"two\n"))
    touched = layer(build.file("etc/motd", b"one\n", mtime=1))
    with cache_of(
        tmp_path, one=images.image(base, touched), two=images.image(base, upper)
    ) as cache:
        opened = []
        open_blob = BlobStore.open

        def counting(store: BlobStore, digest: Digest) -> io.BufferedReader:
            opened.append(digest)
            return open_blob(store, digest)

        monkeypatch.setattr(BlobStore, "open", counting)
        (change,) = cache.compare(NAME, OTHER).files

        assert (change.path, change.fields) == ("/etc/motd", ("content",))
        assert sorted(opened) == sorted(each.digest for each in (base, upper, touched))


STACK = st.lists(st.lists(STEPS, max_size=7), min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(STACK, STACK, st.integers(0, 3))
def test_a_comparison_finds_what_differs_between_the_trees_of_two_images(
    first: list[list[Step]], second: list[list[Step]], shared: int
) -> None:
    stacks = []
    for steps in (first, first[:shared] + second):
        root = Directory()
        stacks.append([apply(root, number, each) for number, each in enumerate(steps)])
    both = [
        ImageLayers(
            name=f"image {number}",
            platform=None,
            digest=Digest.of(b"%d" % number),
            config=embedded(b"{}"),
            layers=tuple(map(embedded, layers)),
        )
        for number, layers in enumerate(stacks)
    ]
    catalog = Catalog.in_memory()
    listings = LayerListings(UNREAD_LAYOUT, catalog)
    found = [(each.path, each.change) for each in compare_files(listings, *both)]
    catalog.close()

    before, after = (meanings(layers) for layers in stacks)
    expected = [(path, ChangeKind.ADDED) for path in after.keys() - before.keys()]
    expected += [(path, ChangeKind.REMOVED) for path in before.keys() - after.keys()]
    expected += [
        (path, ChangeKind.CHANGED)
        for path in before.keys() & after.keys()
        if before[path] != after[path]
    ]
    assert found == sorted(expected)


def meanings(layers: list[bytes]) -> dict[str, object]:
    """Return what a comparison looks at, by the path of each visible file."""
    tree = ImageTree([list(hash_members(io.BytesIO(each), name="layer")) for each in layers])
    return {
        file.path: (
            file.member.kind, file.member.mode, file.member.uid, file.member.gid,
            file.member.size, file.member.target, file.sha256,
        )
        for file in tree.visible()
    }  # fmt: skip


def test_settings_are_compared_by_key(tmp_path: Path) -> None:
    one = images.image(layer(*BASE), labels={"a": "1", "b": "2"})
    two = images.image(layer(*BASE), labels={"a": "1", "b": "3", "c": "4"})
    with cache_of(tmp_path, one=one, two=two) as cache:
        assert cache.compare(NAME, OTHER).values == (
            ("config.Labels.b", "2", "3"),
            ("config.Labels.c", None, "4"),
        )


def test_text_files_are_diffed_and_others_named(tmp_path: Path) -> None:
    one = images.image(layer(build.file("text", b"a\nb\n"), build.file("binary", b"\0\1")))
    two = images.image(layer(build.file("text", b"a\nc\n"), build.file("binary", b"\0\2")))
    with cache_of(tmp_path, one=one, two=two) as cache:
        assert list(cache.text_difference(cache.compare(NAME, OTHER))) == [
            "Files a/binary and b/binary differ",
            "--- a/text",
            "+++ b/text",
            "@@ -1,2 +1,2 @@",
            " a",
            "-b",
            "+c",
        ]


def test_waste_is_what_no_container_sees(tmp_path: Path) -> None:
    upper = layer(build.file("etc/motd", b"1234"), build.file("usr/lib/.wh.os-release"))
    base = BASE[:-1]  # without the hard link, which would show the old content
    with cache_of(tmp_path, one=images.image(layer(*base), upper)) as cache:
        (image,) = cache.waste().images
        assert (image.stored, image.overwritten, image.deleted) == (18, 4, 10)
        assert image.efficiency == pytest.approx(4 / 18)
        assert [file.path for file in image.files] == ["/usr/lib/os-release", "/etc/motd"]


def test_content_stored_in_two_layers_of_the_cache_is_a_duplicate(tmp_path: Path) -> None:
    one = images.image(layer(build.file("a", b"12345")))
    two = images.image(layer(build.file("b", b"12345"), build.file("c", b"12345")))
    with cache_of(tmp_path, one=one, two=two) as cache:
        (found,) = cache.waste().duplicates
        assert (found.size, found.copies, found.wasted) == (5, 3, 10)
        assert sorted(path for _, path in found.places) == ["/a", "/b", "/c"]
        assert len(cache.waste([NAME]).duplicates) == 0


def test_an_image_of_two_names_is_measured_once_under_the_first(tmp_path: Path) -> None:
    image = images.image(layer(*BASE))
    with cache_of(tmp_path, one=image, two=image) as cache:
        assert [each.name for each in cache.waste().images] == [NAME]


def test_one_damaged_image_does_not_stop_the_others(tmp_path: Path) -> None:
    damaged = images.Blob(b"\x1f\x8bnothing", images.OCI_LAYER_GZIP, "sha256:" + "0" * 64)
    one, two = images.image(damaged), images.image(layer(*BASE))
    with cache_of(tmp_path, one=one, two=two) as cache:
        report = cache.waste()
        assert [image.name for image in report.images] == [OTHER]
        (unread,) = report.unread
        assert unread.name == NAME
        assert isinstance(unread.error, CacheError)


def test_names_that_are_not_utf_8_survive(tmp_path: Path) -> None:
    image = images.image(layer(build.file("caf\udce9", b"1")))
    with cache_of(tmp_path, one=image) as cache:
        assert [file.path for file in cache.files(NAME)] == ["/", "/caf\udce9"]
        assert content(cache, "/caf\udce9") == b"1"
