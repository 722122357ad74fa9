"""The tar reader: every form in use, and nothing that it cannot read passed over."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive, LimitExceeded
from cachedb.limits import TAR_HEADER_BYTES, Limit
from tests.archive import build
from tests.archive.build import OneWay, directory, entry, file, link
from tests.programs import require

FEW = Limit(name="members", variable="MEMBERS", value=3)


def read(archive: bytes) -> list[tuple[Member, bytes]]:
    return [
        (each.member, each.body.read()) for each in reader.read(io.BytesIO(archive), name="a.tar")
    ]


def paths(archive: bytes) -> list[str]:
    return [member.path for member, _ in read(archive)]


def header(name: str = "f", size: bytes = b"00000000000\0", kind: bytes = b"0") -> bytes:
    """Return a header that no library would write."""
    info = tarfile.TarInfo(name)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(content: bytes, kind: bytes = b"x") -> bytes:
    size = b"%011o\0" % len(content)
    return header("pax", size, kind) + content + bytes(-len(content) % 512)


LONG = "d" * 90 + "/" + "é" * 200
FORMS = [
    pytest.param(tarfile.USTAR_FORMAT, id="ustar"),
    pytest.param(tarfile.GNU_FORMAT, id="gnu"),
    pytest.param(tarfile.PAX_FORMAT, id="pax"),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_member_is_read(form: int) -> None:
    archive = build.tar(
        directory("d", uid=5, gid=6, uname="me", gname="us", mtime=1234567890),
        file("d/f", b"content", mode=0o4755),
        link("d/s", "f"),
        link("d/h", "d/f", "hardlink"),
        entry("c", "char", devmajor=1, devminor=3),
        entry("b", "block", devmajor=8, devminor=0),
        entry("p", "fifo"),
        form=form,
    )
    found = read(archive)
    assert [(member.path, member.kind) for member, _ in found] == [
        ("d/", MemberKind.DIRECTORY),
        ("d/f", MemberKind.FILE),
        ("d/s", MemberKind.SYMLINK),
        ("d/h", MemberKind.HARD_LINK),
        ("c", MemberKind.CHARACTER),
        ("b", MemberKind.BLOCK),
        ("p", MemberKind.FIFO),
    ]
    first, regular = found[0][0], found[1]
    assert (first.uid, first.gid, first.user, first.group) == (5, 6, "me", "us")
    assert first.modified_ns == 1234567890 * 10**9
    assert (regular[0].mode, regular[0].size, regular[1]) == (0o4755, 7, b"content")
    assert (found[2][0].target, found[3][0].target) == ("f", "d/f")
    assert (found[4][0].device, found[5][0].device) == ((1, 3), (8, 0))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_does_not_fit_a_header_is_read(form: int) -> None:
    archive = build.tar(
        file(LONG, b"x", uid=3_000_000, gid=4_000_000),
        link("l", LONG),
        file("\udcff\udcfe"),
        form=form,
    )
    (regular, _), (linked, _), (raw, _) = read(archive)
    assert (regular.path, regular.uid, regular.gid) == (LONG, 3_000_000, 4_000_000)
    assert linked.target == LONG
    assert raw.path == "\udcff\udcfe"


def test_ustar_keeps_the_start_of_a_long_name_apart() -> None:
    name = "d" * 120 + "/" + "f" * 90
    archive = build.tar(file(name), form=tarfile.USTAR_FORMAT)
    assert paths(archive) == [name]
    # star has a shorter prefix, and times behind it.
    block = bytearray(archive[:512])
    block[345 + 131 : 500] = b"0" * 24
    block[508:512] = b"tar\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert paths(bytes(block)) == [name]


def test_a_body_is_a_stream_like_others() -> None:
    each = next(reader.read(io.BytesIO(build.tar(file("f", b"1234567"))), name="x"))
    stream = io.BufferedReader(each.body)
    assert (stream.read(3), stream.read(), stream.read()) == (b"123", b"4567", b"")


def test_pax_records_win_over_the_header() -> None:
    records = {
        "mtime": "1.25",
        "SCHILY.xattr.user.a": "value",
        "SCHILY.xattr.user.empty": "",
        "comment": "no",
    }
    ((member, _),) = read(build.tar(file("f", pax_headers=records)))
    assert member.modified_ns == 1_250_000_000
    assert member.xattrs == {"user.a": b"value", "user.empty": b""}


def test_a_negative_time_is_before_1970() -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        ((member, _),) = read(build.tar(file("f", mtime=-5), form=form))
        assert member.modified_ns == -5 * 10**9


def test_a_pipe_will_do() -> None:
    archive = build.tar(file("a", b"1" * 3000), file("b", b"2"))
    found = [(e.member.path, e.body.read()) for e in reader.read(OneWay(archive, 7), name="x")]
    assert found == [("a", b"1" * 3000), ("b", b"2")]


def test_a_body_that_was_not_read_is_passed_over() -> None:
    archive = build.tar(file("a", b"1" * 3000), file("b", b"2"))
    found = reader.read(OneWay(archive), name="x")
    first = next(found)
    assert first.body.read(10) == b"1" * 10
    assert next(found).body.read() == b"2"


def test_the_stream_is_read_to_its_end() -> None:
    stream = io.BytesIO(build.tar(file("a")) + b"garbage")
    list(reader.read(stream, name="x"))
    assert stream.read() == b""


def test_an_archive_may_end_without_zero_blocks() -> None:
    archive = build.tar(file("a", b"1"))[:1024]
    assert paths(archive) == ["a"]
    assert paths(archive + bytes(512)) == ["a"]
    assert paths(b"") == []


def test_directories_of_the_oldest_tars_are_known_by_their_slash() -> None:
    ((member, _),) = read(header("d/"))
    assert member.kind is MemberKind.DIRECTORY


def test_the_sum_of_signed_characters_counts_too() -> None:
    block = bytearray(header("\udcff"))
    block[148:156] = b"%06o\0 " % (int(block[148:154], 8) - 256)
    assert paths(bytes(block)) == ["\udcff"]


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        pytest.param(b"x" * 512, "not a tar archive", id="not-a-tar"),
        pytest.param(header()[:100], "truncated", id="cut-in-the-first-header"),
        pytest.param(header(size=b"00000000001\0"), "truncated", id="no-content"),
        pytest.param(header(size=b"0000000000x\0"), "octal", id="no-number"),
        pytest.param(header(size=b"\xff" * 12), "size of -1", id="negative-size"),
        pytest.param(
            header(size=b"\x80" + bytes(3) + b"\x40" + bytes(7)), "truncated", id="huge-size"
        ),
        pytest.param(header(kind=b"V"), "unknown type", id="unknown-type"),
        pytest.param(header() + bytes(512) + header(), "zero block", id="hole-of-one-block"),
        pytest.param(pax(b"9 path=a\n"), "ends after", id="nothing-behind-a-header"),
        pytest.param(pax(b"x path=a\n") + header(), "no length", id="record-without-length"),
        pytest.param(pax(b"99 path=a\n") + header(), "malformed", id="record-too-long"),
        pytest.param(pax(b"8 path=a\n") + header(), "malformed", id="record-too-short"),
        pytest.param(pax(b"7 path\n") + header(), "malformed", id="record-without-value"),
        pytest.param(pax(b"12 path=a\0b\n") + header(), "NUL", id="name-with-a-nul"),
        pytest.param(pax(b"11 size=-1\n") + header(), "size of -1", id="negative-size-in-pax"),
        pytest.param(pax(b"11 size=xx\n") + header(), "not a number", id="no-number-in-pax"),
        pytest.param(pax(b"13 mtime=1e9\n") + header(), "not a time", id="no-time-in-pax"),
        pytest.param(pax(b"9 path=a\n", b"g") + header(), "global", id="global-path"),
        pytest.param(pax(b"9 path=a\n") * 9 + header(), "too many", id="headers-without-end"),
        pytest.param(header(kind=b"S"), "not GNU's", id="sparse-and-not-gnu"),
    ],
)
def test_a_malformed_archive_is_refused(archive: bytes, why: str) -> None:
    with pytest.raises(InvalidArchive, match=why) as caught:
        read(archive)
    assert str(caught.value).startswith("a.tar: ")


def test_a_layer_may_end_behind_the_content_of_its_last_member() -> None:
    whole = build.tar(file("a", b"1" * 600), file("b", b"2"))
    content = 512 + 1024 + 512  # two headers, the first content and its padding
    for length in (512, 1):
        layer = io.BytesIO(whole[: content + length])
        found = [(each.member, each.body.read()) for each in reader.read_layer(layer, name="x")]
        assert found == read(whole)
    with pytest.raises(InvalidArchive, match="truncated within"):
        list(reader.read_layer(io.BytesIO(whole[:content]), name="x"))
    with pytest.raises(InvalidArchive, match="truncated after"):
        read(whole[: content + 1])


def test_a_header_beyond_the_limit_is_not_read() -> None:
    size = b"%011o\0" % (TAR_HEADER_BYTES.value + 1)
    for kind in (b"x", b"g", b"L", b"K"):
        with pytest.raises(LimitExceeded):
            read(header(size=size, kind=kind))


def test_members_are_counted() -> None:
    archive = build.tar(*(file(str(number)) for number in range(4)))
    with pytest.raises(LimitExceeded):
        list(reader.read(io.BytesIO(archive), name="x", limit=FEW))


def test_an_archive_that_is_cut_anywhere_is_refused_or_shorter() -> None:
    archive = build.tar(file(LONG, b"1" * 600), link("l", "x"), file("b", b"2"))
    whole = read(archive)
    shorter = 0
    for length in range(0, len(archive) - 1024, 64):
        try:
            found = read(archive[:length])
        except InvalidArchive:
            continue
        assert found == whole[: len(found)]
        shorter += len(found) < len(whole)
    assert shorter <= len(whole)


RUNS = b"".join(bytes([number + 65]) * 4096 for number in range(6))


@pytest.fixture
def sparse_file(tmp_path: Path) -> Path:
    """Make a file with six runs of data and holes between, before and behind them."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for number in range(6):
            file.seek((1 << 17) * (number + 1))
            file.write(RUNS[number * 4096 : (number + 1) * 4096])
        file.truncate((1 << 20) + 5)
    return path


