"""Damaged and hostile layers are findings of `index files`, and no other image is lost by them."""

import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cachedb.archive.tar import reader
from cachedb.limits import Limit
from tests import build as images
from tests import recorded
from tests.archive import build, lazy_layers
from tests.cli.conftest import Run, run, succeed
from tests.hostile import kit
from tests.operations.registries import put
from tests.registry import servers

__all__ = ["run"]  # a fixture

SOUND, HOSTILE = "example.com/sound:1", "example.com/hostile:1"
MOTD = images.image(images.layer({"etc/motd": "sound"}))
_SAMPLE = 25
ARCHIVE = build.tar(*(build.file(f"f{number}", b"x" * 700) for number in range(40)))


def layer(content: bytes, media_type: str = images.OCI_LAYER_GZIP) -> images.Blob:
    return images.Blob(content, media_type, "sha256:" + "0" * 64)


def packed(archive: bytes) -> images.Blob:
    return layer(gzip.compress(archive, mtime=0))


def header(**fields: Any) -> bytes:
    """Return one header, with fields as Python's tarfile names them."""
    info = tarfile.TarInfo("a")
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def with_byte(archive: bytes, place: int, value: int) -> bytes:
    return archive[:place] + bytes([value]) + archive[place + 1 :]


def pax(records: bytes, kind: bytes = b"0") -> bytes:
    """Return an extended header with records as they are, and the member that it belongs to."""
    body = records + bytes(-len(records) % 512)
    return header(type=b"x", size=len(records)) + body + header(type=kind) + bytes(1024)


