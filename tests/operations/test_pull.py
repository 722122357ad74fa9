"""Pull from a real registry: what is fetched, what is not, and what a cut leaves."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import (
    CorruptBlob,
    InvalidInput,
    PlatformNotFound,
    RefNotFound,
    RegistryUnavailable,
)
from cachedb.feedback.progress import Progress
from cachedb.layout.staging import area
from cachedb.oci import Digest, MediaType, Reference
from cachedb.operations.read.listing import Health
from cachedb.operations.transfer import remote_inspect
from cachedb.registry.http.settings import RegistrySettings
from tests import build
from tests.operations.registries import (
    SHORT_DEADLINES,
    ask,
    connecting,
    fetch,
    on_disk,
    platforms,
    pull,
    put,
    put_document,
    send,
)
from tests.registry import cutting, servers
from tests.registry.counting import Counter, counting

BASE = build.layer({"base": "b" * 4000})
BIG = build.layer({f"f{n}": str(n) * 500 for n in range(800)})
AMD = build.image(BASE, BIG, build.layer({"arch": "amd64"}))
ARM = build.image(BASE, build.layer({"arch": "arm64"}), arch="arm64", variant="v8")
ARM7 = build.image(BASE, build.layer({"arch": "arm"}), arch="arm", variant="v7")
MULTI = build.index(AMD, ARM, ARM7, build.attestation(AMD), build.attestation(ARM))
ARTIFACTS = build.index(AMD, ARM, build.attestation_artifact(AMD), build.attestation_artifact(ARM))
TOOL = build.image(BASE, build.layer({"tool": ""}))


@pytest.fixture(scope="module")
def registry(registry: servers.Served) -> servers.Served:
    for name, thing in {
        "multi": MULTI,
        "artifacts": ARTIFACTS,
        "single": AMD,
        "tool": TOOL,
        "arm": ARM,
    }.items():
        put(registry.host, f"t/{name}", thing)
    return registry


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache.create(tmp_path / "cache") as opened:
        yield opened


def test_an_index_comes_whole_with_all_platforms(cache: Cache, registry: servers.Served) -> None:
    report = fetch(cache, registry.host, "multi:1")

    assert on_disk(cache) == MULTI.digests
    assert cache.verify().is_clean
    assert report.pulled[0].fetched == sum(blob.size for blob in MULTI.blobs)
    (listing,) = cache.list()
    assert listing.name == f"{registry.host}/t/multi:1"
    assert list(map(str, listing.platforms)) == ["linux/amd64", "linux/arm64", "linux/arm/v7"]


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        pytest.param(MULTI, "multi:1", id="annotated"),
        pytest.param(ARTIFACTS, "artifacts:1", id="subject"),
    ],
)
def test_a_platform_comes_with_its_attestation_and_the_whole_index(
    cache: Cache, registry: servers.Served, thing: build.Thing, name: str
) -> None:
    fetch(cache, registry.host, name, platforms=platforms("linux/arm64"))

    about = build.attestation(ARM) if thing is MULTI else build.attestation_artifact(ARM)
    assert on_disk(cache) == {thing.digest} | ARM.digests | about.digests
    (listing,) = cache.list()
    assert (str(listing.digest), listing.health) == (thing.digest, Health.PARTIAL)
    (validation,) = cache.validate([f"{registry.host}/t/{name}"], platforms("linux/arm64"))
    assert validation.is_valid


def test_another_platform_is_added_later(cache: Cache, registry: servers.Served) -> None:
    fetch(cache, registry.host, "multi:1", platforms=platforms("linux/arm64"))
    report = fetch(cache, registry.host, "multi:1", platforms=platforms("linux/amd64"))

    assert report.pulled[0].fetched < sum(blob.size for blob in MULTI.blobs)
    names = [f"{registry.host}/t/multi:1"]
    (validation,) = cache.validate(names, platforms("linux/amd64", "linux/arm64"))
    assert validation.is_valid
    assert len(cache.list()) == 1


def test_several_platforms_come_at_once(cache: Cache, registry: servers.Served) -> None:
    fetch(cache, registry.host, "multi:1", platforms=platforms("linux/arm64", "linux/arm/v7"))
    assert ARM.digests | ARM7.digests <= on_disk(cache)
    assert AMD.digest not in on_disk(cache)


def test_a_platform_that_is_not_offered_is_refused_with_those_that_are(
    cache: Cache, registry: servers.Served
) -> None:
    with pytest.raises(PlatformNotFound, match="linux/riscv64") as caught:
        fetch(cache, registry.host, "multi:1", platforms=platforms("linux/riscv64"))
    assert "linux/amd64" in caught.value.available
    assert on_disk(cache) == set()
    assert cache.list() == []


def test_a_single_image_of_another_platform_is_refused_unless_forced(
    cache: Cache, registry: servers.Served
) -> None:
    with pytest.raises(PlatformNotFound, match="linux/amd64"):
        fetch(cache, registry.host, "arm:1", platforms=platforms("linux/amd64"))
    assert cache.list() == []

    fetch(cache, registry.host, "arm:1", platforms=platforms("linux/amd64"), is_forced=True)
    assert on_disk(cache) == ARM.digests


def test_what_is_there_costs_one_head(cache: Cache, counted: Counter) -> None:
    fetch(cache, counted.host, "multi:1")
    counted.last_parts()

    report = fetch(cache, counted.host, "multi:1")

    assert counted.last_parts() == ["HEAD 1"]
    assert (report.pulled[0].fetched, report.pulled[0].is_new) == (0, False)


def test_what_was_pulled_is_not_hashed_again(
    cache: Cache, registry: servers.Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(cache, registry.host, "multi:1")
    hashed: list[object] = []
    monkeypatch.setattr(cache.layout.blobs, "verify", hashed.append)
    fetch(cache, registry.host, "multi:1")
    assert hashed == []


def test_a_digest_that_is_there_costs_nothing(cache: Cache, counted: Counter) -> None:
    fetch(cache, counted.host, "tool:1")
    counted.last_parts()

    fetch(cache, counted.host, f"tool@{TOOL.digest}")

    assert counted.last_parts() == []
    assert len(cache.list()) == 2


def test_a_shared_layer_is_fetched_once(cache: Cache, counted: Counter) -> None:
    fetch(cache, counted.host, "single:1", "tool:1")
    fetched = [line for line in counted.last_parts() if line == f"GET {BASE.digest}"]
    assert len(fetched) == 1


def test_a_collection_after_every_step_takes_nothing_from_a_pull(
    cache: Cache, registry: servers.Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents are there before their names, and before all that is needed is known."""
    real = area.complete
    with Cache.open(cache.layout.root) as another:

        def complete(*arguments: Any) -> None:
            real(*arguments)
            another.collect(another.plan_collection(grace=0))

        monkeypatch.setattr(area, "complete", complete)
        fetch(cache, registry.host, "multi:1")
    assert on_disk(cache) == MULTI.digests
    assert cache.verify().is_clean


