"""Size of the index of files, of a layer with paths as long as those of Debian and Node.js."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.archive.image_tree import ImageTree, LayerFile
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.catalog.connect import Catalog
from cachedb.oci import Digest
from cachedb.operations.files import file_rows, image_rows
from cachedb.operations.files.file_paths import choose_ancestors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILES = 20_000
_LAST_DAY = 1_700_000_000
_AREAS = (
    "usr/share/doc/{0}",
    "usr/share/{0}/{1}",
    "usr/share/locale/{1}/LC_MESSAGES",
    "usr/lib/x86_64-linux-gnu/{0}",
    "usr/lib/python3/dist-packages/{0}/{1}/__pycache__",
    "usr/share/nodejs/{0}/node_modules/{1}/dist/{2}",
    "usr/share/nodejs/@babel/{0}/node_modules/{1}/lib/{2}/internal",
)


def words(rng: random.Random, count: int, longest: int) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz-"
    return ["".join(rng.choices(letters, k=rng.randint(3, longest))) for _ in range(count)]


def a_tree(rng: random.Random) -> Iterator[LayerFile]:
    """Yield entries in the order of tar, each directory before its files."""
    names = [words(rng, count, 12) for count in (300, 60, 20)]
    directories = {
        rng.choice(_AREAS).format(*(rng.choice(each) for each in names)): rng.randint(1, 17)
        for _ in range(_FILES // 8)
    }
    made: set[str] = set()
    for path, files in sorted(directories.items()):
        parts = path.split("/")
        for above in ("/".join(parts[:end]) for end in range(1, len(parts) + 1)):
            if above not in made:
                made.add(above)
                yield entry(rng, above, MemberKind.DIRECTORY)
        for name in sorted(words(rng, files, 32)):
            yield entry(rng, f"{path}/{name}", MemberKind.FILE)


def entry(rng: random.Random, path: str, kind: MemberKind) -> LayerFile:
    is_file = kind is MemberKind.FILE
    member = Member(
        path=path,
        kind=kind,
        mode=0o644 if is_file else 0o755,
        size=int(rng.lognormvariate(8, 2)) if is_file else 0,
        modified_ns=(_LAST_DAY - rng.randrange(10**8)) * 10**9,
    )
    return LayerFile(member, rng.randbytes(32) if is_file else None)


@pytest.mark.parametrize(
    ("kinds", "most"),
    [((MemberKind.DIRECTORY, MemberKind.FILE), 100), ((MemberKind.FILE,), 106)],
    ids=["as tools write layers", "directories are only implied"],
)
def test_a_file_takes_at_most_100_bytes(
    tmp_path: Path, kinds: tuple[MemberKind, ...], most: int
) -> None:
    tree = list(a_tree(random.Random(0)))
    lengths = [len(each.member.path) for each in tree]
    assert 55 < sum(lengths) / len(lengths) < 75  # 69 in /usr of a Debian with Node.js

    catalog = Catalog.open(tmp_path / "index.db")
    written = [each for each in tree if each.member.kind in kinds]
    with catalog.writing_files() as connection:
        key = file_rows.write_layer(connection, Digest.of(b"layer"), written)
        image_rows.write_image(connection, Digest.of(b"image"), [key], ImageTree([written]))

    # What no layer describes is in the index as well, where a container sees it.
    assert catalog.files_index_size / len(tree) <= most


PARTS = st.lists(st.sampled_from("ab"), max_size=6)


@given(st.lists(PARTS.map(lambda parts: "".join(f"/{part}" for part in parts))))
def test_an_ancestor_is_the_longest_beginning_that_eight_directories_share(
    directories: list[str],
) -> None:
    chosen = choose_ancestors(directories)

    for directory in directories:
        beginnings = [
            directory[:end]
            for end in range(len(directory) + 1)
            if end == len(directory) or directory[end] == "/"
        ]
        shared = [
            each
            for each in beginnings
            if sum(f"{one}/".startswith(f"{each}/") for one in directories) >= 8
        ]
        assert chosen[directory] == max(shared, key=len, default="")