def summed(block: bytes) -> bytes:
    """Return a header with its checksum, which makes sense of whatever else it has."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


PACKED = gzip.compress(ARCHIVE, mtime=0)
ZSTD = lazy_layers.zstd.compress(ARCHIVE)
DAMAGED = {
    "no archive": packed(b"no archive" * 999),
    "no gzip": layer(b"\x1f\x8bnothing"),
    "text": layer(b"not gzip at all, but text" * 99),
    "gzip that is cut short": layer(PACKED[: len(PACKED) // 2]),
    "gzip with another checksum": layer(with_byte(PACKED, len(PACKED) - 6, 7)),
    "gzip with another byte": layer(with_byte(PACKED, len(PACKED) // 2, 0)),
    "zstd that is cut short": layer(ZSTD[: len(ZSTD) // 2], images.OCI_LAYER_ZSTD),
    "zstd with another byte": layer(with_byte(ZSTD, len(ZSTD) // 2, 0), images.OCI_LAYER_ZSTD),
    "archive that is cut short": packed(ARCHIVE[:900]),
    "header that is cut short": packed(ARCHIVE[:100]),
    "header with another checksum": packed(with_byte(ARCHIVE, 150, 0x37)),
    "member of an unknown type": packed(summed(with_byte(header(), 156, ord("Z"))) + bytes(1024)),
    "single zero block": packed(header() + bytes(512) + header()),
    "negative size": packed(summed(header()[:124] + b"\xff" * 12 + header()[136:])),
    "header of a terabyte": packed(header(type=b"x", size=1 << 40)),
    "name of a terabyte": packed(header(type=b"L", size=1 << 40)),
    "nine extended headers": packed(pax(b"12 path=abc\n")[:1024] * 9 + header()),
    "record that lies about its length": packed(pax(b"99 path=abc\n")),
    "record with a negative size": packed(pax(b"11 size=-5\n")),
    "global record that renames": packed(
        header(type=b"g", size=12) + b"12 path=abc\n" + bytes(500) + header() + bytes(1024)
    ),
    "sparse file of an exabyte": packed(
        pax(
            b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
            b"39 GNU.sparse.realsize=9000000000000000\n"
        )
    ),
    "path with a NUL": packed(pax(b"12 path=a\0b\n")),
    "target with a NUL": packed(pax(b"16 linkpath=a\0b\n", b"2")),
    "path of 5000 characters": packed(build.tar(build.file("d/" * 2500 + "end"))),
    "encrypted layer": layer(PACKED, f"{images.OCI_LAYER_GZIP}+encrypted"),
    "layer that is no file system": layer(PACKED, "application/vnd.example.unknown"),
}
"""Layers that cannot be read, by what is wrong with them."""

TREELESS = {
    "hard link to a missing file": build.tar(build.link("a", "missing", "hardlink")),
    "hard link to a directory": build.tar(build.directory("d"), build.link("a", "d", "hardlink")),
    "hard link to itself": build.tar(build.link("a", "a", "hardlink")),
    "symlinks in a circle": build.tar(
        build.link("a", "b"), build.link("b", "a"), build.file("a/file")
    ),
    "symlink in place of the root": build.tar(build.link("./", "elsewhere")),
    "whiteout of the parent": build.tar(build.file("d/.wh...")),
    "whiteout of the directory": build.tar(build.file("d/.wh..")),
    "target of 5000 characters": build.tar(build.link("a", "d/" * 2500)),
}
"""Layers that can be read, and that show no file tree."""


def attributed(name: bytes) -> bytes:
    """Return an archive of a file with an extended attribute."""
    record = b" SCHILY.xattr." + name + b"=value\n"
    return pax(b"%d" % (len(record) + 2) + record)


ODD = {
    "path that climbs": (build.tar(build.file("../../etc/passwd", b"x")), "/etc/passwd"),
    "absolute path": (build.tar(build.file("/etc/shadow", b"x")), "/etc/shadow"),
    "path with an escape": (build.tar(build.file("esc\x1b[31m", b"x")), "/esc\\x1b[31m"),
    "path with a newline": (build.tar(build.file("new\nline", b"x")), "/new\\nline"),
    "path that is not UTF-8": (build.tar(build.file("caf\udce9", b"x")), "/caf\\udce9"),
    "path with a backslash": (build.tar(build.file("a\\b", b"x")), "/a\\b"),
    "time before the year 1": (build.tar(build.file("old", b"x", mtime=-(2**40))), "/old"),
    "time after the year 9999": (build.tar(build.file("new", b"x", mtime=2**62)), "/new"),
    "owner of 63 bits": (build.tar(build.file("owned", b"x", uid=2**63 - 1, gid=2**62)), "/owned"),
    "symlink out of the image": (build.tar(build.link("out", "../../../../etc/passwd")), "/out"),
    "target that is not UTF-8": (build.tar(build.link("link", "caf\udce9")), "/link"),
    "attribute that is not UTF-8": (attributed(b"user.caf\xe9"), "/a"),
    "attribute with a NUL": (attributed(b"user.\0"), "/a"),
    "attribute without a name": (attributed(b""), "/a"),
    "path of 400 directories": (
        build.tar(build.file("d/" * 400 + "end", b"x")),
        "/" + "d/" * 400 + "end",
    ),
}
"""Archives of an entry that is indexed, with the path that is printed of it."""


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Limit(name="sparse file bytes", variable="CACHEDB_LIMIT_X", value=1 << 30)
    monkeypatch.setattr(reader, "SPARSE_FILE_BYTES", small)


def cache_with(folder: Path, hostile: images.Blob) -> Path:
    """Return a cache of two images: the hostile one comes first."""
    named = {HOSTILE: images.image(hostile), SOUND: MOTD}
    return images.layout(folder / "cache", named).path


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_layer_that_cannot_be_read_is_a_finding_that_stops_no_other(
    kind: str, run: Run, tmp_path: Path
) -> None:
    hostile = DAMAGED[kind]
    cache = cache_with(tmp_path, hostile)

    for _ in range(2):  # the second run knows it
        done = run(cache, "index", "files", "--all")

        assert done.code == 8
        (told,) = (line for line in done.err.splitlines() if line.startswith("cachedb: "))
        assert f"cannot read 1 layer, first {hostile.digest}: " in told
    found = json.loads(run(cache, "index", "files", "--all", "--format", "json").out)
    assert [each["digest"] for each in found["unreadable"]] == [hostile.digest]
    assert succeed(run, cache, "query", "-q", "refs file:/etc/motd show name") == f"{SOUND}\n"
    assert succeed(run, cache, "query", "-q", "refs not is:listed show name") == f"{HOSTILE}\n"
    for command in ("files", "waste"):
        assert run(cache, command, HOSTILE).code in {2, 8}


@pytest.mark.parametrize("kind", sorted({**DAMAGED, **TREELESS}))
def test_an_import_with_index_files_names_what_cannot_be_indexed_and_takes_all_images(
    kind: str, run: Run, tmp_path: Path
) -> None:
    hostile = DAMAGED[kind] if kind in DAMAGED else packed(TREELESS[kind])
    archive, cache = tmp_path / "images.tar", tmp_path / "cache"
    archive.write_bytes(images.archive({HOSTILE: images.image(hostile), SOUND: MOTD}))

    done = run(cache, "import", archive, "--index-files")

    assert done.code == 0
    (told,) = (line for line in done.err.splitlines() if line.startswith("warning: cannot index"))
    assert hostile.digest in told or HOSTILE in told
    assert set(succeed(run, cache, "query", "-q", "refs show name").split()) == {HOSTILE, SOUND}
    assert succeed(run, cache, "query", "-q", "refs file:/etc/motd show name") == f"{SOUND}\n"
    assert succeed(run, cache, "query", "-q", "refs not is:listed show name") == f"{HOSTILE}\n"


def test_a_pull_with_index_files_names_what_cannot_be_indexed_and_takes_all_images(
    run: Run, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    hostile = {f"t/hostile-{number}": DAMAGED[kind] for number, kind in enumerate(DAMAGED)}
    with servers.docker_registry(tmp_path / "registry") as served:
        for name, damaged in hostile.items():
            put(served.host, name, images.image(damaged), tag="1")
        put(served.host, "t/sound", MOTD, tag="1")
        names = [f"{served.host}/{name}:1" for name in (*hostile, "t/sound")]

        done = run(cache, "pull", *names, "--index-files")

    assert done.code == 0
    lines = [line for line in done.err.splitlines() if line.startswith("warning: cannot index")]
    digests = {damaged.digest for damaged in hostile.values()}
    assert {digest for digest in digests if any(digest in line for line in lines)} == digests
    assert set(succeed(run, cache, "query", "-q", "refs show name").split()) == set(names)
    assert succeed(run, cache, "query", "-q", "refs file:/etc/motd show name") == f"{names[-1]}\n"


def test_an_import_with_index_files_tells_the_limit_of_entries(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Limit(name="layer members", variable="CACHEDB_LIMIT_LAYER_MEMBERS", value=39)
    monkeypatch.setattr(reader, "LAYER_MEMBERS", small)
    archive = tmp_path / "images.tar"
    archive.write_bytes(images.archive({HOSTILE: images.image(packed(ARCHIVE)), SOUND: MOTD}))

    done = run(tmp_path / "cache", "import", archive, "--index-files")

    assert done.code == 0
    assert "exceeds the layer members limit of 39" in done.err
    assert "CACHEDB_LIMIT_LAYER_MEMBERS" in done.err
    found = succeed(run, tmp_path / "cache", "query", "-q", "refs is:listed show name")
    assert found == f"{SOUND}\n"


@pytest.mark.parametrize("kind", TREELESS)
def test_an_image_whose_layers_show_no_tree_is_a_finding_that_stops_no_other(
    kind: str, run: Run, tmp_path: Path
) -> None:
    cache = cache_with(tmp_path, packed(TREELESS[kind]))

    for _ in range(2):
        done = run(cache, "index", "files", "--all")

        assert done.code == 8
        (told,) = (line for line in done.err.splitlines() if line.startswith("cachedb: "))
        assert told.startswith(f"cachedb: cannot read 1 image, first {HOSTILE!r}: layer 0")
    assert succeed(run, cache, "query", "-q", "refs file:/etc/motd show name") == f"{SOUND}\n"
    assert succeed(run, cache, "query", "-q", "refs not is:listed show name") == f"{HOSTILE}\n"
    assert run(cache, "files", HOSTILE).code in {2, 8}
    assert run(cache, "waste", HOSTILE).code == 8
    assert run(cache, "validate", "--deep", HOSTILE).code == 8


@pytest.mark.parametrize("kind", ODD)
def test_odd_entries_are_indexed_and_print_escaped(kind: str, run: Run, tmp_path: Path) -> None:
    archive, printed = ODD[kind]
    cache = cache_with(tmp_path, packed(archive))
    listed = succeed(run, cache, "files", HOSTILE)

    succeed(run, cache, "index", "files", "-q", "--all")

    assert succeed(run, cache, "files", HOSTILE) == listed
    assert printed in succeed(run, cache, "files", "-q", HOSTILE).splitlines()
    query = f"files any manifest(ref.name:{HOSTILE}) not type:directory show path"
    assert succeed(run, cache, "query", "-q", query) == f"{printed}\n"
    assert succeed(run, cache, "query", f"{query},modified,uid,target")


def test_more_entries_than_the_limit_are_a_finding_that_stops_no_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Limit(name="layer members", variable="CACHEDB_LIMIT_LAYER_MEMBERS", value=39)
    monkeypatch.setattr(reader, "LAYER_MEMBERS", small)
    hostile = packed(ARCHIVE)
    cache = cache_with(tmp_path, hostile)

    done = run(cache, "index", "files", "--all")

    assert done.code == 8
    (told,) = (line for line in done.err.splitlines() if line.startswith("cachedb: "))
    assert f"cannot read 1 layer, first {hostile.digest}" in told
    assert "exceeds the layer members limit of 39" in told
    assert "CACHEDB_LIMIT_LAYER_MEMBERS" in done.err
    assert succeed(run, cache, "query", "-q", "refs file:/etc/motd show name") == f"{SOUND}\n"


@recorded.parameters()
def hostile_layouts() -> list[Any]:
    """Return the cases; those of layers run with every test, and some of the others."""
    return [
        pytest.param(*one.values, id=one.id, marks=() if is_sampled else pytest.mark.campaign)
        for number, one in enumerate(kit.layouts("layout", "both"))
        for is_sampled in ("layer" in one.values[0].name or number % _SAMPLE == 0,)
    ]


@pytest.mark.recorded
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", hostile_layouts())
def test_hostile_layouts_are_indexed_or_told(case: Any, run: Run, tmp_path: Path) -> None:
    hostile = kit.load("hostile_layouts")
    hostile.build(case, str(tmp_path))
    layout = tmp_path / case.name / "layout"

    for words in (("index", "files", "--all"), ("waste",), ("query", "files")):
        done = run(layout, *words)

        assert done.code in {0, 2, 3, 4, 8}
        assert done.code == 0 or any(x.startswith("cachedb: ") for x in done.err.splitlines())
        assert hostile.check(str(tmp_path), case.name) == []
