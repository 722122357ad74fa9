"""Packages are a function of the files, whatever was done to them and in whichever order."""

import hashlib
import json
import shutil
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from cachedb.catalog.connect import Catalog
from cachedb.catalog.index import sboms as sbom_rows
from cachedb.catalog.schema import blob, blob_package, package, sbom
from cachedb.errors import InvalidInput
from cachedb.layout import Layout
from cachedb.operations.sync import reconcile
from cachedb.packages.document_types import DocumentTypes
from cachedb.packages.package import Package
from cachedb.packages.sbom_documents import packages_in
from tests import attested, build
from tests.attested import PREDICATE_TYPE
from tests.catalog.contents import wipe
from tests.packages import sboms
from tests.sql import on

AMD64 = build.image(build.layer({"arch": "amd64"}))
ARM64 = build.image(build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
CURL = attested.blob(sboms.statement(attested.spdx(curl="1", zlib="1")))
BOTH = attested.blob(sboms.statement(attested.spdx(curl="2", zlib="1")))
BARE = attested.blob(attested.spdx(musl="1", zlib="1"), sboms.SPDX)
EMPTY = attested.blob(attested.spdx(), sboms.SPDX)
BROKEN = attested.blob(b'{"spdxVersion": "SPDX-2.3", "packages": [{}]}', sboms.SPDX)
# One that its manifests call by different types, of which one does not fit.
TWO_TYPES = build.Blob(CURL.content, sboms.DSSE)
INDEX = build.index(AMD64, ARM64, attested.annotated(AMD64, CURL))
THINGS = {
    "amd64": AMD64,
    "index": INDEX,
    "both": build.index(AMD64, ARM64, attested.annotated(AMD64, BOTH),
                        attested.annotated(ARM64, BOTH, CURL)),
    "arm64 alone": build.index(ARM64, attested.annotated(ARM64, CURL)),
    "stranger": build.index(ARM64, attested.annotated(AMD64, BARE)),
    "artifact": attested.artifact(ARM64, BOTH),
    "stated": attested.stating(attested.artifact(AMD64, CURL), sboms.SPDX_PREDICATE),
    "provenance": attested.stating(attested.artifact(ARM64, CURL), "https://slsa.dev/x"),
    "referrer": attested.referrer(AMD64, BARE),
    "of the index": attested.referrer(INDEX, EMPTY),
    "broken": attested.referrer(ARM64, BROKEN),
    "two types": attested.referrer(ARM64, TWO_TYPES),
}  # fmt: skip
BLOBS = {blob.digest: blob for thing in THINGS.values() for blob in thing.blobs}
DOCUMENTS = [one.digest for one in (CURL, BOTH, BARE, EMPTY, BROKEN)]

things = st.sampled_from(sorted(THINGS))
names = st.sampled_from(["example.com/app:1", "example.com/tool:2", None])
numbers = st.integers(0, 99)

Rows = dict[str, Any]


class Machine(RuleBasedStateMachine):
    """A layout, changed by others; a catalog that follows, and one that is made anew."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog, self.fresh = _catalogs()
        wipe(self.catalog)
        self.folder = Path(tempfile.mkdtemp())

    @initialize(thing=things)
    def begin(self, thing: str) -> None:
        self.tree = build.Tree.make(self.folder / "cache")
        self.tree.add(THINGS[thing], "example.com/app:1")
        self.layout = Layout.open(self.tree.path)

    def teardown(self) -> None:
        if hasattr(self, "layout"):
            self.layout.close()
        shutil.rmtree(self.folder)

    def present(self, number: int, among: set[str]) -> str | None:
        here = sorted(self.tree.blobs() & among)
        return here[number % len(here)] if here else None

    @rule(thing=things, name=names)
    def add(self, thing: str, name: str | None) -> None:
        self.tree.add(THINGS[thing], name)

    @rule(thing=things)
    def put(self, thing: str) -> None:
        self.tree.put(*THINGS[thing].blobs)

    @rule(name=names.filter(bool))
    def unname(self, name: str) -> None:
        self.tree.unname(name)

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        if digest := self.present(number, set(BLOBS)):
            self.tree.delete(digest)

    @rule(number=numbers)
    def delete_a_document(self, number: int) -> None:
        if digest := self.present(number, set(DOCUMENTS)):
            self.tree.delete(digest)

    @rule(number=numbers)
    def flip(self, number: int) -> None:
        if digest := self.present(number, set(BLOBS)):
            self.tree.flip(digest, number % len(BLOBS[digest].content))

    @rule(number=numbers)
    def heal(self, number: int) -> None:
        if digest := self.present(number, set(BLOBS)):
            self.tree.overwrite(digest, BLOBS[digest].content)

    @precondition(lambda self: hasattr(self, "layout"))
    @invariant()
    def packages_are_what_the_documents_say(self) -> None:
        reconcile.bring_up_to_date(self.layout, self.catalog)
        wipe(self.fresh)
        with mock.patch.object(sbom_rows, "_MANY", 0):
            reconcile.bring_up_to_date(self.layout, self.fresh)
        found = _rows(self.catalog)
        assert found == _rows(self.fresh)
        entries, problems = _plain(self.tree)
        assert found["entries"] == entries
        assert {digest for digest, row in found["sboms"].items() if row["problem"]} == problems
        assert found["packages"] == {entry[1] for entry in entries}


@cache
def _catalogs() -> tuple[Catalog, Catalog]:
    return Catalog.in_memory(), Catalog.in_memory()


def _rows(catalog: Catalog) -> Rows:
    with catalog.reading() as opened:
        connection = on(opened)
        digests = dict(connection.execute(select(blob.c.id, blob.c.digest)).all())
        packages = {row.id: (row.name, row.version) for row in connection.execute(select(package))}
        return {
            "packages": set(packages.values()),
            "entries": {
                (digests[row.blob_id], packages[row.package_id], digests[row.document_id])
                for row in connection.execute(select(blob_package))
            },
            "sboms": {
                digests[row.document_id]: {
                    "type": (row.media_type, row.predicate_type),
                    "packages": row.packages,
                    "problem": row.problem,
                }
                for row in connection.execute(select(sbom))
            },
        }


def _plain(tree: build.Tree) -> tuple[set[Any], set[str]]:
    """Read the packages of a layout from its files by a short program: no SQL."""
    files = {digest: tree.blob_path(digest).read_bytes() for digest in tree.blobs()}
    documents = {d: json.loads(c) for d, c in files.items() if _is_document(d, c)}
    entries: set[Any] = set()
    problems: set[str] = set()
    for digest, (types, targets) in _claims(documents, files).items():
        named, is_whole = _named(digest, files[digest], types)
        if not is_whole:
            problems.add(digest)
        for one in named:
            entries |= {(target, one, digest) for target in targets}
    return entries, problems


def _claims(documents: Rows, files: Rows) -> dict[str, tuple[set[tuple[str, str]], set[str]]]:
    """Return as what each document is listed, and what those who list it are about."""
    claims: dict[str, tuple[set[tuple[str, str]], set[str]]] = {}
    for digest, value in documents.items():
        targets = _about(digest, documents) & files.keys()
        for layer in value.get("layers", []):
            types = layer["mediaType"], layer.get("annotations", {}).get(PREDICATE_TYPE, "")
            may_name = DocumentTypes(types[0], predicate=types[1]).may_name_packages
            if targets and layer["digest"] in files and may_name:
                found = claims.setdefault(layer["digest"], (set(), set()))
                found[0].add(types)
                found[1].update(targets)
    return claims


def _about(digest: str, documents: Rows) -> set[str]:
    found = set()
    if "subject" in documents[digest]:
        found.add(documents[digest]["subject"]["digest"])
    for value in documents.values():
        listed = value.get("manifests", [])
        notes = [one.get("annotations", {}) for one in listed if one["digest"] == digest]
        named = {one.get("vnd.docker.reference.digest") for one in notes}
        found |= named & {one["digest"] for one in listed}
    return found


def _named(digest: str, content: bytes, types: set[tuple[str, str]]) -> tuple[set[Any], bool]:
    """Return the packages that a document names, and whether all of it can be read."""
    if not _is_sound(digest, content):
        return set(), False
    try:
        found = list(packages_in(BytesIO(content), *min(types)))
    except InvalidInput:
        return set(), False
    packages = {(one.name, one.version) for one in found if isinstance(one, Package)}
    return packages, all(isinstance(one, Package) for one in found)


def _is_sound(digest: str, content: bytes) -> bool:
    return digest == "sha256:" + hashlib.sha256(content).hexdigest()


def _is_document(digest: str, content: bytes) -> bool:
    known = BLOBS[digest].media_type in {build.OCI_INDEX, build.OCI_MANIFEST}
    return known and _is_sound(digest, content)


TestPackages = Machine.TestCase
TestPackages.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
