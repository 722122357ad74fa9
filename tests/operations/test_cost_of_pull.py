"""What each blob of a pull costs, in calls of the file system and statements, without a clock.

Numbers are differences between two images, so that start-up does not count.
"""

import os
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest

from cachedb.cache import Cache
from tests import build, connections
from tests.operations.test_cost_of_collection import counted
from tests.registry.model import BEHAVIOURS, RegistryModel
from tests.registry.scripted import scripted

FEW, MANY = 3, 33


def cost(path: Path, layers: int) -> Counter[str]:
    """Pull an image with so many layers into a new cache."""
    image = build.image(*(build.layer({f"etc/{n}": b"x" * n}) for n in range(layers)))
    model = RegistryModel(BEHAVIOURS[0])
    repository = model.repository("t/app")
    repository.manifests[image.digest] = (image.media_type, image.root.content)
    repository.blobs |= {blob.digest: blob.content for blob in image.blobs}
    repository.tags["1"] = image.digest
    counts: Counter[str] = Counter()
    names = ("open", "stat", "link", "rename", "unlink", "fsync")
    with scripted(model.answer) as server, Cache.create(path) as cache:
        patches = [
            mock.patch.object(os, name, counted(counts, name, getattr(os, name))) for name in names
        ]
        for patch in patches:
            patch.start()
        try:
            with connections.counting_statements(lambda: counts.update(["statement"])):
                cache.pull(f"{server.host}/t/app:1")
        finally:
            for patch in patches:
                patch.stop()
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
