"""SBOMs are read when they arrive, once, and what they name is found at what they describe."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.catalog import waiting_connection
from cachedb.catalog.index import packages as package_rows
from cachedb.catalog.index import sboms as sbom_rows
from cachedb.catalog.index.packages import PackedPackages
from cachedb.catalog.server import catalog as server_catalog
from cachedb.errors import StorageFailed
from cachedb.feedback.progress import UNWATCHED
from cachedb.layout import Layout
from cachedb.layout.blobs import BlobStore
from cachedb.limits import MIB, Limit
from cachedb.operations.archives.import_ import ImportOptions
from cachedb.operations.sync import read_sboms, reconcile
from cachedb.operations.sync.read_sboms import unreadable_sboms
from cachedb.packages.sbom_documents import packages_in
from cachedb.query.syntax.parser import parse
from tests import attested, backends, build
from tests.operations.registries import fetch, put
from tests.packages import sboms
from tests.registry import servers

AMD64 = build.image(build.layer({"arch": "amd64"}))
ARM64 = build.image(build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
CURL = attested.spdx(curl="7.88.1-10")
STATED = attested.blob(sboms.statement(CURL))
APP = "example.com/app:1"


def ask(cache: Cache, query: str) -> list[Any]:
    """Return the first column of what a query selects."""
    return [row[0] for row in cache.query(parse(query)).rows]


def found(tree: build.Tree) -> set[str]:
    """Open a cache and return the names of all packages in it."""
    with Cache.open(tree.path) as cache:
        return set(ask(cache, "packages"))


def why(cache: Cache) -> dict[str, str]:
    """Return what was found wrong with which document."""
    with cache.catalog.reading() as connection:
        return {str(each.digest): each.why for each in unreadable_sboms(connection)}


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been read, as the types by which it was read."""
    read: list[str] = []
    original = packages_in

    def counted(stream: Any, media_type: str, predicate_type: str) -> Iterator[Any]:
        read.append(predicate_type or media_type)
        return original(stream, media_type, predicate_type)

    monkeypatch.setattr(read_sboms, "packages_in", counted)
    return read


# -- in which forms ---------------------------------------------------------------------------

CYCLONEDX = sboms.cyclonedx(sboms.cyclonedx_component())


@pytest.mark.parametrize(
    "attestation",
    [
        pytest.param(attested.annotated(AMD64, STATED), id="buildkit-annotated"),
        pytest.param(
            attested.stating(attested.annotated(AMD64, STATED), sboms.SPDX_PREDICATE),
            id="buildkit-annotated-with-its-predicate",
        ),
        pytest.param(attested.artifact(AMD64, STATED), id="buildkit-artifact"),
        pytest.param(
            attested.annotated(
                AMD64, attested.blob(sboms.statement(CYCLONEDX, sboms.CYCLONEDX_PREDICATE))
            ),
            id="cyclonedx-stated",
        ),
        pytest.param(
            attested.artifact(
                AMD64, attested.blob(sboms.envelope(sboms.statement(CURL)), sboms.DSSE)
            ),
            id="dsse",
        ),
        pytest.param(
            attested.referrer(
                AMD64,
                attested.blob(
                    {"dsseEnvelope": sboms.envelope(sboms.statement(CURL))}, sboms.BUNDLE
                ),
            ),
            id="sigstore-bundle",
        ),
        pytest.param(attested.referrer(AMD64, attested.blob(CURL, sboms.SPDX)), id="spdx"),
        pytest.param(
            attested.referrer(AMD64, attested.blob(CYCLONEDX, sboms.CYCLONEDX)), id="cyclonedx"
        ),
        pytest.param(
            build.artifact(attested.blob(CURL, "Application/SPDX+JSON"), subject=AMD64),
            id="media-type-in-another-case",
        ),
    ],
)
def test_packages_are_entered_at_the_manifest_that_they_were_found_in(
    tree: build.Tree, attestation: build.Thing
) -> None:
    tree.add(build.index(AMD64, ARM64, attestation), APP)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "packages") == ["curl"]
        assert ask(cache, "packages show version,type") == ["7.88.1-10"]
        assert ask(cache, "manifests any package") == [AMD64.digest]
        assert ask(cache, f"packages packages({APP})") == ["curl"]
        assert why(cache) == {}


def test_a_referrer_that_no_index_lists_is_read_as_well(tree: build.Tree) -> None:
    tree.add(AMD64, APP)
    tree.put(*attested.referrer(AMD64, attested.blob(CURL, sboms.SPDX)).blobs)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "refs pkg:curl") == [APP]