@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_are_read_in_all_their_forms(sparse_file: Path, form: str) -> None:
    require("tar")
    options = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    archive = subprocess.run(
        ["tar", "--sparse", *options, "-C", sparse_file.parent, "-c", sparse_file.name],
        check=True,
        capture_output=True,
    ).stdout
    assert len(archive) < 1 << 17
    ((member, content),) = read(archive)
    assert member.path == "sparse"
    assert member.is_sparse
    assert member.size == (1 << 20) + 5
    assert content == sparse_file.read_bytes()


def test_a_sparse_file_without_end_is_refused() -> None:
    records = {"GNU.sparse.size": str(1 << 60), "GNU.sparse.map": "0,1", "GNU.sparse.name": "f"}
    with pytest.raises(LimitExceeded):
        read(build.tar(file("f", b"x", pax_headers=records)))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param({"size": "4", "map": "0,2,1,2"}, id="backwards"),
        pytest.param({"size": "3", "map": "0,4"}, id="beyond-its-end"),
        pytest.param({"size": "9", "map": "0,5"}, id="more-than-stored"),
        pytest.param({"size": "9", "map": "0,4,5"}, id="half-a-pair"),
        pytest.param({"size": "9", "map": "0,x"}, id="no-number"),
        pytest.param({"map": "0,4"}, id="no-size"),
        pytest.param({"major": "2", "minor": "0", "realsize": "4"}, id="version"),
        pytest.param({"major": "1", "minor": "0", "realsize": "4"}, id="no-map"),
    ],
)
def test_a_map_that_is_wrong_is_refused(records: dict[str, str]) -> None:
    headers = {f"GNU.sparse.{key}": value for key, value in records.items()}
    with pytest.raises(InvalidArchive):
        read(build.tar(file("f", b"data", pax_headers=headers)))


