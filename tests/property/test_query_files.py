"""A query on the catalog selects what a plain reading of the files says that it does."""

import hashlib
import random
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache as memoized
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from cachedb.cache import Cache
from cachedb.catalog.files.file_codes import ENTRY_BITS, NAME_BITS
from cachedb.catalog.schema import blob, link, package, ref
from cachedb.catalog.schema.file_tables import ancestor as ancestor_table
from cachedb.catalog.schema.file_tables import directory as directory_table
from cachedb.catalog.schema.file_tables import entry, indexed_layer, shown_image
from cachedb.catalog.schema.file_tables import path as path_table
from cachedb.query.semantics import linear_regex
from cachedb.query.syntax.parser import parse
from tests import build
from tests.property.test_query_meaning import CHOICES, law
from tests.query import databases, files, generate, made_up
from tests.query.databases import SAVED
from tests.query.evaluator import Evaluator
from tests.query.model import Cache as Model
from tests.query.model import File
from tests.query.random_queries import Writer
from tests.sql import on

LAYOUTS = 16
_open = ExitStack()


@pytest.fixture(autouse=True, scope="module")
def _closing() -> Iterator[None]:
    yield
    adopted.cache_clear()
    _open.close()


@dataclass
class Adopted:
    """A layout that a cache has been opened on, and what its files say."""

    connection: Connection
    evaluator: Evaluator
    by_key: dict[str, dict[object, int]]
    """For each sort, the ids of the evaluator by what tells rows apart in both worlds."""


@memoized
def adopted(seed: int) -> Adopted:
    rng = random.Random(f"files {seed}")
    folder = Path(_open.enter_context(tempfile.TemporaryDirectory()))
    tree = made_up.make(rng, folder / "cache", rng.randint(2, 9))
    found = files.read(tree.path)
    opened = _open.enter_context(Cache.open(tree.path))
    opened.verify()  # so that what is wrong with a layer is known
    opened.index_files()
    _remember(rng, found, opened)
    connection = on(_open.enter_context(opened.catalog.reading_files()))
    _read_files(tree, found, connection)
    linear_regex.register(connection.connection.driver_connection)
    evaluator = Evaluator(found, generate.NOW)
    return Adopted(connection, evaluator, _ids(connection, evaluator))


def _remember(rng: random.Random, found: Any, opened: Cache) -> None:
    """Give names a past: when they were added, pulled and used, and how they came."""
    generator = generate.Builder(rng)
    with opened.catalog.writing() as connection:
        for one in found.refs.values():
            one.added = generator.past(900)
            one.source = rng.choice(("pull", "build", "import", None))
            one.pulled = generator.past(900) if one.source == "pull" else None
            one.origin = one.name if one.source == "pull" else None
            one.used = generator.past(400) if rng.random() < 0.7 else None
            values = {
                key: getattr(one, key) for key in ("added", "source", "pulled", "origin", "used")
            }
            on(connection).execute(update(ref).where(ref.c.position == one.id - 1).values(values))


def _read_files(tree: build.Tree, found: Model, connection: Connection) -> None:
    """Read with the standard library what the layers hold that were indexed.

    Which ones were, and their numbers, are those of the catalog; nothing in them is hidden.
    Directories are only implied, as no layer describes them.
    """
    blobs = {one.digest: one.id for one in found.blobs.values()}
    rows = connection.execute(select(indexed_layer).order_by(indexed_layer.c.id))
    for row in rows:
        if row.problem is None:
            found.indexed_layers.append(blobs[row.digest])
            _read_layer(tree, found, row.digest, row.id)
    images = connection.execute(select(shown_image.c.digest)).scalars()
    found.hidden.update({blobs[digest]: {} for digest in images})
    _read_implied(found, connection)