def test_an_sbom_of_an_index_is_entered_at_the_index(tree: build.Tree) -> None:
    index = build.index(AMD64, ARM64)
    tree.add(index, APP)
    tree.put(*attested.referrer(index, attested.blob(CURL, sboms.SPDX)).blobs)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "blobs any package(name:curl) is:root") == [index.digest]
        assert ask(cache, "refs pkg:curl") == [APP]


def test_an_index_speaks_for_nothing_that_it_does_not_list(tree: build.Tree) -> None:
    tree.add(AMD64, "example.com/victim:1")
    tree.add(build.index(ARM64, attested.annotated(AMD64, STATED)), APP)
    assert found(tree) == set()


def test_an_attestation_about_what_is_not_here_enters_nothing(tree: build.Tree) -> None:
    tree.add(build.index(AMD64, ARM64, attested.annotated(AMD64, STATED)), APP)
    tree.delete(AMD64.digest)
    assert found(tree) == set()


def test_what_states_its_predicate_is_not_read_for_another(
    tree: build.Tree, readings: list[str]
) -> None:
    provenance = attested.blob(sboms.statement({}, "https://slsa.dev/provenance/v1"))
    stated = attested.stating(attested.artifact(AMD64, provenance), "https://slsa.dev/provenance")
    tree.add(build.index(AMD64, attested.artifact(AMD64, STATED), stated), APP)
    with Cache.open(tree.path) as cache:
        assert why(cache) == {}
    assert readings == [build.IN_TOTO]


def test_what_does_not_state_its_predicate_is_looked_into(tree: build.Tree) -> None:
    tree.add(build.index(AMD64, build.attestation(AMD64)), APP)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "packages") == []
        assert why(cache) == {}


# -- when -------------------------------------------------------------------------------------


def test_an_import_brings_its_packages(tmp_path: Path) -> None:
    content = build.archive({APP: build.index(AMD64, attested.annotated(AMD64, STATED))})
    archive = tmp_path / "archive.tar"
    archive.write_bytes(content)
    with Cache.create(tmp_path / "cache") as cache, archive.open("rb") as stream:
        cache.import_archive(stream, "archive.tar", ImportOptions(), UNWATCHED)
        assert ask(cache, "refs pkg:curl") == [APP]


def test_a_pull_brings_its_packages(tmp_path: Path) -> None:
    thing = build.index(AMD64, ARM64, attested.annotated(AMD64, STATED))
    with (
        servers.docker_registry(tmp_path / "registry") as served,
        Cache.create(tmp_path / "cache") as cache,
    ):
        put(served.host, "t/app", thing)
        fetch(cache, served.host, "app:1")
        assert ask(cache, "manifests pkg:curl") == [AMD64.digest]


def test_a_document_is_read_once(tree: build.Tree, readings: list[str]) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    assert found(tree) == {"curl"}
    other = attested.referrer(AMD64, attested.blob(attested.spdx(zlib="1"), sboms.SPDX))
    tree.put(*other.blobs)
    assert found(tree) == {"curl", "zlib"}
    assert found(tree) == {"curl", "zlib"}
    assert readings == [build.IN_TOTO, sboms.SPDX]


def test_a_document_that_describes_two_manifests_is_read_once_and_entered_at_both(
    tree: build.Tree, readings: list[str]
) -> None:
    first, second = attested.annotated(AMD64, STATED), attested.annotated(ARM64, STATED)
    tree.add(build.index(AMD64, first), APP)
    assert found(tree) == {"curl"}
    tree.add(build.index(ARM64, second), "example.com/other:1")
    with Cache.open(tree.path) as cache:
        assert set(ask(cache, "manifests pkg:curl")) == {AMD64.digest, ARM64.digest}
    tree.delete(AMD64.digest)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "manifests pkg:curl") == [ARM64.digest]
    assert readings == [build.IN_TOTO]


