"""Short names and beginnings of digests stand for the only image that they match."""

from collections.abc import Iterator

import pytest

from cachedb.cache import Cache
from cachedb.errors import AmbiguousName, BlobNotFound, RefNotFound
from cachedb.oci.names.short_name import ShortName
from tests import build

WEB = build.image(labels={"n": "web"})
OLD = build.image(labels={"n": "old"})
DATA = build.image(labels={"n": "data"})


@pytest.fixture
def cache(tree: build.Tree) -> Iterator[Cache]:
    tree.add(WEB, "registry.example.com:5000/team/nginx:1.25")
    tree.add(OLD, "example.com/team/nginx:1.24")
    tree.add(DATA, "example.com/db/postgres:16")
    with Cache.open(tree.path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("nginx:1.25", WEB),
        ("team/nginx:1.24", OLD),
        ("postgres", DATA),
        ("db/postgres", DATA),
        ("db/postgres:16", DATA),
        (f"sha256:{DATA.digest[7:11]}", DATA),
        (DATA.digest[7:13], DATA),
    ],
)
def test_a_short_name_stands_for_the_only_image_that_it_matches(
    cache: Cache, text: str, image: build.Blob
) -> None:
    assert cache.find_root(text).digest == image.digest


@pytest.mark.parametrize("text", ["nginx", "team/nginx"])
def test_a_short_name_of_several_images_is_refused_with_all_of_them(
    cache: Cache, text: str
) -> None:
    with pytest.raises(AmbiguousName) as caught:
        cache.find_root(text)

    assert set(caught.value.candidates) == {
        "registry.example.com:5000/team/nginx:1.25", "example.com/team/nginx:1.24"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "inx:1.25",
        "nginx:1.2",
        "nginx:",
        "5000/team/nginx:1.25",
        "/nginx:1.25",
        "postgres/",
        "gres",
    ],
)
def test_a_part_of_a_component_is_no_short_name(cache: Cache, text: str) -> None:
    with pytest.raises(RefNotFound):
        cache.find_root(text)


def test_two_names_of_one_image_are_two_candidates(cache: Cache, tree: build.Tree) -> None:
    tree.name(DATA, "mirror.example.com/postgres:16")
    with Cache.open(tree.path) as opened:
        with pytest.raises(AmbiguousName):
            opened.find_root("postgres")
        with pytest.raises(AmbiguousName):
            opened.plan_removal(["postgres"])


def test_a_text_with_a_registry_is_never_short(tree: build.Tree) -> None:
    tree.add(WEB, "mirror.example.com/docker.io/library/nginx:1.25")
    with Cache.open(tree.path) as opened, pytest.raises(RefNotFound):
        opened.find_root("docker.io/library/nginx:1.25")


def test_a_digest_is_no_short_name(tree: build.Tree) -> None:
    tree.add(WEB, f"example.com/app@{DATA.digest}")
    with Cache.open(tree.path) as opened:
        assert opened.find_root("app").digest == WEB.digest
        with pytest.raises(BlobNotFound):
            opened.find_root(DATA.digest)
    assert ShortName.parse(DATA.digest) is None
