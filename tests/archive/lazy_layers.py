"""Layers with a table of contents, written as the specifications of both formats have it.

eStargz: docs/estargz.md of containerd's stargz-snapshotter. zstd:chunked: the annotations of
containers/storage, and the table in a skippable frame (RFC 8878, section 3.1.2).
"""

import base64
import gzip
import hashlib
import io
import json
import struct
import sys
import tarfile
from pathlib import Path
from typing import Any

from cachedb.archive.table_of_contents import STARGZ_DIGEST
from tests import build

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Json = dict[str, Any]

DATA = Path(__file__).parents[1] / "data/lazy_layers"
GITHUB, PLAIN = "io.github.containers.zstd-chunked", "io.containers.zstd-chunked"
_TYPES = {
    tarfile.REGTYPE: "reg",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
_SKIPPABLE = 0x184D2A50


def recorded() -> tuple[build.Blob, build.Blob]:
    """Return the recorded layers, eStargz and zstd:chunked."""
    stargz = (DATA / "stargz.tar.gz").read_bytes()
    chunked = (DATA / "chunked.tar.zst").read_bytes()
    digest = "sha256:cf360ff5b6266a48e8ebf1c9754225a52601cb0d155b90315ff76d6b87922ef3"
    checksum = "sha256:7d3db5a4365f437718eaecb2db6236264b7cdda4a2a3f572e7e8e10bd3f57121"
    return (
        build.Blob(
            stargz,
            build.OCI_LAYER_GZIP,
            _diff_id(gzip.decompress(stargz)),
            annotations=((STARGZ_DIGEST, digest),),
        ),
        build.Blob(
            chunked,
            build.OCI_LAYER_ZSTD,
            _diff_id(zstd.decompress(chunked)),
            annotations=_chunked(PLAIN, "6953:620:2350:1", checksum),
        ),
    )


def table(archive: bytes) -> Json:
    """Return the table of contents of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        return {"version": 1, "entries": [_entry(members, info) for info in members]}


def stargz(archive: bytes, contents: Json | bytes) -> build.Blob:
    """Write a layer in eStargz; the table is a file at its end."""
    content = _encoded(contents)
    info = tarfile.TarInfo("stargz.index.json")
    info.size, info.mode = len(content), 0
    files = archive.rstrip(b"\0")
    files += bytes(-len(files) % 512)
    behind = info.tobuf() + content + bytes(-len(content) % 512) + bytes(1024)
    packed = gzip.compress(files, mtime=0)
    field = b"SG" + struct.pack("<H", 22) + b"%016xSTARGZ" % len(packed)
    footer = b"\x1f\x8b\x08\x04" + bytes(4) + b"\x00\xff" + struct.pack("<H", len(field)) + field
    footer += b"\x01\x00\x00\xff\xff" + bytes(8)
    return build.Blob(
        packed + gzip.compress(behind, mtime=0) + footer,
        build.OCI_LAYER_GZIP,
        _diff_id(files + behind),
        annotations=((STARGZ_DIGEST, _digest(content)),),
    )


def chunked(archive: bytes, contents: Json | bytes, prefix: str = GITHUB) -> build.Blob:
    """Write a layer in zstd:chunked; the table is in a frame that readers of zstd skip."""
    content = _encoded(contents)
    files, packed = zstd.compress(archive), zstd.compress(content)
    position = f"{len(files) + 8}:{len(packed)}:{len(content)}:1"
    return build.Blob(
        files + struct.pack("<II", _SKIPPABLE, len(packed)) + packed,
        build.OCI_LAYER_ZSTD,
        _diff_id(archive),
        annotations=_chunked(prefix, position, _digest(packed)),
    )


def _entry(members: tarfile.TarFile, info: tarfile.TarInfo) -> Json:
    found: Json = {
        "name": info.name + ("/" if info.isdir() else ""),
        "type": _TYPES[info.type],
        "mode": info.mode,
        "modtime": "1970-01-01T00:00:00Z",
    }
    if info.isreg():
        source = members.extractfile(info)
        assert source is not None
        found["size"] = info.size
        found["digest"] = _digest(source.read())
    if info.linkname:
        found["linkName"] = info.linkname
    for key, value in (("uid", info.uid), ("gid", info.gid)):
        if value:
            found[key] = value
    if info.isdev() and not info.isfifo():
        found |= {"devMajor": info.devmajor, "devMinor": info.devminor}
    xattrs = {
        key.removeprefix("SCHILY.xattr."): base64.b64encode(value.encode()).decode()
        for key, value in info.pax_headers.items()
        if key.startswith("SCHILY.xattr.")
    }
    return found | ({"xattrs": xattrs} if xattrs else {})


def _chunked(prefix: str, position: str, checksum: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"{prefix}.manifest-position", position),
        (f"{prefix}.manifest-checksum", checksum),
    )


def _encoded(contents: Json | bytes) -> bytes:
    return contents if isinstance(contents, bytes) else json.dumps(contents).encode()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


_diff_id = _digest