def _read_implied(found: Model, connection: Connection) -> None:
    """Add the directories above visible files, with the ids that the catalog gave them."""
    implied: dict[str, set[int]] = {}
    for image in found.hidden:
        layers = {link.child for link in found.blobs[image].links if link.role == "layer"}
        paths = {file.path for file in found.files.values() if file.layer in layers}
        for directory in {str(above) for path in paths for above in Path(path).parents} | {"/"}:
            implied.setdefault(directory, set()).add(image)
    whole = ancestor_table.c.path + directory_table.c.below + "/" + path_table.c.name
    rows = connection.execute(
        select(entry.c.id, whole)
        .join(path_table, path_table.c.id == entry.c.path_id)
        .join(directory_table, directory_table.c.id == path_table.c.id.op(">>")(NAME_BITS))
        .join(ancestor_table, ancestor_table.c.id == directory_table.c.ancestor_id)
        .where(entry.c.id < 0)
    )
    ids = {path: key for key, path in rows}
    assert ids.keys() == implied.keys()
    for path, images in implied.items():
        found.files[ids[path]] = File(
            id=ids[path], layer=None, path=path, type="directory", bits=0o755,
            images=frozenset(images),
        )  # fmt: skip


def _read_layer(tree: build.Tree, found: Model, digest: str, number: int) -> None:
    layer = next(one.id for one in found.blobs.values() if one.digest == digest)
    with tarfile.open(tree.blob_path(digest)) as archive:
        for place, info in enumerate(archive):
            data = archive.extractfile(info)
            assert data is not None  # these layers hold regular files only
            key = (number << ENTRY_BITS) + place
            found.files[key] = File(
                id=key, layer=layer, path=f"/{info.name}", size=info.size, bits=info.mode,
                modified=int(info.mtime), sha256=hashlib.sha256(data.read()).digest(),
            )  # fmt: skip


def _ids(connection: Connection, evaluator: Evaluator) -> dict[str, dict[object, int]]:
    """Pair the ids of the catalog with those of the evaluator."""
    cache = evaluator.cache
    blobs = {one.digest: number for number, one in cache.blobs.items()}
    rows = {row.digest: row.id for row in connection.execute(select(blob.c.digest, blob.c.id))}
    assert rows.keys() == blobs.keys()
    links = {
        (cache.blobs[one.parent].digest, one.role, one.position): one.id for one in cache.links
    }
    packages = {
        (p.name, p.version, p.purl, p.license, p.type, p.scheme): number
        for number, p in evaluator.packages.items()
    }
    digests = {number: digest for digest, number in rows.items()}
    roles = ("", "manifest", "config", "layer", "subject")
    return {
        "refs": {
            number: position + 1
            for number, position in connection.execute(select(ref.c.id, ref.c.position))
        },
        "blobs": {number: blobs[digest] for digest, number in rows.items()},
        "links": {
            number: links[digests[parent], roles[role], position]
            for number, parent, role, position in connection.execute(
                select(link.c.id, link.c.parent_id, link.c.role, link.c.position)
            )
        },
        "packages": {
            row.id: packages[row.name, row.version, row.purl, row.license, row.type, row.scheme]
            for row in connection.execute(select(package))
        },
        "files": {number: number for number in cache.files},
    }


def agree(seed: int, rng: random.Random) -> None:
    found = adopted(seed)
    text = Writer(rng, found.evaluator.cache, depth=rng.choice((1, 2, 2, 3))).query()
    query = parse(text, saved=SAVED)
    sort = query.noun if query.noun in found.by_key else "blobs"
    ids = databases.ids(found.connection, query)
    selected = {found.by_key[sort][number] for number in ids}
    assert selected == found.evaluator.select(query), text


LAYOUT = st.integers(0, LAYOUTS - 1)


@law(500)
@given(LAYOUT, CHOICES)
def test_a_query_selects_what_the_files_say(seed: int, rng: random.Random) -> None:
    agree(seed, rng)


@pytest.mark.parametrize("seed", range(4))
def test_the_files_have_in_them_what_queries_ask_for(seed: int) -> None:
    cache = adopted(seed).evaluator.cache

    kinds = {one.kind for one in cache.blobs.values()}
    assert {"index", "manifest", "config", "layer"} <= kinds


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(LAYOUTS))
def test_twenty_thousand_queries_select_what_the_files_say(seed: int) -> None:
    rng = random.Random(f"files campaign {seed}")
    for _ in range(1_250):
        agree(seed, rng)
