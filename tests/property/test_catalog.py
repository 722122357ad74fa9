"""The catalog is a function of the files, whatever was done to them and in whichever order."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cachedb.catalog.connect import Catalog
from cachedb.catalog.enums import Kind, Reading, State
from cachedb.layout import Layout, fingerprint
from cachedb.oci.digest import Digest
from cachedb.operations.sync import reconcile
from tests import build
from tests.catalog import plain
from tests.catalog.contents import Contents, contents, wipe

BASE, SHARED = build.layer({"base": ""}), build.layer({"shared": "x" * 40})
AMD64 = build.image(BASE, SHARED, labels={"a": "1"}, env=["PATH=/bin", "A=1"])
ARM64 = build.image(BASE, build.layer({"arm": ""}), arch="arm64", variant="v8")
LYING = build.image(SHARED, arch="s390x", declared=build.platform_of("ppc64le"))
INDEX = build.index(AMD64, ARM64, annotations={"n": "index"})
ATTESTED = build.index(AMD64, LYING, build.attestation(AMD64))
NESTED = build.index(INDEX, build.image(build.layer({"windows": ""}), os="windows"))
DOCKER = build.index(build.image(SHARED, docker=True), docker=True)
FOREIGN = build.image(build.layer({"foreign": ""}, media_type=build.FOREIGN_LAYER))
SIGNATURE = build.signature(INDEX)
SBOM = build.sbom(AMD64)
STATEMENT = build.attestation_artifact(ARM64)
SIGNED_SIGNATURE = build.signature(SIGNATURE)
# A blob that one calls a layer and another a manifest; a config that is a layer, too.
TWO_ROLES = build.image(build.Blob(AMD64.root.content, build.OCI_LAYER), BASE)
CONFIG_AS_LAYER = build.artifact(build.Blob(AMD64.config.content, "application/json"))
# A manifest that is declared to be an index, and the other way round.
MISCALLED = build.index(
    build.Thing(root=build.Blob(ARM64.root.content, build.OCI_INDEX), parts=ARM64.parts)
)
THINGS = {
    "amd64": AMD64, "arm64": ARM64, "lying": LYING, "index": INDEX, "attested": ATTESTED,
    "nested": NESTED, "docker": DOCKER, "foreign": FOREIGN, "signature": SIGNATURE, "sbom": SBOM,
    "statement": STATEMENT, "signed signature": SIGNED_SIGNATURE, "two roles": TWO_ROLES,
    "config as layer": CONFIG_AS_LAYER, "miscalled": MISCALLED,
}  # fmt: skip
BLOBS = {blob.digest[7:15]: blob for thing in THINGS.values() for blob in thing.blobs}

STYLES = {"linuxkit": build.LINUXKIT, "umoci": build.UMOCI}

things = st.sampled_from(sorted(THINGS))
names = st.sampled_from(["example.com/app:1", "docker.io/library/tool:2", "latest", None])
numbers = st.integers(0, 99)


class Machine(RuleBasedStateMachine):
    """Another tool at work on a layout, and a catalog that is brought in step after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = 10**18
        self.settled = True

    @initialize(style=st.sampled_from(sorted(STYLES)))
    def start(self, style: str) -> None:
        self.tree = build.Tree.make(self.folder / "cache", STYLES[style])
        self.layout = Layout.open(self.tree.path)
        self.catalog, self.fresh = _catalogs()
        wipe(self.catalog)
        self.stamp()

    def teardown(self) -> None:
        if hasattr(self, "layout"):
            self.layout.close()
        shutil.rmtree(self.folder)

    def stamp(self) -> None:
        """Give index.json and the blob store new times: some file systems have coarse ones.

        A change of a file in place does not move the time of its directory, and is not seen
        before something else moves it: that is a limit of ours, and here something always does.
        """
        self.clock += 1
        for name in ("index.json", "blobs/sha256"):
            os.utime(self.tree.path / name, ns=(self.clock, self.clock))

    def present(self, number: int) -> str | None:
        found = sorted(digest for digest in self.tree.blobs() if digest[7:15] in BLOBS)
        return found[number % len(found)] if found else None

    # -- what the other tool does ------------------------------------------------------------

    @rule(thing=things, name=names)
    def add(self, thing: str, name: str | None) -> None:
        self.tree.add(THINGS[thing], name)

    @rule(thing=things, name=names)
    def name_without_content(self, thing: str, name: str | None) -> None:
        self.tree.name(THINGS[thing], name)

    @rule(chosen=st.lists(st.sampled_from(sorted(BLOBS)), max_size=6, unique=True))
    def put(self, chosen: list[str]) -> None:
        self.tree.put(*(BLOBS[name] for name in chosen))

    @rule(number=numbers)
    def drop_entry(self, number: int) -> None:
        entries = self.tree.entries()
        if entries:
            del entries[number % len(entries)]
        self.tree.write_entries(entries)

    @rule()
    def turn_entries_round(self) -> None:
        self.tree.write_entries(self.tree.entries()[::-1])

    @rule(
        thing=things,
        change=st.sampled_from(
            [
                {"size": 7},
                {"mediaType": build.OCI_INDEX},
                {"mediaType": build.OCI_MANIFEST},
                {"mediaType": "application/vnd.example"},
                {"platform": {"os": "linux", "architecture": "riscv64"}},
                {"annotations": {"io.cachedb.pin": ""}},
                {"digest": "sha256:none"},
            ]
        ),
    )
    def name_wrongly(self, thing: str, change: build.Json) -> None:
        self.tree.write_entries([*self.tree.entries(), THINGS[thing].descriptor(**change)])

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        digest = self.present(number)
        if digest is not None:
            self.tree.delete(digest)

    @rule(number=numbers)
    def flip(self, number: int) -> None:
        digest = self.present(number)
        if digest is not None and self.tree.blob_path(digest).stat().st_size:
            self.tree.flip(digest, number % self.tree.blob_path(digest).stat().st_size)

    @rule(number=numbers)
    def truncate(self, number: int) -> None:
        digest = self.present(number)
        if digest is not None:
            self.tree.truncate(digest)

    @rule(number=numbers)
    def heal(self, number: int) -> None:
        digest = self.present(number)
        if digest is not None:
            self.tree.overwrite(digest, BLOBS[digest[7:15]].content)

    @rule()
    def leave_a_stray(self) -> None:
        (self.tree.path / "blobs" / "sha256" / "oci-put-blob1").write_bytes(b"")

    # -- and what we make of it --------------------------------------------------------------

    @rule()
    def forget_the_catalog(self) -> None:
        wipe(self.catalog)

    @rule(chosen=st.lists(numbers, max_size=6), put_back=st.booleans())
    def move_out(self, chosen: list[int], put_back: bool) -> None:
        """Move blobs out as a collection does, one of which another tool has written again."""
        digests = {digest for number in chosen if (digest := self.present(number)) is not None}
        for digest in sorted(digests)[int(put_back) :]:
            self.tree.delete(digest)
        with self.catalog.writing() as connection:
            reconcile.absorb_removal(self.layout, connection, [*map(Digest, sorted(digests))])

    @rule(settled=st.booleans())
    def choose_whether_times_can_be_trusted(self, settled: bool) -> None:
        self.settled = settled

    @precondition(lambda self: hasattr(self, "layout"))
    @invariant()
    def the_catalog_is_what_one_made_from_nothing_is(self) -> None:
        self.stamp()
        horizon = 2**63 if self.settled else 0
        with mock.patch.object(fingerprint, "racy_since", return_value=horizon):
            reconcile.reconcile(self.layout, self.catalog)
        found = contents(self.catalog)
        wipe(self.fresh)
        reconcile.reconcile(self.layout, self.fresh)
        expected = contents(self.fresh)
        walked = plain.walk(self.tree.path)
        _forgive_what_is_known_besides(found, expected, walked)
        assert found.refs == expected.refs
        assert found.blobs == expected.blobs
        assert found.links == expected.links
        assert found == expected
        _compare(expected, walked)


