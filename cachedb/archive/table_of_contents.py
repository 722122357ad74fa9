"""Tables of contents in layers that can be read lazily: eStargz, and zstd:chunked.

Such a layer has a JSON document behind its files that lists the entries of its archive with the
digests of their content. The manifest has the digest of the table, so that the table can be
checked without the rest of the layer; whether it tells the truth only the archive itself shows.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from cachedb.archive.compression import Decompressed
from cachedb.archive.image_tree import LayerFile, own_path
from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive
from cachedb.limits import LAYER_MEMBERS, TOC_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STARGZ_DIGEST: Final = "containerd.io/snapshot/stargz/toc.digest"
"""Annotation of a layer in eStargz: digest of the table of contents, uncompressed."""
# containers/storage writes the first prefix, containerd's stargz-snapshotter the second one.
_CHUNKED_PREFIXES: Final = ("io.github.containers.zstd-chunked", "io.containers.zstd-chunked")
_CHUNKED_TYPE: Final = "1"
_FOOTER: Final = 51
_FOOTER_HEAD: Final = b"\x1f\x8b\x08\x04"
_FOOTER_FIELD: Final = slice(12, 16)
_FOOTER_OFFSET: Final = slice(16, 32)
_FOOTER_MAGIC: Final = slice(32, 38)
_SUBFIELD: Final = b"SG\x16\x00"
_NAME: Final = "stargz.index.json"
_VERSION: Final = 1
_DIGEST: Final = "sha256:"
_ENCODED: Final = len(_DIGEST)
_DIGEST_BYTES: Final = 32
_DIGEST_LENGTH: Final = _ENCODED + 2 * _DIGEST_BYTES
_CHUNK_TYPE: Final = "chunk"
_CHUNK: Final = object()
"""The rest of a file that was listed."""
_REGULAR: Final = MemberKind.FILE
_NO_XATTRS: Final[Mapping[str, bytes]] = MappingProxyType({})
_PERMISSIONS: Final = 0o7777
_EMPTY: Final = sha256(b"").digest()
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_NANOSECONDS: Final = 1_000_000_000
_MOST: Final = 2**63
_KINDS: Final = {
    "reg": MemberKind.FILE,
    "dir": MemberKind.DIRECTORY,
    "symlink": MemberKind.SYMLINK,
    "hardlink": MemberKind.HARD_LINK,
    "char": MemberKind.CHARACTER,
    "block": MemberKind.BLOCK,
    "fifo": MemberKind.FIFO,
}


def is_declared(annotations: Mapping[str, str]) -> bool:
    """Return whether the descriptor of a layer has the digest of a table of contents."""
    return STARGZ_DIGEST in annotations or _chunked_prefix(annotations) is not None


def read(
    source: BinaryIO, size: int, annotations: Mapping[str, str], *, name: str
) -> list[LayerFile] | None:
    """Read the entries of a layer from its table of contents, in the order of its archive.

    Reads the end of the layer only. Returns None if the descriptor declares no table. Times are
    rounded to seconds, and names of owners are left out.

    Raises:
        InvalidArchive: There is no table where it should be, its digest is not the declared one,
            or it does not tell all that the archive has.
        LimitExceeded: The table is larger than the limit, or has more entries.
    """
    prefix = _chunked_prefix(annotations)
    if prefix is not None:
        place = annotations[f"{prefix}.manifest-position"]
        checksum = annotations[f"{prefix}.manifest-checksum"]
        return _Table(name).files(_read_chunked(source, size, place, checksum, name))
    if STARGZ_DIGEST not in annotations:
        return None
    own, content = _read_stargz(source, size, annotations[STARGZ_DIGEST], name)
    # The table is a file of the archive that it does not list.
    return [*_Table(name).files(content), LayerFile(own, sha256(content).digest())]


def first_difference(told: Sequence[LayerFile], stored: Sequence[LayerFile]) -> str | None:
    """Return in what the entries of a table differ first from those of the archive."""
    for ours, theirs in zip(told, stored, strict=False):
        if own_path(ours.member) != own_path(theirs.member):
            return f"lists {ours.member.path!r} in the place of {theirs.member.path!r}"
        for field, read_field in _COMPARED:
            said, found = read_field(ours), read_field(theirs)
            if said != found:
                return f"has {said!r} for the {field} of {theirs.member.path!r}, not {found!r}"
        if abs(ours.member.modified_ns - theirs.member.modified_ns) > _NANOSECONDS:
            return f"has another time of modification for {theirs.member.path!r}"
    if len(told) != len(stored):
        return f"lists {len(told)} entries, the archive has {len(stored)}"
    return None


_COMPARED: Final[tuple[tuple[str, Callable[[LayerFile], Any]], ...]] = (
    ("type", lambda file: str(file.member.kind)),
    ("SHA-256", lambda file: file.sha256.hex() if file.sha256 else None),
    ("size", lambda file: file.member.size),
    ("mode", lambda file: f"{file.member.mode:04o}"),
    ("owner", lambda file: (file.member.uid, file.member.gid)),
    ("target", lambda file: file.member.target),
    ("device", lambda file: file.member.device),
    ("extended attributes", lambda file: dict(file.member.xattrs)),
)


def _chunked_prefix(annotations: Mapping[str, str]) -> str | None:
    for prefix in _CHUNKED_PREFIXES:
        if {f"{prefix}.manifest-position", f"{prefix}.manifest-checksum"} <= annotations.keys():
            return prefix
    return None


def _read_chunked(source: BinaryIO, size: int, place: str, checksum: str, name: str) -> bytes:
    parts = place.split(":")
    if len(parts) != 4 or not all(part.isdecimal() and part.isascii() for part in parts):  # noqa: PLR2004
        raise _no_table(name, f"its position is {place!r}")
    offset, length, unpacked = map(int, parts[:3])
    TOC_BYTES.check(max(length, unpacked), f"the table of contents of {name}")
    if parts[3] != _CHUNKED_TYPE or offset + length > size:
        raise _no_table(name, f"its position is {place!r}")
    source.seek(offset)
    packed = source.read(length)
    _check_digest(packed, checksum, name)
    return _bounded(Decompressed(BytesIO(packed), name=name), name)


def _read_stargz(source: BinaryIO, size: int, digest: str, name: str) -> tuple[Member, bytes]:
    if size < _FOOTER:
        raise _no_table(name, "it is too short")
    source.seek(size - _FOOTER)
    footer = source.read(_FOOTER)
    marks = footer[:4], footer[_FOOTER_FIELD], footer[_FOOTER_MAGIC]
    try:
        offset = int(footer[_FOOTER_OFFSET], 16)
    except ValueError:
        offset = size
    if marks != (_FOOTER_HEAD, _SUBFIELD, b"STARGZ") or not 0 <= offset < size - _FOOTER:
        raise _no_table(name, "it does not end as eStargz does")
    source.seek(offset)
    packed = source.read(size - _FOOTER - offset)
    TOC_BYTES.check(len(packed), f"the table of contents of {name}")
    unpacked = BytesIO(_bounded(Decompressed(BytesIO(packed), name=name), name))
    for entry in reader.read_layer(unpacked, name=name):
        if entry.member.path == _NAME:
            content = entry.body.read()
            _check_digest(content, digest, name)
            return entry.member, content
    raise _no_table(name, f"there is no {_NAME}")


def _bounded(stream: BinaryIO, name: str) -> bytes:
    content = stream.read(TOC_BYTES.value + 1)
    TOC_BYTES.check(len(content), f"the table of contents of {name}")
    return content


def _check_digest(content: bytes, digest: str, name: str) -> None:
    actual = _DIGEST + sha256(content).hexdigest()
    if actual != digest:
        raise _no_table(name, f"its digest is {actual}, and {digest} is declared")


def _no_table(name: str, why: str) -> InvalidArchive:
    return InvalidArchive(name, f"the table of contents cannot be used: {why}")


class _Table:
    """Reads a table of contents; its fields are optional and zero without a value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._times: dict[str, int] = {}

    def files(self, content: bytes) -> list[LayerFile]:
        """Return the entries of a table."""
        try:
            # Each entry is decoded where its object ends, so that few objects are held at a time.
            document = json.loads(content, object_hook=self._decoded)
        except (ValueError, RecursionError) as error:
            raise _no_table(self._name, f"it is not JSON: {error}") from error
        entries = document.get("entries") if isinstance(document, dict) else None
        if not isinstance(entries, list) or document.get("version") != _VERSION:
            raise _no_table(self._name, "it has no entries of version 1")
        LAYER_MEMBERS.check(len(entries), f"the table of contents of {self._name}")
        for entry in entries:
            if type(entry) is not LayerFile and entry is not _CHUNK:
                raise self._wrong("entry", entry)
        return [entry for entry in entries if entry is not _CHUNK]

    def _decoded(self, value: dict[str, Any]) -> object:
        """Return the entry of a JSON object; the object itself if it has no type."""
        get = value.get
        word = get("type")
        if word is None:
            return value
        if word == _CHUNK_TYPE:
            return _CHUNK
        kind = _KINDS.get(word) if type(word) is str else None
        if kind is None:
            raise self._wrong("type", word)
        mode, uid, gid = get("mode", 0), get("uid", 0), get("gid", 0)
        if not (type(mode) is type(uid) is type(gid) is int) or mode < 0 or uid < 0 or gid < 0:
            mode, uid, gid = (self._number(value, key) for key in ("mode", "uid", "gid"))
        sha256, size = None, 0
        if kind is _REGULAR:
            size = self._number(value, "size") if "size" in value else 0
            sha256 = self._sha256(value, size)
        new = tuple.__new__  # several times as fast as calls of the classes
        member = (
            self._text(value, "name"),
            kind,
            mode & _PERMISSIONS,
            uid,
            gid,
            "",
            "",
            size,
            self._time(value) if "modtime" in value else 0,
            self._text(value, "linkName") if "linkName" in value else "",
            self._device(value) if "devMajor" in value or "devMinor" in value else (0, 0),
            self._xattrs(value) if "xattrs" in value else _NO_XATTRS,
            False,
        )
        return new(LayerFile, (new(Member, member), sha256))

    def _text(self, entry: dict[str, Any], key: str) -> str:
        value = entry.get(key, "")
        # Go writes U+FFFD for bytes that are not UTF-8, so that they are lost.
        if isinstance(value, str) and (value.isascii() or _is_whole(value)):
            return value
        raise self._wrong(key, value)

    def _number(self, entry: dict[str, Any], key: str) -> int:
        value = entry.get(key, 0)
        if type(value) is not int or not 0 <= value < _MOST:
            raise self._wrong(key, value)
        return value

    def _device(self, entry: dict[str, Any]) -> tuple[int, int]:
        return self._number(entry, "devMajor"), self._number(entry, "devMinor")

    def _time(self, entry: dict[str, Any]) -> int:
        value = entry["modtime"]
        found = self._times.get(value) if type(value) is str else None
        if found is None:
            if not value:
                return 0
            if type(value) is not str:
                raise self._wrong("modtime", value)
            try:
                found = self._times[value] = _nanoseconds(value)
            except (ValueError, OverflowError) as error:
                raise self._wrong("modtime", value) from error
        return found

    def _sha256(self, entry: dict[str, Any], size: int) -> bytes:
        digest = entry.get("digest", "")
        if not digest and not size:
            return _EMPTY
        # `fromhex` also accepts spaces and capital letters.
        if type(digest) is str and len(digest) == _DIGEST_LENGTH and digest.islower():
            try:
                found = bytes.fromhex(digest[_ENCODED:])
            except ValueError:
                found = b""
            if len(found) == _DIGEST_BYTES and digest.startswith(_DIGEST):
                return found
        raise self._wrong("digest", digest)

    def _xattrs(self, entry: dict[str, Any]) -> dict[str, bytes]:
        found = entry.get("xattrs")
        if not found:
            return {}
        if not isinstance(found, dict):
            raise self._wrong("xattrs", found)
        try:
            return {key: base64.b64decode(value, validate=True) for key, value in found.items()}
        except (TypeError, ValueError) as error:
            raise self._wrong("xattrs", found) from error

    def _wrong(self, key: str, value: object) -> InvalidArchive:
        return _no_table(self._name, f"an entry has {key} {str(value)[:60]!r}")


def _is_whole(text: str) -> bool:
    """Return whether a text of JSON has every byte of a name: no U+FFFD, and no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _REPLACEMENT not in text


def _nanoseconds(text: str) -> int:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return round((found - _EPOCH).total_seconds()) * _NANOSECONDS


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
