"""Images are listed a batch at a time, as they are listed at once."""

from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cachedb.cache import Cache
from cachedb.operations.read import listing
from tests import build

AMD, ARM = build.image(build.layer({"amd": ""})), build.image(arch="arm64")
INDEX = build.index(AMD, ARM)
SIGNATURE = build.signature(INDEX)
THINGS = [AMD, ARM, INDEX, SIGNATURE]
names = st.sampled_from(["example.com/a:1", "example.com/b:2", "z", None])
entries = st.tuples(st.sampled_from(THINGS), names, st.sampled_from([None, "dev.hauler/sigs"]))


def entry(thing: build.Thing, name: str | None, kind: str | None) -> build.Json:
    annotations = {build.REF_NAME: name, "kind": kind}
    return thing.descriptor(annotations={k: v for k, v in annotations.items() if v is not None})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(chosen=st.lists(entries, max_size=9), size=st.integers(1, 4))
def test_batches_hold_the_images_of_a_whole_listing(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[tuple[build.Thing, str, str]], size: int
) -> None:
    tree = build.layout(tmp_path_factory.mktemp("images") / "cache", {})
    tree.put(*(blob for thing in THINGS[:3] for blob in thing.blobs))
    tree.write_entries([entry(*each) for each in chosen])
    with mock.patch.object(listing, "_AT_ONCE", size), Cache.open(tree.path) as cache:
        listed = list(cache.list())
        assert list(cache.iter_images()) == listed
        digests = [digest for image in listed for digest in image.digests]
        assert cache.answer(listing.list_digests) == digests


def test_the_first_image_is_there_before_the_last_batch_is_read(tmp_path: Path) -> None:
    named = {f"example.com/app:{number}": AMD for number in range(9)}
    tree = build.layout(tmp_path / "cache", named)
    read = listing._listings
    with (
        mock.patch.object(listing, "_AT_ONCE", 3),
        mock.patch.object(listing, "_listings", side_effect=read) as reading,
        Cache.open(tree.path) as cache,
    ):
        images = cache.iter_images()
        assert next(images).name == "example.com/app:0"
        assert reading.call_count == 1
        assert len(list(images)) == 8
        assert reading.call_count == 3