@pytest.mark.parametrize("part", ["document", "attestation", "described"])
def test_what_goes_takes_its_packages_along(tree: build.Tree, part: str) -> None:
    attestation = attested.annotated(AMD64, STATED)
    tree.add(build.index(AMD64, attestation), APP)
    other = attested.referrer(ARM64, attested.blob(attested.spdx(zlib="1"), sboms.SPDX))
    tree.add(ARM64, "example.com/other:1")
    tree.put(*other.blobs)
    assert found(tree) == {"curl", "zlib"}
    digests = {
        "document": STATED.digest, "attestation": attestation.digest, "described": AMD64.digest,
    }  # fmt: skip
    content = tree.blob_path(digests[part]).read_bytes()
    tree.delete(digests[part])
    assert found(tree) == {"zlib"}
    tree.blob_path(digests[part]).write_bytes(content)
    assert found(tree) == {"curl", "zlib"}


def test_a_removed_image_takes_its_packages_when_it_is_collected(tree: build.Tree) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    with Cache.open(tree.path) as cache:
        cache.remove(cache.plan_removal([APP]))
        assert ask(cache, "packages") == ["curl"]
        cache.collect(cache.plan_collection(grace=0))
        assert ask(cache, "packages") == []


def test_an_interrupted_reading_is_continued(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)

    def interrupted(*_arguments: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(read_sboms, "packages_in", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Cache.open(tree.path)
    assert found(tree) == {"curl"}


def test_reading_holds_no_lock(tree: build.Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = waiting_connection.LOCK_SECONDS.replace(value=0)
    monkeypatch.setattr(waiting_connection, "LOCK_SECONDS", at_once)
    monkeypatch.setattr(server_catalog, "LOCK_SECONDS", at_once)
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    original = packages_in
    written = []

    def writing_meanwhile(*arguments: Any) -> Iterator[Any]:
        other = backends.place_of(tree.path).open()
        with other.writing() as connection:
            written.append(connection.driver.execute("DELETE FROM lease").rowcount)
        other.close()
        return original(*arguments)

    monkeypatch.setattr(read_sboms, "packages_in", writing_meanwhile)
    assert found(tree) == {"curl"}
    assert written == [0]


def test_a_cache_that_may_only_be_read_has_packages_too(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    monkeypatch.setattr("cachedb.layout.image_layout.Layout.is_writable", False)
    assert found(tree) == {"curl"}
    assert not (tree.path / ".cachedb").exists()


# -- broken ones ------------------------------------------------------------------------------

BROKEN = {
    "not-json": (b"{", "not JSON"),
    "no-sbom": (sboms.statement({"packages": []}), "not a document of SPDX, CycloneDX or syft"),
    "no-predicate-type": (
        {k: v for k, v in sboms.statement(CURL).items() if k != "predicateType"}, "missing",
    ),
    "cut-short": (STATED.content[:-20], "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "reason"), [pytest.param(*value, id=name) for name, value in BROKEN.items()]
)
def test_a_broken_document_is_a_finding_and_harms_no_other(
    tree: build.Tree, readings: list[str], document: Any, reason: str
) -> None:
    broken = attested.blob(document)
    tree.add(build.index(AMD64, attested.annotated(AMD64, broken, STATED)), APP)
    for _ in range(2):
        with Cache.open(tree.path) as cache:
            assert ask(cache, "packages") == ["curl"]
            assert ask(cache, "packages version:7*") == ["curl"]
            assert list(why(cache)) == [broken.digest]
            assert reason in why(cache)[broken.digest]
            assert ask(cache, "refs is:broken") == []
    assert len(readings) == 2


def test_elements_that_cannot_be_read_are_counted_and_cost_no_other_package(
    tree: build.Tree, readings: list[str]
) -> None:
    odd = attested.blob(
        sboms.statement(
            sboms.spdx(attested.package("zlib", "1"), {"versionInfo": "1"}, {"name": 1})
        )
    )
    tree.add(build.index(AMD64, attested.annotated(AMD64, odd, STATED)), APP)
    for _ in range(2):
        with Cache.open(tree.path) as cache:
            assert sorted(ask(cache, "packages")) == ["curl", "zlib"]
            listing = cache.packages(APP)
            assert listing.unreadable == ()
            (incomplete,) = listing.incomplete
            assert (incomplete.digest, incomplete.packages) == (odd.digest, 1)
            assert incomplete.why == (
                "2 elements cannot be read, first predicate.packages[1].name: missing"
            )
    assert len(readings) == 2


_TAR = "application/vnd.oci.image.layer.v1.tar"


@pytest.mark.parametrize(
    "artifact",
    [
        pytest.param(
            build.artifact(attested.blob(CURL, _TAR), subject=AMD64, artifact_type=sboms.SPDX),
            id="artifact-type",
        ),
        pytest.param(
            build.manifest(
                build.Blob(b"{}", sboms.SPDX), (attested.blob(CURL, _TAR),), subject=AMD64
            ),
            id="config-type",
        ),
        pytest.param(
            attested.stating(
                build.artifact(attested.blob(CURL, "application/json"), subject=AMD64),
                sboms.SPDX_PREDICATE,
            ),
            id="annotation-of-the-layer",
        ),
    ],
)
def test_an_sbom_is_known_by_whatever_states_its_type(
    tree: build.Tree, artifact: build.Thing
) -> None:
    tree.add(AMD64, APP)
    tree.put(*artifact.blobs)
    assert found(tree) == {"curl"}


def test_wrong_bytes_are_noticed_and_read_again_when_they_are_put_right(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the first opening takes: a file that was changed in its place is looked for.
    monkeypatch.setattr("cachedb.layout.fingerprint._RACY_NS", 3_600_000_000_000)
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    tree.flip(STATED.digest, STATED.content.index(b"curl"))
    with Cache.open(tree.path) as cache:
        assert "holds sha256:" in why(cache)[STATED.digest]
        assert ask(cache, "blobs is:corrupt") == [STATED.digest]
    tree.overwrite(STATED.digest, STATED.content)
    with Cache.open(tree.path) as cache:
        assert why(cache) == {}
        assert ask(cache, "blobs is:corrupt") == []
        assert ask(cache, "packages") == ["curl"]


def test_a_document_that_cannot_be_opened_is_tried_again(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, STATED)), APP)
    original = BlobStore.open

    def refusing(self: BlobStore, digest: Any) -> Any:
        if digest == STATED.digest:
            raise StorageFailed("cannot read it: permission denied")
        return original(self, digest)

    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "open", refusing)
        with Cache.open(tree.path) as cache:
            assert why(cache) == {STATED.digest: "was not read"}
            assert ask(cache, "refs") == [APP]
    assert found(tree) == {"curl"}


def test_a_document_that_says_too_much_is_a_finding(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit(name="sbom text bytes", variable="CACHEDB_LIMIT_SBOM_TEXT_BYTES", value=100)
    monkeypatch.setattr(package_rows, "SBOM_TEXT_BYTES", limit)
    document = attested.blob(sboms.statement(attested.spdx(**{f"p{n}": "1" for n in range(9)})))
    tree.add(build.index(AMD64, attested.annotated(AMD64, document)), APP)
    with Cache.open(tree.path) as cache:
        assert ask(cache, "packages") == []
        assert "exceeds the sbom text bytes limit of 100" in why(cache)[document.digest]


# -- large ones -------------------------------------------------------------------------------

MANY = {f"p{n}": str(n) for n in range(11)}
LARGE = attested.blob(sboms.statement(attested.spdx(**MANY)))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_rows, "PORTION", 3)
    monkeypatch.setattr(read_sboms, "PORTION", 3)


@pytest.mark.usefixtures("small_parts")
def test_a_large_document_is_written_in_parts(tree: build.Tree) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, LARGE)), APP)
    with Cache.open(tree.path) as cache:
        assert set(ask(cache, "packages")) == MANY.keys()
        assert why(cache) == {}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("change", ["nothing", "another-manifest", "instead-another-manifest"])