@cache
def _catalogs() -> tuple[Catalog, Catalog]:
    return Catalog.in_memory(), Catalog.in_memory()


def _forgive_what_is_known_besides(found: Contents, fresh: Contents, walked: plain.Found) -> None:
    """One of the two may have had a reason to hash a wrong file, and the other none.

    Documents and configurations are hashed whenever they are read, so both know of those. What was
    found to be wrong was not read as a document.
    """
    for digest in found.blobs.keys() & fresh.blobs.keys() - walked.sound:
        rows = (found.blobs[digest], fresh.blobs[digest])
        states = {row["state"] for row in rows}
        kinds = {row["kind"] for row in rows}
        if states == {State.PRESENT, State.CORRUPT} and kinds <= {Kind.LAYER, Kind.OTHER}:
            for row in rows:
                row["state"], row["problem"] = State.PRESENT, None
                row["parsed"] = Reading.NO


def _compare(found: Contents, walked: plain.Found) -> None:
    assert [(one["name"], one["target"]) for one in found.refs] == walked.names
    on_disk = found.states(State.PRESENT) | found.states(State.CORRUPT)
    assert {digest: found.blobs[digest]["size"] for digest in on_disk} == walked.files
    assert not found.states(State.CORRUPT) & walked.sound - _unreadable(found)
    assert found.states(State.MISSING) == walked.missing
    assert found.edges == walked.edges
    assert found.reachable == walked.reachable


def _unreadable(found: Contents) -> set[str]:
    """Sound files that are corrupt all the same: they are not what they are said to be."""
    return {digest for digest, row in found.blobs.items() if row["problem"]}


TestCatalog = Machine.TestCase
TestCatalog.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
