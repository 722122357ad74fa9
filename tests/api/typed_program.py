"""Program that uses the Python API: mypy and pyright check that its types are those stated here.

`assert_type` compares exactly, so a parameter or a result whose type changes fails the check.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_type

import cachedb
from cachedb import (
    Cache,
    CacheError,
    Digest,
    Platform,
    Policy,
    Progress,
    Query,
    QueryResult,
    Reference,
    Registries,
)
from cachedb.errors import AmbiguousName, RefNotFound
from cachedb.operations.archives.export import Exported
from cachedb.operations.archives.import_ import Imported
from cachedb.operations.gc.mark import GCPlan
from cachedb.operations.gc.remove import RemovalPlan
from cachedb.operations.gc.retention import RetentionPlan
from cachedb.operations.gc.sweep import GCReport
from cachedb.operations.read.listing import Listing
from cachedb.operations.read.resolve import Root
from cachedb.operations.transfer.copy import Copied
from cachedb.operations.transfer.pull import PullReport
from cachedb.operations.transfer.push import PushReport


def transfer(folder: Path) -> None:
    """Pull, push, copy, import and export with text and with values."""
    assert_type(cachedb.__version__, str)
    with Cache.create(folder) as cache, Registries(insecure=["localhost:5000"]) as registries:
        assert_type(cache, Cache)
        assert_type(cache.pull("alpine:3.20"), PullReport)
        cache.pull(["alpine:3.20", Reference.parse("busybox")], platforms="linux/arm64")
        cache.pull("alpine", platforms=[Platform.parse("linux/amd64")], progress=print)
        cache.pull("alpine", registries=registries, progress=Progress(), jobs=2)
        assert_type(cache.push("alpine", remote_name="localhost:5000/alpine"), PushReport)
        assert_type(cache.copy("a", "b", registries=registries), Copied)
        assert_type(cache.import_(folder / "image.tar", name="a:1"), Sequence[Imported])
        assert_type(cache.export("a", "a.tar", format="docker"), Sequence[Exported])


def read(folder: str) -> list[tuple[str | None, Digest | None]]:
    """List and query."""
    with Cache.open(folder) as cache:
        query = cache.parse("layers size gt 1M")
        assert_type(query, Query)
        result = cache.query(query)
        assert_type(result, QueryResult)
        assert_type(result.to_dicts(), list[dict[str, Any]])
        assert_type(result.to_columns(), dict[str, list[Any]])
        assert_type(cache.find_root("alpine"), Root)
        images = cache.list("arch:arm64")
        assert_type(images, Sequence[Listing])
        return [(image.name, image.digest) for image in images]


def clean(cache: Cache) -> int:
    """Plan and apply."""
    removal = cache.plan_removal("alpine", where="tag:old")
    assert_type(removal, RemovalPlan)
    cache.remove(removal)
    assert_type(cache.plan_retention(Policy(drop=(cache.parse("is:broken"),))), RetentionPlan)
    plan = cache.plan_collection(grace=0)
    assert_type(plan, GCPlan)
    report = cache.collect(plan)
    assert_type(report, GCReport)
    return report.freed


def find(cache: Cache, name: str) -> str:
    """Handle errors by their types and attributes."""
    try:
        return str(cache.find_root(name).digest)
    except AmbiguousName as error:
        assert_type(error.candidates, tuple[str, ...])
        return error.candidates[0]
    except RefNotFound as error:
        return error.text
    except CacheError as error:
        assert_type(error.exit_code, int)
        return error.hint or str(error)