def test_a_part_that_was_written_is_completed(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    first, second = attested.annotated(AMD64, LARGE), attested.annotated(ARM64, LARGE)
    tree.add(build.index(AMD64, ARM64, first), APP)
    original = sbom_rows.remember_part
    parts = []

    def interrupted(connection: Any, document: Any, part: Any) -> bool:
        parts.append(part)
        if len(parts) > 2:
            raise KeyboardInterrupt
        return original(connection, document, part)

    with monkeypatch.context() as patch:
        patch.setattr(sbom_rows, "remember_part", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Cache.open(tree.path)
    expected = {AMD64.digest}
    if change != "nothing":
        tree.add(build.index(ARM64, second), "example.com/other:1")
        expected |= {ARM64.digest}
    if change == "instead-another-manifest":
        tree.delete(AMD64.digest)
        expected -= {AMD64.digest}
    with Cache.open(tree.path) as cache:
        assert set(ask(cache, "packages")) == MANY.keys()
        for name in MANY:
            assert set(ask(cache, f"manifests pkg:{name}")) == expected


@pytest.mark.usefixtures("small_parts")
def test_a_manifest_that_comes_while_parts_are_written_gets_all_of_them(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, LARGE)), APP)
    original = PackedPackages.parts

    def joined(self: PackedPackages) -> Iterator[list[bytes]]:
        first, *rest = original(self)
        yield first
        tree.add(build.index(ARM64, attested.annotated(ARM64, LARGE)), "example.com/new:1")
        with Layout.open(tree.path) as layout:
            other = backends.place_of(tree.path).open()
            reconcile.reconcile(layout, other)
            other.close()
        yield from rest

    monkeypatch.setattr(PackedPackages, "parts", joined)
    with Cache.open(tree.path) as cache:
        assert why(cache) == {}
        for name in MANY:
            assert set(ask(cache, f"manifests pkg:{name}")) == {AMD64.digest, ARM64.digest}


