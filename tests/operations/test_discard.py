"""Names are discarded with what only they kept, all of them taken together."""

from cachedb.cache import Cache
from tests import build
from tests.conftest import APP, TOOL


def test_what_only_two_of_the_names_share_goes_however_many_there_are(
    populated: build.Tree,
) -> None:
    aliases = [f"example.com/alias:{number}" for number in range(600)]
    entries = [
        TOOL.descriptor() | {"annotations": populated.style.named(alias)} for alias in aliases
    ]
    populated.write_entries([*populated.entries(), *entries])
    with Cache.open(populated.path) as cache:
        roots = cache.targets([*aliases, "docker.io/library/tool:2"])
        cache.discard(roots)
        assert {root.name for root in cache.targets()} == {"example.com/app:1"}
    assert not (TOOL.digests - APP.digests) & populated.blobs()
    assert APP.digests <= populated.blobs()