def test_a_map_in_the_content_has_a_limit() -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "4"}
    with pytest.raises(InvalidArchive, match="too long"):
        read(build.tar(file("f", b"9" * 4096, pax_headers=headers)))


NAME = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=120
)
ENTRY = st.builds(
    lambda name, content, mode, uid, mtime: file(name, content, mode=mode, uid=uid, mtime=mtime),
    NAME.filter(lambda name: not name.endswith("/")),
    st.binary(max_size=1500),
    st.integers(0, 0o7777),
    st.integers(0, 2**40),
    st.integers(-(2**33), 2**40),
)


@given(st.lists(ENTRY, max_size=4), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_what_the_standard_library_wrote_is_read(
    entries: list[tuple[tarfile.TarInfo, bytes]], form: int
) -> None:
    expected = [
        (info.name, info.mode, info.uid, info.mtime * 10**9, content) for info, content in entries
    ]
    found = [
        (member.path, member.mode, member.uid, member.modified_ns, content)
        for member, content in read(build.tar(*entries, form=form))
    ]
    assert found == expected


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_flipped_byte_gives_our_error_or_another_content(position: int, flip: int) -> None:
    archive = bytearray(
        build.tar(file("a", b"1" * 30, pax_headers={"comment": "c"}), link("l", "x"))
    )
    archive[position % len(archive)] ^= flip
    problems = []
    try:
        read(bytes(archive))
    except (InvalidArchive, LimitExceeded) as error:
        problems.append(str(error))
    assert all(map(str.isprintable, problems))


def test_memory_does_not_grow_with_the_content() -> None:
    size = 1 << 26
    block = header("zeros", b"%011o\0" % size)

    class Endless(io.RawIOBase):
        left = len(block) + size

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            start = len(block) + size - self.left
            found = (block[start:] if start < len(block) else bytes(len(buffer)))[
                : min(len(buffer), self.left)
            ]
            buffer[: len(found)] = found
            self.left -= len(found)
            return len(found)

    longest = 0
    for each in reader.read(io.BufferedReader(Endless()), name="x"):
        for chunk in each.body.chunks():
            longest = max(longest, len(chunk))
    assert 0 < longest <= 1 << 20


def test_bsdtar_is_read(tmp_path: Path) -> None:
    require("bsdtar")
    (tmp_path / ("n" * 200)).write_bytes(b"long")
    (tmp_path / "é").symlink_to("n" * 200)
    os.utime(tmp_path / ("n" * 200), ns=(0, 1_500_000_000))
    for form in ("ustar", "pax", "gnutar", "v7"):
        command = ["bsdtar", f"--format={form}", "-C", tmp_path, "-cf", "-", "."]
        made = subprocess.run(command, check=False, capture_output=True)
        found = {member.path: content for member, content in read(made.stdout)}
        if form in {"pax", "gnutar"}:
            assert found["./" + "n" * 200] == b"long"
            assert "./é" in found
