"""Random graphs of documents, pushed to registries and pulled from them.

No exit with success leaves a broken name, at either end, and no blob that is present and reachable
is lost on the way.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cachedb.cache import Cache
from cachedb.errors import CacheError
from cachedb.feedback.progress import UNWATCHED
from cachedb.oci import Reference
from cachedb.operations.read.listing import Health
from cachedb.operations.transfer.pull import PullOptions
from cachedb.operations.transfer.push import PushOptions
from tests import build
from tests.operations.registries import Place
from tests.property.laws import hold, lengths
from tests.property.test_document_graphs import CONFIGS, LAYERS, graphs, on_disk, reachable
from tests.registry import scripted, servers
from tests.registry.model import BEHAVIOURS, USER, Behaviour, RegistryModel, Repository

REPOSITORY = "t/graph"


@pytest.fixture(params=BEHAVIOURS, ids=lambda each: each.name)
def behaviour(request: pytest.FixtureRequest) -> Behaviour:
    found: Behaviour = request.param
    return found


LENGTHS = lengths(8, 400, pytest.mark.slow)


def hold_for_graphs(
    length: settings, check: Callable[..., None], **at: SearchStrategy[Any]
) -> None:
    """Run a check on generated graphs; `at` is the registry: its behaviour or its host."""
    lost = st.sets(st.integers(0, 30), max_size=3)
    hold(length, check, documents=graphs(), lost=lost, has_referrers=st.booleans(), **at)


@LENGTHS
def test_a_push_and_a_pull_lose_no_blob_and_break_no_name(
    length: settings, behaviour: Behaviour
) -> None:
    hold_for_graphs(length, check_round_trip, behaviour=st.just(behaviour))


@LENGTHS
def test_a_pull_of_what_other_tools_left_at_a_registry_breaks_no_name(
    length: settings, behaviour: Behaviour
) -> None:
    hold_for_graphs(length, check_pull_of_remains, behaviour=st.just(behaviour))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a docker-registry."""
    with servers.docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served.host


@LENGTHS
def test_docker_registry_gets_and_gives_all_that_is_present(
    length: settings, registry: str
) -> None:
    hold_for_graphs(length, check_docker_registry, host=st.just(registry))


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