@pytest.mark.usefixtures("small_parts")
def test_a_large_document_that_changes_while_it_is_written_is_left_to_the_next_one(
    tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(build.index(AMD64, attested.annotated(AMD64, LARGE)), APP)
    original = PackedPackages.parts

    def overtaken(self: PackedPackages) -> Iterator[list[bytes]]:
        first, *rest = original(self)
        yield first
        tree.delete(LARGE.digest)
        with Layout.open(tree.path) as layout:
            other = backends.place_of(tree.path).open()
            reconcile.reconcile(layout, other)
            other.close()
        yield from rest

    with monkeypatch.context() as patch:
        patch.setattr(PackedPackages, "parts", overtaken)
        with Cache.open(tree.path) as cache:
            assert ask(cache, "packages") == []
    tree.put(LARGE)
    assert found(tree) == MANY.keys()


_MEASURED = """
import resource, sys
from pathlib import Path
from cachedb.cache import Cache
from cachedb.query.syntax.parser import parse

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

Cache.open(Path(sys.argv[1])).close()
before = peak()
with Cache.open(Path(sys.argv[2])) as cache:
    print(peak() - before, len(cache.query(parse("packages")).rows))
"""


def test_a_large_document_is_read_in_little_memory(tmp_path: Path) -> None:
    """What is held grows with what is kept, and not with the document."""
    count = 5_000
    listed = [attested.package(f"p{n}", f"1.{n}", copyrightText="x" * 4_000) for n in range(count)]
    document = attested.blob(sboms.statement(sboms.spdx(*listed)))
    small = build.index(AMD64, attested.annotated(AMD64, STATED))
    large = build.index(AMD64, attested.annotated(AMD64, document))
    trees = [
        build.layout(tmp_path / name, {APP: thing}).path
        for name, thing in {"small": small, "large": large}.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *trees], check=True, capture_output=True, text=True
    )
    grown, rows = map(int, done.stdout.split())
    assert rows == count
    assert document.size > 19 * MIB
    assert grown < 16


# -- order of versions --------------------------------------------------------------------------

OF_MANY_TYPES = sboms.spdx(
    *(
        sboms.spdx_package(
            name=purl.partition("@")[0].rpartition("/")[2],
            versionInfo=purl.partition("@")[2],
            externalRefs=[{"referenceType": "purl", "referenceLocator": purl}],
        )
        for purl in (
            "pkg:alpm/arch/pacman-rc@1.0rc1-1",
            "pkg:alpm/arch/pacman-after@1.0.a-1",
            "pkg:maven/org.x/jar-rc@1.0-RC1",
            "pkg:maven/org.x/jar-after@1.0-sp1",
            "pkg:gem/gem-before@1.0.a",
            "pkg:nuget/nuget-before@1.0-Beta",
            "pkg:golang/go-before@v1.0.0-rc1",
            "pkg:composer/x/composer@0.9",
        )
    )
)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("version lt 1.0", "gem-before go-before jar-rc nuget-before pacman-rc"),
        ("version gt 1.0", "jar-after pacman-after"),
        ("version:0.9", "composer"),
        ("type:composer version:0.*", "composer"),
        ("type:composer version lt 1", ""),
        ("type:composer version gt 0", ""),
        ("type:composer not version lt 1", "composer"),
    ],
)
def test_versions_are_compared_by_the_rules_of_the_type_of_the_package(
    tree: build.Tree, query: str, names: str
) -> None:
    tree.add(AMD64, APP)
    tree.put(*attested.referrer(AMD64, attested.blob(OF_MANY_TYPES, sboms.SPDX)).blobs)

    with Cache.open(tree.path) as cache:
        assert sorted(ask(cache, f"packages {query}")) == names.split()
