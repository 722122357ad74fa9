"""Tables of contents of layers: read without the layer, and compared with it."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from cachedb.archive import table_of_contents
from cachedb.archive.image_tree import LayerFile, hash_members
from cachedb.archive.tar.reader import MemberKind
from cachedb.errors import InvalidArchive, LimitExceeded
from cachedb.limits import Limit
from tests import build as images
from tests.archive import build, lazy_layers
from tests.archive.lazy_layers import Json

ENTRIES = (
    build.directory("etc", mode=0o1777, uid=7, gid=8),
    build.file("etc/motd", b"hello", mode=0o4755),
    build.file("etc/empty", b""),
    build.link("etc/link", "motd"),
    build.link("etc/hard", "etc/motd", "hardlink"),
    build.entry("null", "char", devmajor=1, devminor=3),
    build.entry("pipe", "fifo"),
    build.file("etc/.wh.gone"),
)
ARCHIVE = build.tar(*ENTRIES)


def told(layer: images.Blob) -> list[LayerFile]:
    source = io.BytesIO(layer.content)
    found = table_of_contents.read(source, layer.size, dict(layer.annotations), name="layer")
    assert found is not None
    return found


def stored(layer: images.Blob) -> list[LayerFile]:
    return list(hash_members(io.BytesIO(layer.content), name="layer"))


WRITERS = [
    pytest.param(lazy_layers.stargz, id="stargz"),
    pytest.param(lazy_layers.chunked, id="chunked"),
    pytest.param(
        lambda archive, contents: lazy_layers.chunked(archive, contents, lazy_layers.PLAIN),
        id="chunked by containerd",
    ),
]
Writer = Callable[[bytes, Json | bytes], images.Blob]


@pytest.mark.parametrize("layer", lazy_layers.recorded(), ids=["stargz", "chunked"])
def test_the_table_of_a_recorded_layer_lists_its_archive(layer: images.Blob) -> None:
    found = told(layer)

    assert table_of_contents.first_difference(found, stored(layer)) is None
    assert {file.member.kind for file in found} >= {
        MemberKind.FILE, MemberKind.DIRECTORY, MemberKind.SYMLINK, MemberKind.HARD_LINK,
        MemberKind.FIFO, MemberKind.CHARACTER,
    }  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_every_kind_of_entry_is_listed(write: Writer) -> None:
    layer = write(ARCHIVE, lazy_layers.table(ARCHIVE))

    assert table_of_contents.first_difference(told(layer), stored(layer)) is None


def test_the_rest_of_a_file_in_chunks_is_no_entry() -> None:
    contents = lazy_layers.table(ARCHIVE)
    contents["entries"].insert(2, {"name": "etc/motd", "type": "chunk", "chunkOffset": 3})
    layer = lazy_layers.chunked(ARCHIVE, contents)

    assert table_of_contents.first_difference(told(layer), stored(layer)) is None


def test_a_layer_without_a_declared_table_has_none() -> None:
    layer = lazy_layers.stargz(ARCHIVE, lazy_layers.table(ARCHIVE))

    assert not table_of_contents.is_declared({})
    assert table_of_contents.read(io.BytesIO(layer.content), layer.size, {}, name="x") is None


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (1, {"digest": "sha256:" + "0" * 64}, f"has '{'0' * 64}' for the SHA-256 of 'etc/motd'"),
        (1, {"size": 4}, "has 4 for the size of 'etc/motd', not 5"),
        (1, {"mode": 0o644}, "has '0644' for the mode"),
        (1, {"name": "etc/shadow"}, "lists 'etc/shadow' in the place of 'etc/motd'"),
        (1, {"uid": 1}, "has (1, 0) for the owner"),
        (1, {"xattrs": {"user.a": "AA=="}}, "for the extended attributes"),
        (1, {"modtime": "1970-01-01T00:00:09Z"}, "another time of modification"),
        (3, {"linkName": "shadow"}, "has 'shadow' for the target"),
        (3, {"type": "hardlink"}, "has 'hard link' for the type"),
        (5, {"devMinor": 8}, "has (1, 8) for the device"),
    ],
)
def test_a_table_that_lies_differs_from_the_archive(
    write: Writer, place: int, change: Json, message: str
) -> None:
    contents = lazy_layers.table(ARCHIVE)
    contents["entries"][place] |= change
    layer = write(ARCHIVE, contents)

    difference = table_of_contents.first_difference(told(layer), stored(layer))

    assert difference is not None
    assert message in difference


def test_a_table_that_leaves_an_entry_out_differs_from_the_archive() -> None:
    contents = lazy_layers.table(ARCHIVE)
    del contents["entries"][-1]
    layer = lazy_layers.chunked(ARCHIVE, contents)

    assert table_of_contents.first_difference(told(layer), stored(layer)) == (
        "lists 7 entries, the archive has 8"
    )


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("place", [0, 4])
def test_a_table_with_an_entry_too_many_or_too_few_differs_from_the_archive(
    write: Writer, place: int
) -> None:
    true = lazy_layers.table(ARCHIVE)
    entries = true["entries"]
    few = [*entries[:place], *entries[place + 1 :]]
    many = [*entries[:place], {**entries[0], "name": "more"}, *entries[place:]]
    for changed_entries in (few, many):
        layer = write(ARCHIVE, {**true, "entries": changed_entries})
        difference = table_of_contents.first_difference(told(layer), stored(layer))
        assert difference is not None
        assert difference.startswith("lists ")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"version": 2, "entries": []}',
        b'{"version": 1, "entries": [7]}',
        b'{"version": 1, "entries": [{"type": "socket", "name": "a"}]}',
        b'{"version": 1, "entries": [{"name": "a"}]}',
        b'{"version": 1, "entries": [{"type": ["dir"], "name": "a"}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "xattrs": {"type": "dir"}}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "xattrs": {"type": "chunk"}}]}',
        b'{"type": "dir", "version": 1, "entries": []}',
        b'{"version": 1, "entries": [{"type": "dir", "name": 7}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "caf\xef\xbf\xbd"}]}',
        rb'{"version": 1, "entries": [{"type": "dir", "name": "\ud800"}]}',
        rb'{"version": 1, "entries": [{"type": "symlink", "name": "a", "linkName": "\udce9"}]}',
        b'{"version": 1, "entries": [{"type": "reg", "name": "a", "size": true}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "modtime": ["x"]}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "mode": -1}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "uid": 1e3}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "modtime": "yesterday"}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "modtime": 7}]}',
        b'{"version": 1, "entries": [{"type": "dir", "name": "a", "xattrs": {"b": "!"}}]}',
        b'{"version": 1, "entries": [{"type": "reg", "name": "a", "size": 1}]}',
        b'{"version": 1, "entries": [{"type": "reg", "name": "a", "digest": "md5:00"}]}',
    ],
)
def test_a_table_that_is_malformed_cannot_be_used(write: Writer, contents: bytes) -> None:
    with pytest.raises(InvalidArchive, match="layer: "):
        told(write(ARCHIVE, contents))


def changed(layer: images.Blob, **annotations: str) -> dict[str, str]:
    names = {"digest": table_of_contents.STARGZ_DIGEST}
    names |= {key: f"{lazy_layers.GITHUB}.manifest-{key}" for key in ("position", "checksum")}
    return dict(layer.annotations) | {names[key]: value for key, value in annotations.items()}


@pytest.mark.parametrize(
    ("write", "annotations", "message"),
    [
        (lazy_layers.stargz, {"digest": "sha256:" + "0" * 64}, "its digest is sha256:"),
        (lazy_layers.chunked, {"checksum": "sha256:" + "0" * 64}, "its digest is sha256:"),
        (lazy_layers.chunked, {"position": "1:2"}, "its position is '1:2'"),
        (lazy_layers.chunked, {"position": "0:999999:1:1"}, "its position is '0:999999:1:1'"),
        (lazy_layers.chunked, {"position": "0:9:9:2"}, "its position is '0:9:9:2'"),
        (lazy_layers.chunked, {"position": "-1:9:9:1"}, "its position is '-1:9:9:1'"),
    ],
)
def test_a_table_that_is_not_the_declared_one_cannot_be_used(
    write: Any, annotations: dict[str, str], message: str
) -> None:
    layer = write(ARCHIVE, lazy_layers.table(ARCHIVE))

    with pytest.raises(InvalidArchive, match=message):
        table_of_contents.read(
            io.BytesIO(layer.content), layer.size, changed(layer, **annotations), name="layer"
        )


@pytest.mark.parametrize("end", [b"", b"\0" * 51, b"\x1f\x8b\x08\x04" + b"\0" * 47])
def test_a_layer_that_does_not_end_as_stargz_has_no_table(end: bytes) -> None:
    content = (b"" if not end else ARCHIVE) + end

    with pytest.raises(InvalidArchive, match="cannot be used"):
        table_of_contents.read(
            io.BytesIO(content), len(content), {table_of_contents.STARGZ_DIGEST: ""}, name="layer"
        )


@pytest.mark.parametrize("write", WRITERS)
def test_a_table_beyond_the_limit_is_refused(
    write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = write(ARCHIVE, lazy_layers.table(ARCHIVE))
    small = Limit(name="toc bytes", variable="CACHEDB_LIMIT_TOC_BYTES", value=100)
    monkeypatch.setattr(table_of_contents, "TOC_BYTES", small)

    with pytest.raises(LimitExceeded, match="toc bytes limit of 100"):
        told(layer)
