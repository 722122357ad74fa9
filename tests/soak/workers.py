"""Workers of a soak test, which run until they are killed: writers of names, collectors.

A writer reports each step before and after: ``try`` or ``done``, ``add`` or ``rm``, the name, the
digest. Each writer has names of its own; all share content.
"""

import io
import random
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

from cachedb.cache import Cache
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import ImportOptions
from tests import build

NAMES = 5
LAYERS = 6

Say: TypeAlias = Callable[[tuple[str, ...]], None]


@cache
def image(number: int) -> build.Thing:
    """Return one of a few images, which share their layers in many ways."""
    chosen = random.Random(number)
    layers = [build.layer({"layer": f"{chosen.randrange(LAYERS)}"}) for _ in range(2)]
    return build.image(*layers, labels={"number": str(number % 8)})


def add(cache: Cache, name: str, thing: build.Thing) -> None:
    archive = io.BytesIO(build.archive({name: thing}))
    cache.import_archive(archive, "-", ImportOptions(may_replace=True), UNWATCHED)


def remove(cache: Cache, name: str) -> None:
    cache.remove(cache.plan_removal([name]))


def write(say: Say, root: Path, owner: str, seed: int) -> None:
    """Add, move and remove names for ever."""
    chosen = random.Random(seed)
    with Cache.open(root) as cache:
        mine = {str(each.name): str(each.digest) for each in cache.list()}
    mine = {name: digest for name, digest in mine.items() if f"/{owner}:" in name}
    while True:
        name = f"example.com/{owner}:{chosen.randrange(NAMES)}"
        with Cache.open(root) as cache:
            if name in mine and chosen.random() < 0.5:
                say(("try", "rm", name, mine[name]))
                remove(cache, name)
                say(("done", "rm", name, mine.pop(name)))
            else:
                thing = image(chosen.randrange(1 << 16))
                say(("try", "add", name, thing.digest))
                add(cache, name, thing)
                mine[name] = thing.digest
                say(("done", "add", name, thing.digest))


def write_some(say: Say, root: Path, owner: str, many: int) -> None:
    """Add so many names, one write each."""
    for number in range(many):
        with Cache.open(root) as cache:
            add(cache, f"example.com/{owner}:{number}", image(number))
        say(("done", "add", f"example.com/{owner}:{number}", image(number).digest))


def collect(say: Say, root: Path, _owner: str, _number: int) -> None:
    """Collect for ever, without any grace."""
    while True:
        with Cache.open(root) as cache:
            report = cache.collect(cache.plan_collection(grace=0))
        say(("done", "gc", str(len(report.removed))))


def main(work: Callable[..., None], say: Say, *arguments: object) -> None:
    """Work, and say why it ended if it should not have."""
    try:
        work(say, *arguments)
    except BaseException:
        say(("failed", traceback.format_exc()))
        raise
