"""Random graphs of documents, pushed to registries and pulled from them.

No exit with success leaves a broken name, at either end, and no blob that is present and reachable
is lost on the way.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.errors import CacheError
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Reference
from cachedb.operations.read.listing import Health
from cachedb.operations.transfer.pull import PullOptions
from cachedb.operations.transfer.push import PushOptions
from tests import build
from tests.operations.registries import Place
from tests.property.test_document_graphs import CONFIGS, LAYERS, graphs, on_disk, reachable
from tests.registry import scripted, servers
from tests.registry.model import BEHAVIOURS, USER, Behaviour, RegistryModel, Repository

REPOSITORY = "t/graph"


@pytest.fixture(params=BEHAVIOURS, ids=lambda each: each.name)
def behaviour(request: pytest.FixtureRequest) -> Behaviour:
    found: Behaviour = request.param
    return found


QUICK = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LONG = settings(QUICK, max_examples=400)
ANY_GRAPH = given(
    documents=graphs(), lost=st.sets(st.integers(0, 30), max_size=3), referrers=st.booleans()
)


@pytest.mark.slow
@QUICK
@ANY_GRAPH
def test_a_push_and_a_pull_lose_no_blob_and_break_no_name(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_round_trip(behaviour, documents, lost, has_referrers=referrers)


@pytest.mark.campaign
@LONG
@ANY_GRAPH
def test_many_pushes_and_pulls_lose_no_blob_and_break_no_name(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_round_trip(behaviour, documents, lost, has_referrers=referrers)


@pytest.mark.slow
@QUICK
@ANY_GRAPH
def test_a_pull_of_what_other_tools_left_at_a_registry_breaks_no_name(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_pull_of_remains(behaviour, documents, lost, has_referrers=referrers)


@pytest.mark.campaign
@LONG
@ANY_GRAPH
def test_many_pulls_of_what_other_tools_left_at_a_registry_break_no_name(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_pull_of_remains(behaviour, documents, lost, has_referrers=referrers)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a docker-registry."""
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served.host


@pytest.mark.slow
@QUICK
@ANY_GRAPH
def test_docker_registry_gets_and_gives_all_that_is_present(
    registry: str, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_docker_registry(registry, documents, lost, has_referrers=referrers)


@pytest.mark.campaign
@LONG
@ANY_GRAPH
def test_docker_registry_gets_and_gives_all_of_many_graphs(
    registry: str, documents: list[build.Blob], lost: set[int], referrers: bool
) -> None:
    check_docker_registry(registry, documents, lost, has_referrers=referrers)


def check_docker_registry(
    host: str, documents: list[build.Blob], lost: set[int], *, has_referrers: bool
) -> None:
    root, present = documents[-1], surviving(documents, lost)
    place = Place.new(host)
    with tempfile.TemporaryDirectory() as folder, scripted.client(host) as client:
        tree = build.Tree.make(Path(folder) / "origin")
        tree.put(*present.values())
        tree.name(build.Thing(root=root, parts=()), place.name)
        with Cache.open(tree.path) as origin, Cache.create(Path(folder) / "target") as target:
            sending = origin.plan_push([place.name])
            sent = origin.push_each(sending, lambda _: client, PushOptions(), UNWATCHED)
            got = pulled(target, place.name, client, has_referrers=has_referrers)
            assert got is not bool(sent.failures)
            if got:
                wanted = reachable(root, present)
                assert on_disk(target) >= wanted
                check_kept(target, place.name, root)


def surviving(documents: list[build.Blob], lost: set[int]) -> dict[str, build.Blob]:
    """Return the blobs that are present: all but some, the root always."""
    every = {blob.digest: blob for blob in (*LAYERS, *CONFIGS, *documents)}
    gone = {digest for place, digest in enumerate(sorted(every)) if place in lost}
    root = documents[-1]
    return {key: blob for key, blob in every.items() if key not in gone} | {root.digest: root}


def check_round_trip(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], *, has_referrers: bool
) -> None:
    root, present = documents[-1], surviving(documents, lost)
    model = RegistryModel(behaviour)
    with tempfile.TemporaryDirectory() as folder, scripted.scripted(model.answer) as server:
        name = f"{server.host}/{REPOSITORY}:1"
        tree = build.Tree.make(Path(folder) / "origin")
        tree.put(*present.values())
        tree.name(build.Thing(root=root, parts=()), name)
        with (
            scripted.client(server.host, user=USER if behaviour.needs_login else None) as client,
            Cache.open(tree.path) as origin,
            Cache.create(Path(folder) / "target") as target,
        ):
            sent = origin.push_each(
                origin.plan_push([name]), lambda _: client, PushOptions(), UNWATCHED
            )
            repository = model.repository(REPOSITORY)
            assert on_disk(origin) >= present.keys()
            if sent.failures:
                assert "1" not in repository.tags
                assert not pulled(target, name, client, has_referrers=has_referrers)
                return
            assert repository.tags["1"] == root.digest
            assert repository.digests >= reachable(root, present)
            assert pulled(target, name, client, has_referrers=has_referrers)
            check_pulled(target, name, root, repository)


def check_pull_of_remains(
    behaviour: Behaviour, documents: list[build.Blob], lost: set[int], *, has_referrers: bool
) -> None:
    root, model = documents[-1], RegistryModel(behaviour)
    repository = model.repository(REPOSITORY)
    for digest, blob in surviving(documents, lost).items():
        if blob in documents:
            repository.manifests[digest] = (blob.media_type, blob.content)
        else:
            repository.blobs[digest] = blob.content
    repository.tags["1"] = root.digest
    with tempfile.TemporaryDirectory() as folder, scripted.scripted(model.answer) as server:
        name = f"{server.host}/{REPOSITORY}:1"
        with (
            scripted.client(server.host, user=USER if behaviour.needs_login else None) as client,
            Cache.create(Path(folder) / "target") as target,
        ):
            if pulled(target, name, client, has_referrers=has_referrers):
                check_pulled(target, name, root, repository)


def pulled(cache: Cache, name: str, client: object, *, has_referrers: bool) -> bool:
    """Pull an image; a failure leaves no name behind."""
    options = PullOptions(has_referrers=has_referrers)
    report = cache.pull_each([Reference.parse(name)], lambda _: client, options, UNWATCHED)
    if report.failures:
        assert cache.list() == []
    return not report.failures


def check_pulled(cache: Cache, name: str, root: build.Blob, repository: Repository) -> None:
    """All that the registry has below the root is here, whole, and stays with a collection."""
    held = {
        key: build.Blob(content, kind) for key, (kind, content) in repository.manifests.items()
    }
    held |= {key: build.Blob(content, "") for key, content in repository.blobs.items()}
    assert on_disk(cache) >= reachable(root, held)
    check_kept(cache, name, root)


def check_kept(cache: Cache, name: str, root: build.Blob) -> None:
    """The name stands for the whole image, and a collection deletes nothing of it."""
    assert all(listing.health is not Health.BROKEN for listing in cache.list())
    assert cache.find_root(name).digest == root.digest
    before = on_disk(cache)
    with suppress(CacheError):
        cache.collect(cache.plan_collection(grace=0))
    assert on_disk(cache) == before
