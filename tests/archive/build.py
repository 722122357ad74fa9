"""Archives built and read with the standard library, independent of cachedb's tar code."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}
NAMES = {value: key for key, value in TYPES.items()}


def entry(
    path: str, kind: str = "file", content: bytes = b"", **fields: Any
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    info.type = TYPES[kind]
    info.mode = 0o755 if kind == "dir" else 0o644
    for name, value in fields.items():
        setattr(info, name, value)
    info.size = len(content)
    return info, content


def file(path: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, "file", content, **fields)


def directory(path: str, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, "dir", **fields)


def link(path: str, target: str, kind: str = "symlink") -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, kind, linkname=target)


def tar(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive of the entries; names that are not UTF-8 are surrogate escapes."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def from_rows(rows: Iterable[dict[str, Any]]) -> bytes:
    """Build a layer as the vectors describe one."""
    return tar(
        *(
            entry(
                row["path"],
                row["type"],
                (row.get("content") or "").encode() if row["type"] == "file" else b"",
                linkname=row.get("link") or "",
                **({"mode": int(row["mode"], 8)} if "mode" in row else {}),
            )
            for row in rows
        )
    )


def members(archive: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        for info in found:
            content = found.extractfile(info) if info.isreg() else None
            yield info, content.read() if content else b""


class OneWay(io.RawIOBase):
    """A stream that cannot be sought and gives a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, at_most: int = 1000) -> None:
        self._inner = io.BytesIO(content)
        self._at_most = at_most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(memoryview(buffer)[: self._at_most])


def entries(archive: bytes) -> list[dict[str, Any]]:
    """Describe an archive as recorded exports are described."""
    return [
        {
            "name": info.name,
            "type": NAMES[info.type],
            "mode": oct(info.mode),
            "uid": info.uid,
            "gid": info.gid,
            "size": info.size,
            "mtime": info.mtime,
            **({"sha256": hashlib.sha256(content).hexdigest()} if info.isreg() else {}),
        }
        for info, content in members(archive)
    ]