def test_many_names_are_one_write_of_index_json(
    cache: Cache, registry: servers.Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[object] = []
    replace = cache.layout.replace_index
    monkeypatch.setattr(
        cache.layout, "replace_index", lambda index: (writes.append(index), replace(index))
    )
    fetch(cache, registry.host, "single:1", "tool:1", "multi:1")
    assert len(writes) == 1
    assert len(cache.list()) == 3


def test_one_failure_does_not_undo_the_others(cache: Cache, registry: servers.Served) -> None:
    report = pull(cache, registry.host, "tool:1", "nope:1", "single:1")

    ((reference, error),) = report.failures
    assert reference.path == "t/nope"
    assert isinstance(error, RefNotFound)
    assert len(cache.list()) == 2


def test_a_registry_that_is_down_leaves_nothing(cache: Cache) -> None:
    with pytest.raises(RegistryUnavailable):
        fetch(cache, "127.0.0.1:1", "x:1")
    assert (on_disk(cache), cache.list()) == (set(), [])


@pytest.mark.parametrize("damage", ["overwrite", "truncate"])
def test_a_wrong_file_is_healed(cache: Cache, registry: servers.Served, damage: str) -> None:
    fetch(cache, registry.host, "single:1")
    file = cache.layout.root / "blobs" / "sha256" / BIG.digest[7:]
    file.chmod(0o644)
    file.write_bytes(b"x" * (BIG.size if damage == "overwrite" else 7))

    fetch(cache, registry.host, "single:1")

    assert file.read_bytes() == BIG.content
    assert cache.verify().is_clean


def test_a_lost_file_comes_back(cache: Cache, registry: servers.Served) -> None:
    fetch(cache, registry.host, "single:1")
    (cache.layout.root / "blobs" / "sha256" / BIG.digest[7:]).unlink()
    fetch(cache, registry.host, "single:1")
    assert cache.verify().is_clean
    assert {listing.health for listing in cache.list()} == {Health.COMPLETE}


def test_a_cut_pull_names_nothing_and_the_next_one_goes_on(
    cache: Cache, registry: servers.Served
) -> None:
    cuts = [("down", BIG.size // 2)] + [("down", 1)] * 40
    with cutting.cutting(registry.port, cuts) as proxy, pytest.raises(RegistryUnavailable):
        fetch(cache, proxy.host, "single:1", jobs=1)
    assert cache.list() == []
    parts = list((cache.layout.private / "ingest").iterdir())
    assert sum(part.stat().st_size for part in parts) > 0
    left = sum(part.stat().st_size for part in parts)

    report = fetch(cache, registry.host, "single:1")

    assert report.pulled[0].fetched <= sum(blob.size for blob in AMD.blobs) - left + BIG.size // 50
    assert on_disk(cache) == AMD.digests
    assert cache.verify().is_clean
    cache.collect(cache.plan_collection(grace=0))
    assert list((cache.layout.private / "ingest").iterdir()) == []


def test_a_wrong_part_is_fetched_anew(cache: Cache, registry: servers.Served) -> None:
    ingest = cache.layout.private / "ingest"
    ingest.mkdir(exist_ok=True)
    (ingest / f"sha256-{BIG.digest[7:]}.part").write_bytes(b"x" * (BIG.size // 2))

    fetch(cache, registry.host, "single:1")

    assert cache.verify().is_clean


def test_a_moved_tag_moves_the_name(cache: Cache, registry: servers.Served) -> None:
    put(registry.host, "t/moving", AMD)
    fetch(cache, registry.host, "moving:1")
    put(registry.host, "t/moving", TOOL)

    report = fetch(cache, registry.host, "moving:1")

    assert report.pulled[0].is_new
    (listing,) = cache.list()
    assert str(listing.digest) == TOOL.digest


def test_an_artifact_is_pulled_like_an_image(cache: Cache, registry: servers.Served) -> None:
    artifact = build.artifact(BASE, artifact_type="application/vnd.example.thing")
    put(registry.host, "t/artifact", artifact)
    fetch(cache, registry.host, "artifact:1")
    assert on_disk(cache) == artifact.digests


def test_media_types_are_what_the_registry_served(cache: Cache, registry: servers.Served) -> None:
    fetch(cache, registry.host, "multi:1")
    root = cache.find_root(f"{registry.host}/t/multi:1")
    assert root.media_type == MediaType(build.OCI_INDEX)


def test_wrong_bytes_never_get_a_name(
    cache: Cache, registry: servers.Served, tmp_path: Path
) -> None:
    put(registry.host, "t/rotten", TOOL)
    blob = TOOL.layers[1]
    (stored,) = tmp_path.parent.glob(f"**/{blob.digest[7:]}/data")
    good = stored.read_bytes()
    stored.write_bytes(b"x" * len(good))
    try:
        with pytest.raises((CorruptBlob, RegistryUnavailable)):
            fetch(cache, registry.host, "rotten:1")
        assert (on_disk(cache), cache.list()) == (set(), [])
    finally:
        stored.write_bytes(good)
    fetch(cache, registry.host, "rotten:1")
    assert cache.verify().is_clean


# -- what is asked for -------------------------------------------------------------------------


def test_a_trusted_digest_is_pulled_wherever_the_tag_points(
    cache: Cache, registry: servers.Served
) -> None:
    put(registry.host, "t/trusted", TOOL)
    put(registry.host, "t/trusted", AMD)

    report = fetch(cache, registry.host, "trusted:1", trusted=Digest(TOOL.digest))

    assert report.pulled[0].descriptor.digest == TOOL.digest
    assert cache.find_root(f"{registry.host}/t/trusted:1").digest == TOOL.digest


def test_a_trusted_digest_that_is_here_costs_nothing(cache: Cache, counted: Counter) -> None:
    fetch(cache, counted.host, "tool:1")
    counted.take()
    fetch(cache, counted.host, "other:1", trusted=Digest(TOOL.digest))
    assert counted.take() == []


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["tool:1", "multi:1"], id="several names"),
        pytest.param([f"tool@{AMD.digest}"], id="another digest"),
    ],
)
def test_a_trusted_digest_is_that_of_one_name(
    cache: Cache, registry: servers.Served, names: list[str]
) -> None:
    with pytest.raises(InvalidInput):
        fetch(cache, registry.host, *names, trusted=Digest(TOOL.digest))


def test_a_trusted_digest_has_to_be_in_the_repository(
    cache: Cache, registry: servers.Served
) -> None:
    with pytest.raises(RefNotFound):
        fetch(cache, registry.host, "tool:1", trusted=Digest(AMD.digest))


def test_referrers_come_when_they_are_wanted(cache: Cache, registry: servers.Served) -> None:
    sbom = build.sbom(ARM)
    others = (build.signature(MULTI), sbom, build.signature(sbom))
    tree = build.layout(cache.layout.root / "origin", {"x": MULTI})
    for other in others:
        tree.put(*other.blobs)
    with Cache.open(tree.path) as origin:
        send(origin, "x", to=f"{registry.host}/t/referred:1")

    fetch(cache, registry.host, "referred:1")
    assert on_disk(cache) == MULTI.digests

    fetch(cache, registry.host, "referred:1", has_referrers=True)
    assert on_disk(cache) == MULTI.digests.union(*(other.digests for other in others))
    assert cache.collect(cache.plan_collection(grace=0)).freed == 0

    fetch(
        cache, registry.host, "referred:1", has_referrers=True, platforms=platforms("linux/amd64")
    )
    assert cache.verify().is_clean


def test_only_referrers_of_what_is_wanted_come(cache: Cache, registry: servers.Served) -> None:
    tree = build.layout(cache.layout.root / "origin", {"x": MULTI})
    tree.put(*build.sbom(ARM).blobs, *build.sbom(AMD).blobs)
    with Cache.open(tree.path) as origin:
        send(origin, "x", to=f"{registry.host}/t/some:1")

    fetch(cache, registry.host, "some:1", has_referrers=True, platforms=platforms("linux/arm64"))

    assert build.sbom(ARM).digest in on_disk(cache)
    assert build.sbom(AMD).digest not in on_disk(cache)


def test_a_referrer_that_is_listed_and_gone_is_left_out(
    cache: Cache, registry: servers.Served
) -> None:
    gone = build.signature(AMD)
    put(registry.host, "t/dangling", gone)
    put(registry.host, "t/dangling", AMD)
    put_document(registry.host, "t/dangling", AMD.digest.replace(":", "-"), build.index(gone).root)
    ask(registry.host, "DELETE", f"/v2/t/dangling/manifests/{gone.digest}")
    notes: list[str] = []

    class Listening(Progress):
        def note(self, line: str) -> None:
            notes.append(line)

    report = pull(cache, registry.host, "dangling:1", has_referrers=True, progress=Listening())

    assert report.failures == ()
    assert [gone.digest in note for note in notes] == [True]
    assert on_disk(cache) == AMD.digests


# -- side by side ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "together"),
    [
        pytest.param(["single:1", "tool:1"], "HEAD", id="images"),
        pytest.param(["multi:1"], f"manifests/({AMD.digest}|{ARM.digest})", id="platforms"),
        pytest.param(["single:1"], f"blobs/({BIG.digest}|{BASE.digest})", id="layers"),
    ],
)
def test_requests_are_made_side_by_side(
    cache: Cache, counted: Counter, names: list[str], together: str
) -> None:
    both = Barrier(2)

    def watch(line: str) -> None:
        if re.search(together, line):
            both.wait(20)  # raises when the other one does not come

    counted.watch = watch
    fetch(cache, counted.host, *names, jobs=2)
    assert cache.verify().is_clean


def test_a_blob_that_one_repository_has_lost_comes_from_another(
    cache: Cache, registry: servers.Served
) -> None:
    put(registry.host, "t/lossy", AMD)
    for blob in (*AMD.layers, AMD.config):
        ask(registry.host, "DELETE", f"/v2/t/lossy/blobs/{blob.digest}")

    assert pull(cache, registry.host, "lossy:1").failures
    report = pull(cache, registry.host, "lossy:1", "single:1")

    assert report.failures == ()
    assert len(cache.list()) == 2
    assert cache.verify().is_clean


def test_what_one_image_lies_about_a_blob_harms_no_other(
    cache: Cache, registry: servers.Served
) -> None:
    lie = AMD.document
    lie["layers"][0]["size"] = 5
    root = build.Blob(build.to_json(lie), build.OCI_MANIFEST)
    put(registry.host, "t/lying", build.Thing(root=root, parts=AMD.parts))

    report = pull(cache, registry.host, "lying:1", "single:1")

    ((reference, _),) = report.failures
    assert reference.path == "t/lying"
    assert on_disk(cache) == AMD.digests
    assert cache.verify().is_clean


# -- mirrors -----------------------------------------------------------------------------------


def test_a_mirror_is_asked_for_pulls_and_for_nothing_else(
    cache: Cache, registry: servers.Served, counted: Counter
) -> None:
    put(registry.host, "t/mirrored", MULTI)
    with counting(registry.host) as mirror:
        settings = RegistrySettings(mirrors={counted.host: (f"http://{mirror.host}",)})
        fetch(cache, counted.host, "mirrored:1", settings=settings)
        assert counted.take() == []
        assert mirror.take() != []

        name = f"{counted.host}/t/mirrored:1"
        with connecting(settings) as connect:
            reference = Reference.parse(name)
            client = connect(counted.host)
            assert remote_inspect.image_in_registry(client, reference, None)
            assert remote_inspect.inspect(client, reference).descriptor.digest == MULTI.digest
            assert "1" in remote_inspect.list_tags(
                client, Reference.parse(f"{counted.host}/t/mirrored")
            )
            (answer,) = remote_inspect.check_published([cache.find_root(name)], connect)
            assert answer.is_published
            cache.push(name, registries=connect)
        assert mirror.take() == []


def test_the_registry_itself_is_asked_when_no_mirror_has_it(
    cache: Cache, registry: servers.Served, counted: Counter
) -> None:
    put(registry.host, "t/unmirrored", TOOL)
    settings = SHORT_DEADLINES._replace(
        mirrors={
            registry.host: ("http://127.0.0.1:1", f"http://{counted.host}/nothing"),
        },
    )
    fetch(cache, registry.host, "unmirrored:1", settings=settings)
    assert on_disk(cache) == TOOL.digests
    assert counted.last_parts() != []
