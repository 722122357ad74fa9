"""A size limit on caches of many names: the plan is as small as it can be, and is kept."""

from pathlib import Path

import pytest

from benchmarks import layouts
from cachedb.cache import Cache
from cachedb.operations.prune.rules import PruneRules, SizeLimit
from cachedb.operations.read import usage


@pytest.mark.parametrize(
    "images", [200, pytest.param(10_000, marks=pytest.mark.campaign)], ids=str
)
def test_a_plan_without_its_last_image_would_miss_the_limit(tmp_path: Path, images: int) -> None:
    layouts.make(tmp_path / "cache", images)
    with Cache.open(tmp_path / "cache") as cache:
        total = cache.usage().total
        limit = total // 3
        rules = PruneRules(max_size=SizeLimit(text="a third", number=limit))
        plan = cache.plan_prune(rules)
        removed = [item for item in plan.items if item.is_removed]

        assert images / 2 < len(removed) < images
        assert plan.size <= limit < plan.size + removed[-1].freed
        # What SQL says that the same names free, together and without the last of them.
        ids = [root.ref_id for item in removed for root in item.roots if root.ref_id is not None]
        with cache.catalog.reading() as connection:
            assert usage.freed_by_removing(connection, ids) == plan.freed
            assert total - usage.freed_by_removing(connection, ids[:-1]) > limit
        cache.prune(plan)
        assert cache.collect(cache.plan_collection(grace=0)).freed == plan.freed
        assert cache.usage().total == plan.size
