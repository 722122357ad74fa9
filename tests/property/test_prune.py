"""Plans of prune against a plain reading of the documentation, on random caches.

The oracle reads the files, walks the graph anew for every step, and shares no code with cachedb.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from cachedb.cache import Cache
from cachedb.catalog.schema import ref
from cachedb.errors import Refused
from cachedb.operations.prune.plan import PrunePlan
from cachedb.operations.prune.rules import PruneRules, SizeLimit
from tests import build
from tests.sql import on

DAY = 86_400_000_000
LAYERS = [build.layer({"n": str(n) * (300 * n + 1)}) for n in range(5)]
PIN = "io.cachedb.pin"


@dataclass
class Drawn:
    """What a random cache is made of: things with their names, times of use, and pins."""

    named: list[tuple[str | None, build.Thing]] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    cap: int | None = None


@st.composite
def caches(draw: Any) -> Drawn:
    images = [
        build.image(*(LAYERS[n] for n in sorted(layers)), env=[f"N={number}"], arch=arch)
        for number, (layers, arch) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.sets(st.integers(0, 4), min_size=1, max_size=3),
                        st.sampled_from(["amd64", "arm64"]),
                    ),
                    min_size=1,
                    max_size=6,
                )
            )
        )
    ]
    things = list(images)
    for chosen in draw(st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), max_size=3)):
        parts = [images[n] for n in sorted(chosen) if n < len(images)]
        if parts:
            things.append(build.index(*parts))
    drawn = Drawn()
    count = draw(st.integers(1, 7))
    for number in range(count):
        thing = things[draw(st.integers(0, len(things) - 1))]
        name = f"example.com/app:{number}"
        drawn.named.append((name, thing))
        drawn.used[name] = draw(st.integers(0, 4))
        for group, rarity in ((drawn.pinned, 6), (drawn.kept, 6), (drawn.dropped, 2)):
            if draw(st.integers(0, rarity)) == rarity:
                group.add(name)
        if draw(st.integers(0, 3)) == 0:
            drawn.named.append((None, build.signature(thing)))
        if draw(st.booleans()):
            artifact = build.signature(thing)
            attached = draw(
                st.sampled_from([artifact, build.index(artifact), build.sbom(artifact)])
            )
            drawn.named.append((f"example.com/attached:{number}", attached))
    drawn.cap = draw(st.one_of(st.none(), st.integers(0, 12_000)))
    return drawn


class Oracle:
    """A layout as its files say, and what a reader of the documentation expects of prune."""

    def __init__(self, tree: build.Tree) -> None:
        self.sizes = {d: tree.blob_path(d).stat().st_size for d in tree.blobs()}
        self.owns: dict[str, set[str]] = {}
        self.subjects: dict[str, str] = {}
        for digest in self.sizes:
            self._read(tree, digest)
        self.targets: dict[object, set[str]] = {}
        for number, entry in enumerate(tree.entries()):
            name = entry.get("annotations", {}).get(build.REF_NAME)
            self.targets.setdefault(name or number, set()).add(entry["digest"])
        followers = [
            key
            for key, digests in self.targets.items()
            if not isinstance(key, str) and digests & self.subjects.keys()
        ]
        others = self.reach(set(self.targets) - set(followers))
        for key in followers:
            if self.targets[key] <= others:
                del self.targets[key]

    def _read(self, tree: build.Tree, digest: str) -> None:
        try:
            document = json.loads(tree.blob_path(digest).read_bytes())
        except ValueError:
            return
        if not isinstance(document, dict) or "schemaVersion" not in document:
            return
        listed = [*document.get("layers", []), *document.get("manifests", [])]
        listed += [document["config"]] if "config" in document else []
        self.owns.setdefault(digest, set()).update(each["digest"] for each in listed)
        if "subject" in document:
            self.subjects[digest] = document["subject"]["digest"]
            self.owns.setdefault(self.subjects[digest], set()).add(digest)

    def reach(self, keys: Iterable[object]) -> set[str]:
        pending = [digest for key in keys for digest in self.targets[key]]
        found: set[str] = set()
        while pending:
            digest = pending.pop()
            if digest not in found:
                found.add(digest)
                pending += self.owns.get(digest, ())
                pending += [self.subjects[digest]] if digest in self.subjects else []
        return found

    def size(self, keys: Iterable[object]) -> int:
        return sum(self.sizes.get(digest, 0) for digest in self.reach(keys))

    def expect(self, drawn: Drawn) -> set[object] | None:
        """Return what goes; None if the limit cannot be met."""
        everything = set(self.targets)
        kept = {key for key in everything if key in drawn.pinned or key in drawn.kept}
        gone = {key for key in everything if key in drawn.dropped} - kept
        if drawn.cap is None:
            return gone
        by_cap: set[object] = set()
        for unit in self._units(drawn, kept, gone):
            if self.size(everything - gone - by_cap) <= drawn.cap:
                break
            by_cap |= unit
        if self.size(everything - gone - by_cap) > drawn.cap:
            return None
        rest = self.reach(everything - gone - by_cap)
        return gone | {key for key in by_cap if not self.targets[key] <= rest}

    def _units(self, drawn: Drawn, kept: set[object], gone: set[object]) -> Iterator[set[object]]:
        """Yield images with all of their names that may go, the least recently used first."""
        by_target: dict[str, set[object]] = {}
        for key, digests in self.targets.items():
            (digest,) = digests  # names of one digest alone are drawn
            by_target.setdefault(digest, set()).add(key)

        def last(item: tuple[str, set[object]]) -> tuple[int, str]:
            rest = item[1] - gone
            return max((drawn.used.get(str(key), 0), str(key)) for key in rest)

        free = {
            digest: keys for digest, keys in by_target.items() if not keys & kept and keys - gone
        }
        for _, keys in sorted(free.items(), key=last):
            yield keys - gone


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(caches())
def test_a_plan_is_what_the_documentation_says_and_frees_what_it_promises(drawn: Drawn) -> None:
    folder = Path(tempfile.mkdtemp(prefix="prune-"))
    try:
        tree = build.layout(folder / "cache")
        for name, thing in drawn.named:
            tree.add(thing, name)
        with Cache.open(tree.path) as cache:
            check(cache, tree, drawn, Oracle(tree))
    finally:
        shutil.rmtree(folder)


def check(cache: Cache, tree: build.Tree, drawn: Drawn, oracle: Oracle) -> None:
    drawn.kept -= drawn.dropped
    expected = oracle.expect(drawn)
    rules = prepare(cache, drawn)
    if expected is None:
        before = tree.entries()
        with pytest.raises(Refused, match="cannot be met"):
            cache.plan_prune(rules)
        assert tree.entries() == before
        return
    plan = cache.plan_prune(rules)
    check_promise(plan, oracle, expected, drawn.cap)
    garbage = sum(oracle.sizes.values()) - plan.before
    cache.prune(plan)
    report = cache.collect(cache.plan_collection(grace=0))
    assert report.freed == plan.freed + garbage
    assert cache.verify().is_clean


def prepare(cache: Cache, drawn: Drawn) -> PruneRules:
    """Pin names, set their times, and make the rules."""
    cache.pin(sorted(drawn.pinned))
    with cache.catalog.writing() as connection:
        # Added before every use, so that the time of use decides.
        on(connection).execute(update(ref).values(added=1))
        for name, age in drawn.used.items():
            on(connection).execute(update(ref).where(ref.c.name == name).values(used=DAY * age))
    return PruneRules(
        keep=tuple(cache.parse(f"name:{name}") for name in sorted(drawn.kept)),
        drop=tuple(cache.parse(f"name:{name}") for name in sorted(drawn.dropped)),
        max_size=SizeLimit(text="cap", number=10**12 if drawn.cap is None else drawn.cap),
        may_remove_all=True,
    )


def check_promise(plan: PrunePlan, oracle: Oracle, expected: set[object], cap: int | None) -> None:
    removed = [item for item in plan.items if item.is_removed]
    everything = set(oracle.targets)
    assert {item.name for item in removed} - {None} == {
        key for key in expected if isinstance(key, str)
    }
    assert plan.before == oracle.size(everything)
    assert plan.size == oracle.size(everything - expected)
    assert sum(item.freed for item in removed) == plan.freed
    if cap is not None and removed and "least recently used" in removed[-1].reason:
        assert plan.size + removed[-1].freed > cap
