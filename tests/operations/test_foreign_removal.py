"""Another tool takes away a name together with its blobs, as ``umoci rm`` and ``umoci gc`` do."""

from cachedb.cache import Cache
from tests import build
from tests.conftest import APP, BASE, TOOL


def remove(tree: build.Tree, name: str, thing: build.Thing) -> None:
    tree.unname(name)
    for digest in thing.digests - {BASE.digest}:
        tree.delete(digest)


def test_an_image_that_is_gone_with_its_name_is_forgotten(populated: build.Tree) -> None:
    with Cache.open(populated.path):
        pass
    remove(populated, "example.com/app:1", APP)
    with Cache.open(populated.path) as cache:
        assert [listing.digest for listing in cache.list()] == [TOOL.digest]
        assert cache.usage().total == sum(
            path.stat().st_size for path in populated.path.glob("blobs/*/*")
        )


def test_everything_that_is_gone_is_forgotten(populated: build.Tree) -> None:
    with Cache.open(populated.path):
        pass
    remove(populated, "example.com/app:1", APP)
    remove(populated, "docker.io/library/tool:2", TOOL)
    populated.delete(BASE.digest)
    with Cache.open(populated.path) as cache:
        assert not cache.list()
