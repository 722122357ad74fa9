"""Decompression: by what the bytes are, checked to the end, and bounded."""

import gzip
import io
import lzma
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.archive import compression as module
from cachedb.archive.compression import Compression, Decompressed, sniff
from cachedb.errors import InvalidArchive
from tests.archive.build import OneWay

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACK = {
    Compression.NONE: bytes,
    Compression.GZIP: lambda data: gzip.compress(data, mtime=0),
    Compression.ZSTD: zstd.compress,
}
TEXT = bytes(range(256)) * 300


def unpack(data: bytes) -> bytes:
    return Decompressed(OneWay(data), name="x").read()


@pytest.mark.parametrize("compression", list(Compression))
def test_the_bytes_tell_how_they_are_compressed(compression: Compression) -> None:
    stream = Decompressed(io.BytesIO(PACK[compression](TEXT)), name="x")
    assert stream.compression is compression
    assert stream.read() == TEXT
    assert stream.read() == b""


@given(
    st.sampled_from(list(Compression)),
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_all_members_of_a_stream_are_read(
    compression: Compression, parts: list[bytes], at_most: int
) -> None:
    whole = b"".join(parts)
    if compression is Compression.NONE and (
        sniff(whole) is not Compression.NONE
        or whole.startswith((b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04"))
    ):
        return
    packed = b"".join(map(PACK[compression], parts))
    stream = Decompressed(OneWay(packed, at_most), name="x")
    assert b"".join(iter(lambda: stream.read(7), b"")) == whole


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_a_stream_that_is_cut_short_is_refused(compression: Compression) -> None:
    packed = PACK[compression](b"some text")
    for length in range(5, len(packed)):
        with pytest.raises(InvalidArchive, match=r"x: the .* data are truncated"):
            unpack(packed[:length])


@pytest.mark.parametrize("position", [-1, -5, 20])
def test_a_wrong_checksum_is_refused(position: int) -> None:
    packed = bytearray(PACK[Compression.GZIP](TEXT))
    packed[position] ^= 1
    with pytest.raises(InvalidArchive, match="damaged"):
        unpack(bytes(packed))


def outcome(data: bytes, monkeypatch: pytest.MonkeyPatch, inflating: object) -> bytes | None:
    """Unpack with one library; None if it refuses the data."""
    monkeypatch.setattr(module, "inflating", inflating)
    try:
        return unpack(data)
    except InvalidArchive:
        return None


def with_header_fields(content: bytes) -> bytes:
    """Return a gzip member with an extra field, a name, a comment and a checksum of its header."""
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x04\x00abcd" + b"name\0" + b"comment\0"
    return (
        header + (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") + gzip.compress(content)[10:]
    )


SHORT = gzip.compress(TEXT[:300], mtime=0)
GZIP_DATA = {
    "two members": SHORT + SHORT,
    "every field of a header": with_header_fields(TEXT[:300]),
    "a stored block": gzip.compress(TEXT, 0),
    "an empty member": gzip.compress(b"") + SHORT,
    "padding": SHORT + bytes(1000),
    "another format behind it": SHORT + b"tail",
    "a header behind it": SHORT + SHORT[:7],
    "no bytes behind its magic": SHORT[:4],
}


@pytest.mark.parametrize("name", GZIP_DATA)
def test_isal_and_zlib_read_the_same_gzip(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    isal_zlib = pytest.importorskip("isal.isal_zlib", reason="isal has no wheel for this platform")
    read = outcome(GZIP_DATA[name], monkeypatch, isal_zlib)

    assert read == outcome(GZIP_DATA[name], monkeypatch, zlib)
    assert (read is None) == (name in {"another format behind it", "a header behind it",
                                       "no bytes behind its magic"})  # fmt: skip


def test_isal_and_zlib_refuse_the_same_damaged_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte of an archive is changed, and each of its beginnings is read."""
    isal_zlib = pytest.importorskip("isal.isal_zlib", reason="isal has no wheel for this platform")
    whole = with_header_fields(TEXT[:300])
    damaged = [
        whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(len(whole))
    ]
    cut = [whole[:length] for length in range(1, len(whole))]
    differ = [
        data
        for data in (*damaged, *cut)
        if outcome(data, monkeypatch, isal_zlib) != outcome(data, monkeypatch, zlib)
    ]

    assert not differ


def test_a_damaged_zstd_frame_is_refused() -> None:
    options = {zstd.CompressionParameter.checksum_flag: 1}
    packed = bytearray(zstd.compress(TEXT, options=options))
    packed[-1] ^= 1
    with pytest.raises(InvalidArchive, match="damaged"):
        unpack(bytes(packed))


def test_gzip_may_be_padded_with_zeros_and_with_nothing_else() -> None:
    packed = PACK[Compression.GZIP](TEXT)
    assert unpack(packed + bytes(3000)) == TEXT
    with pytest.raises(InvalidArchive):
        unpack(packed + b"garbage")


def test_a_skippable_frame_may_come_first_or_last() -> None:
    frame = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    packed = PACK[Compression.ZSTD](TEXT)
    assert unpack(frame + packed) == TEXT
    assert unpack(packed + frame) == TEXT


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(lzma.compress(TEXT), "xz", id="xz"),
        pytest.param(b"BZh91AY&SY", "bzip2", id="bzip2"),
        pytest.param(b"PK\x03\x04" + bytes(60), "zip", id="zip"),
    ],
)
def test_what_oci_does_not_have_is_named(data: bytes, name: str) -> None:
    with pytest.raises(InvalidArchive, match=f"compressed with {name}"):
        unpack(data)


@pytest.mark.parametrize("length", range(7))
def test_a_short_stream_is_plain(length: int) -> None:
    assert unpack(b"abcdef"[:length]) == b"abcdef"[:length]


class Counting(io.RawIOBase):
    """A gzip stream without end, that counts what was taken from it."""

    def __init__(self) -> None:
        self.taken = 0
        self._packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        while not self._waiting:
            self._waiting = self._packer.compress(bytes(1 << 20))
        found, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        buffer[: len(found)] = found
        self.taken += len(found)
        return len(found)


def test_a_bomb_is_never_held_in_memory() -> None:
    bomb = Counting()
    stream = Decompressed(bomb, name="x")
    for _ in range(20):
        assert len(stream.read(1 << 20)) == 1 << 20
    # 256 KiB of this stream are 256 MiB of zeros.
    assert bomb.taken < 1 << 19
