"""Unified differences of the text files that two images have at the same path."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeAlias

from cachedb.archive.compression import Decompressed
from cachedb.archive.tar import reader
from cachedb.archive.tar.reader import MemberKind
from cachedb.operations.files.image_layers import reading_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cachedb.archive.image_tree import ImageFile
    from cachedb.layout import Layout
    from cachedb.operations.files.compare import FileChange, ImageDifference
    from cachedb.operations.files.image_layers import ImageLayers

    Place: TypeAlias = tuple[int, int]

_MOST_BYTES = 1 << 20
_MOST_BYTES_IN_ALL = 256 << 20
_BLANK, _DELETE = 0x20, 0x7F
_ESCAPES = dict(zip(b'\a\b\t\n\v\f\r"\\', 'abtnvfr"\\', strict=True))
_QUOTED = frozenset((*_ESCAPES, _DELETE))


def unified(layout: Layout, difference: ImageDifference) -> Iterator[str]:
    """Yield the lines of a unified difference, without their ends, file by file.

    Lines end with a newline alone, and the end of a file without one is marked. A name with a
    control character, a quote or a backslash is quoted as C does, like git and GNU diff: it cannot
    end its line.

    A file larger than 1 MiB, with a NUL or not in UTF-8, yields one line that states the
    difference, and so does every file after 256 MiB. Reads the layers of the changed files again.

    Raises:
        CorruptBlob: A layer is not what its digest says.
    """
    changed = [change for change in difference.files if "type" not in change.fields]
    old = _texts(layout, difference.before, [change.before for change in changed])
    new = _texts(layout, difference.after, [change.after for change in changed])
    for change in changed:
        yield from _of_file(change, old, new)


def _of_file(
    change: FileChange, old: Mapping[Place, str], new: Mapping[Place, str]
) -> Iterator[str]:
    sides = [
        None if file is None else texts.get(_place(file))
        for file, texts in ((change.before, old), (change.after, new))
    ]
    if all(not _is_file(file) for file in (change.before, change.after)):
        return
    names = [
        "/dev/null" if file is None else _header_name(f"{side}{change.path}")
        for side, file in (("a", change.before), ("b", change.after))
    ]
    has_text = all(
        file is None or text is not None
        for file, text in zip((change.before, change.after), sides, strict=True)
    )
    if not has_text:
        yield f"Files {names[0]} and {names[1]} differ"
        return
    before, after = (_lines(text or "") for text in sides)
    # A tab ends a name with blanks, of which the rest would be taken for a time.
    first, second = (f"{name}\t" if " " in name else name for name in names)
    for line in difflib.unified_diff(before, after, first, second):
        yield line.removesuffix("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    """Split a text at newlines, which stay; `splitlines` knows other ends of lines as well."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _header_name(name: str) -> str:
    """Quote a name that a header cannot have as it is."""
    content = name.encode("utf-8", "surrogateescape")
    if not any(byte in _QUOTED or byte < _BLANK for byte in content):
        return name
    return '"' + "".join(map(_escaped, content)) + '"'


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return f"\\{_ESCAPES[byte]}"
    return chr(byte) if _BLANK <= byte < _DELETE else f"\\{byte:03o}"


def _texts(
    layout: Layout, image: ImageLayers, files: Sequence[ImageFile | None]
) -> dict[Place, str]:
    """Return the content of the files that are text, by layer and position."""
    wanted: dict[int, set[int]] = {}
    left = _MOST_BYTES_IN_ALL
    for file in files:
        if file is None or not _is_file(file) or file.member.size > _MOST_BYTES:
            continue
        left -= file.member.size
        if left >= 0:
            layer, index = _place(file)
            wanted.setdefault(layer, set()).add(index)
    found = {}
    for layer, indexes in wanted.items():
        name = f"layer {image.layers[layer].digest}"
        with reading_layer(layout, image.layers[layer], f"read {image.name}") as source:
            entries = reader.read_layer(Decompressed(source, name=name), name=name)
            for index, entry in enumerate(entries):
                if index in indexes and (text := _text(entry.body.read())) is not None:
                    found[layer, index] = text
    return found


def _place(file: ImageFile) -> Place:
    return (-1, -1) if file.origin is None else (file.origin.layer, file.origin.index)


def _is_file(file: ImageFile | None) -> bool:
    return file is not None and file.member.kind is MemberKind.FILE


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
