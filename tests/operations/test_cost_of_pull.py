"""What each blob of a pull costs, in calls of the file system and statements, without a clock.

Numbers are differences between two images, so that start-up does not count.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest

from cachedb.cache import Cache
from tests import build, connections
from tests.operations.test_cost_of_collection import counted
from tests.registry.model import BEHAVIOURS, RegistryModel
from tests.registry.scripted import scripted

FEW, MANY = 3, 33


Work = Callable[[Cache, str], object]


def push_elsewhere(cache: Cache, name: str) -> None:
    cache.push(name, remote_name=name.replace("/t/app", "/t/pushed"))


def cost(
    path: Path, layers: int, work: Work = Cache.pull, before: Work | None = None
) -> Counter[str]:
    """Move an image with so many layers between a registry and a new cache."""
    image = build.image(*(build.layer({f"etc/{n}": b"x" * n}) for n in range(layers)))
    model = RegistryModel(BEHAVIOURS[0])
    repository = model.repository("t/app")
    repository.manifests[image.digest] = (image.media_type, image.root.content)
    repository.blobs |= {blob.digest: blob.content for blob in image.blobs}
    repository.tags["1"] = image.digest
    counts: Counter[str] = Counter()
    with scripted(model.answer) as server, Cache.create(path) as cache:
        name = f"{server.host}/t/app:1"
        if before is not None:
            before(cache, name)
        with ExitStack() as patches:
            for call in ("open", "stat", "link", "rename", "unlink", "fsync"):
                counting = counted(counts, call, getattr(os, call))
                patches.enter_context(mock.patch.object(os, call, counting))
            counter = connections.counting_statements(lambda: counts.update(["statement"]))
            patches.enter_context(counter)
            work(cache, name)
        assert cache.verify().is_clean
    return counts


@pytest.fixture(scope="module")
def growth(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """The calls of a pull for the layers by which one image is larger than another."""
    folder = tmp_path_factory.mktemp("pull")
    few, many = (cost(folder / str(layers), layers) for layers in (FEW, MANY))
    many.subtract(few)
    return many


def test_a_blob_costs_one_opening_and_no_directory_is_opened_for_it(
    growth: Counter[str],
) -> None:
    assert growth["open"] == MANY - FEW


def test_a_blob_is_synced_linked_and_released_once(growth: Counter[str]) -> None:
    more = MANY - FEW
    assert {name: growth[name] for name in ("fsync", "link", "rename", "unlink")} == dict.fromkeys(
        ("fsync", "link", "rename", "unlink"), more
    )


def test_a_blob_costs_no_statement(growth: Counter[str]) -> None:
    assert growth["statement"] == 0


def test_a_blob_is_looked_at_a_fixed_number_of_times(growth: Counter[str]) -> None:
    assert growth["stat"] <= 9 * (MANY - FEW)


@pytest.mark.parametrize("work", [Cache.pull, push_elsewhere], ids=["pull again", "push"])
def test_an_image_with_more_layers_costs_no_more_statements_once_it_is_there(
    work: Work, tmp_path: Path
) -> None:
    few, many = (
        cost(tmp_path / f"{layers}", layers, work, before=Cache.pull) for layers in (FEW, MANY)
    )
    assert 0 < many["statement"] == few["statement"]
    assert few["fsync"] == many["fsync"]
