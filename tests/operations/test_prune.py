"""Prune: rules by age, number and size, their order, and what they refuse to do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from cachedb.cache import Cache
from cachedb.catalog.schema import ref
from cachedb.errors import InvalidInput, QueryError, Refused
from cachedb.operations.prune import plan as planning
from cachedb.operations.prune import rules as parsing
from cachedb.operations.prune.limits import DiskSpace
from cachedb.operations.prune.plan import PrunePlan
from cachedb.operations.prune.reclaim import Reclaim
from cachedb.operations.prune.rules import Age, PruneRules, SizeLimit
from cachedb.operations.read.content import OwnershipGraph
from tests import backends, build
from tests.sql import on

NOW = datetime.now(UTC)
PLAIN = build.OCI_LAYER
BASE = build.layer({"base": "b" * 50_000}, media_type=PLAIN)
IMAGES = [build.image(BASE, build.layer({"n": str(n)}, media_type=PLAIN)) for n in range(6)]
NAMES = [f"example.com/app:v{n}" for n in range(6)]
DISK = DiskSpace(capacity=1_000_000, free=1_000)


@pytest.fixture
def tree(tmp_path: Path) -> build.Tree:
    return build.layout(tmp_path / "cache", dict(zip(NAMES, IMAGES, strict=True)))


@pytest.fixture
def cache(tree: build.Tree) -> Iterator[Cache]:
    """Six images; v0 was added and used today, v1 ten days ago, and so on."""
    with Cache.open(tree.path) as opened:
        for number, name in enumerate(NAMES):
            set_times(opened, name, added=10 * number, used=10 * number)
        yield opened


def set_times(cache: Cache, name: str | None, **days: int | None) -> None:
    values = {
        key: None if age is None else int((NOW - timedelta(days=age)).timestamp() * 1e6)
        for key, age in days.items()
    }
    with cache.catalog.writing() as connection:
        on(connection).execute(
            update(ref).where(ref.c.name.is_not_distinct_from(name)).values(**values)
        )


def plan(cache: Cache, disk: DiskSpace = DISK, **rules: object) -> PrunePlan:
    parsed = {
        key: tuple(cache.parse(each) for each in value) if isinstance(value, list) else value
        for key, value in rules.items()
    }
    made = PruneRules(**parsed)
    return planning.plan(cache.layout, cache.catalog, made, disk, NOW)


def removed(found: PrunePlan) -> list[str]:
    return [(item.name or "").rpartition(":")[2] for item in found.items if item.is_removed]


def reason(found: PrunePlan, tag: str) -> str:
    return next(item.reason for item in found.items if (item.name or "").endswith(f":{tag}"))


# -- ages and numbers -------------------------------------------------------------------------


def test_unused_names_go_least_recently_used_first(cache: Cache) -> None:
    found = plan(cache, unused_for=Age.parse("25d"))
    assert removed(found) == ["v5", "v4", "v3"]
    assert reason(found, "v5") == "unused for 25d"
    assert reason(found, "v0") == planning.NO_RULE


def test_a_pull_is_a_use(cache: Cache) -> None:
    set_times(cache, NAMES[5], pulled=1)
    assert "v5" not in removed(plan(cache, unused_for=Age.parse("25d")))


def test_names_that_arrived_lately_are_kept(cache: Cache) -> None:
    found = plan(cache, keep_within=Age.parse("15d"), unused_for=Age.parse("5d"))
    assert removed(found) == ["v5", "v4", "v3", "v2"]
    assert reason(found, "v1") == "pulled or added within 15d"


def test_alone_the_last_names_are_kept_and_the_others_go(cache: Cache) -> None:
    found = plan(cache, keep_last=2)
    assert removed(found) == ["v5", "v4", "v3", "v2"]
    assert reason(found, "v1") == "one of the last 2 of example.com/app"
    assert reason(found, "v5") == "no rule keeps it"


def test_beside_a_rule_that_removes_the_last_names_are_only_kept(cache: Cache) -> None:
    found = plan(cache, keep_last=5, unused_for=Age.parse("35d"))
    assert removed(found) == ["v5"]


def test_each_repository_keeps_its_last_names(cache: Cache, tree: build.Tree) -> None:
    tree.add(build.image(env=["OTHER=1"]), "example.com/other:1")
    with Cache.open(tree.path) as opened:
        set_times(opened, "example.com/other:1", added=400)
        assert removed(plan(opened, keep_last=1)) == ["v5", "v4", "v3", "v2", "v1"]


def test_each_platform_of_a_repository_keeps_its_last_names(tmp_path: Path) -> None:
    images = {
        "example.com/app:new": build.image(env=["A=1"]),
        "example.com/app:arm": build.image(env=["A=2"], arch="arm64"),
        "example.com/app:old": build.image(env=["A=3"]),
        "example.com/app:both": build.multi_platform("amd64", "arm64"),
    }
    tree = build.layout(tmp_path / "platforms", images)
    with Cache.open(tree.path) as cache:
        for age, tag in enumerate(("new", "arm", "old", "both")):
            set_times(cache, f"example.com/app:{tag}", added=age)
        found = plan(cache, keep_last=1, group_by=("repo", "platform"))
        assert removed(found) == ["both", "old"]
        assert reason(found, "arm") == "one of the last 1 of example.com/app linux/arm64"
        found = plan(cache, keep_last=1, group_by=("platform",))
        assert removed(found) == ["both", "old"]


def test_names_of_one_moment_are_ordered_by_when_their_images_were_made(tmp_path: Path) -> None:
    images = {
        f"example.com/app:{year}": build.image(
            env=[f"Y={year}"], created=f"{year}-01-01T00:00:00Z"
        )
        for year in (2021, 2023, 2022)
    }
    tree = build.layout(tmp_path / "moment", images)
    with Cache.open(tree.path) as cache:
        for name in images:
            set_times(cache, name, added=3)
        assert removed(plan(cache, keep_last=2)) == ["2021"]


def test_a_name_without_a_tag_goes_and_what_refers_to_an_image_stays(
    cache: Cache, tree: build.Tree
) -> None:
    loose = tree.add(build.image(env=["LOOSE=1"]))
    signature = tree.add(build.signature(IMAGES[0]))
    with Cache.open(tree.path) as opened:
        found = plan(opened, is_untagged=True)
        assert [root.digest for root in found.removal.roots] == [loose.digest]
        opened.prune(found)
    assert signature.digest in {entry["digest"] for entry in tree.entries()}


def test_what_refers_to_an_image_goes_with_it(cache: Cache, tree: build.Tree) -> None:
    signature = tree.add(build.signature(IMAGES[5]))
    with Cache.open(tree.path) as opened:
        found = plan(opened, drop=["tag:v5"])
        assert [row.digest for row in found.removal.weak] == [signature.digest]
        opened.prune(found)
        report = opened.collect(opened.plan_collection(grace=0))
        assert report.freed == found.freed
    assert signature.digest not in tree.blobs()


# -- the order of rules -------------------------------------------------------------------------


def test_keeping_wins_over_removing_and_a_pin_over_all(cache: Cache) -> None:
    cache.pin([NAMES[5]])
    found = plan(cache, drop=["tag:v*"], keep=["tag:v4"], max_size=SizeLimit.parse("1M"))
    assert removed(found) == ["v3", "v2", "v1", "v0"]
    assert reason(found, "v5") == "pinned"
    assert reason(found, "v4") == "refs tag:v4"


def test_the_pin_of_an_entry_without_a_name_holds_every_entry_of_its_digest(
    tree: build.Tree,
) -> None:
    image = build.image(labels={"is": "untagged"})
    tree.put(*image.blobs)
    plain = image.descriptor(platform=None)
    pinned = {**plain, "annotations": {"io.cachedb.pin": "true"}}
    before = [*tree.entries(), pinned, plain]
    tree.write_entries(before)
    with Cache.open(tree.path) as cache:
        plan = cache.plan_prune("version = 1\nuntagged = true\n")
        assert plan.removal.roots == ()
        assert cache.prune(plan) == ()
    assert tree.entries() == before


def test_ages_come_before_sizes(cache: Cache) -> None:
    total = plan(cache, unused_for=Age.parse("9y"), trusts_clock=True).before
    only_age = plan(cache, unused_for=Age.parse("45d"))
    both = plan(cache, unused_for=Age.parse("45d"), max_size=SizeLimit(text="x", number=total - 1))
    assert removed(both) == removed(only_age) == ["v5"]


def test_a_size_limit_removes_the_least_recently_used_and_no_more(cache: Cache) -> None:
    whole = plan(cache, unused_for=Age.parse("9y"), trusts_clock=True)
    limit = SizeLimit(text="x", number=whole.before - 15_000)
    found = plan(cache, max_size=limit)
    assert removed(found)[0] == "v5"
    last = [item for item in found.items if item.is_removed][-1]
    assert found.size <= whole.before - 15_000 < found.size + last.freed
    assert reason(found, "v5") == "least recently used, max-size x"


def test_shared_content_is_freed_with_the_last_of_its_images(cache: Cache) -> None:
    found = plan(cache, max_size=SizeLimit(text="x", number=0), may_remove_all=True)
    freed = [item.freed for item in found.items if item.is_removed]
    assert freed[-1] > BASE.size > max(freed[:-1])
    assert sum(freed) == found.freed == found.before


def test_all_names_of_an_image_go_together(cache: Cache, tree: build.Tree) -> None:
    tree.name(IMAGES[5], "example.com/alias:1")
    with Cache.open(tree.path) as opened:
        set_times(opened, "example.com/alias:1", added=50, used=50)
        whole = plan(opened, unused_for=Age.parse("9y"), trusts_clock=True)
        limit = SizeLimit(text="x", number=whole.before - 10)
        assert set(removed(plan(opened, max_size=limit))) == {"1", "v5"}
        set_times(opened, "example.com/alias:1", used=0)
        assert removed(plan(opened, max_size=limit)) == ["v4"]
        assert removed(plan(opened, max_size=limit, keep=["repo:alias"])) == ["v4"]


def test_a_name_is_not_removed_for_a_size_that_another_name_keeps(tmp_path: Path) -> None:
    part = build.image(build.layer({"p": "p" * 900}))
    whole = build.index(part, build.image(build.layer({"q": "q" * 900}), arch="arm64"))
    other = build.image(build.layer({"o": "o" * 900}))
    names = {"example.com/part:1": part, "example.com/o:1": other, "example.com/whole:1": whole}
    tree = build.layout(tmp_path / "parts", names)
    with Cache.open(tree.path) as cache:
        for age, name in enumerate(reversed(names)):
            set_times(cache, name, added=age, used=age)
        before = plan(cache, unused_for=Age.parse("9y"), trusts_clock=True).before
        found = plan(cache, max_size=SizeLimit(text="x", number=before - 10))
        assert [item.name for item in found.items if item.is_removed] == ["example.com/o:1"]


@pytest.mark.parametrize("declared", [0, 10**15])
def test_a_size_limit_is_met_by_bytes_on_disk_and_no_declared_sizes(
    tmp_path: Path, declared: int
) -> None:
    """A layer of another size than declared, and one that is not there."""
    layer, absent = build.layer({"a": "a" * 900}), build.layer({"b": "b" * 900})
    config = build.config_blob([layer, absent], build.platform_of("amd64"))
    document = build.manifest(config, [layer, absent]).document
    for each in document["layers"]:
        each["size"] = declared
    root = build.Blob(build.to_json(document), build.OCI_MANIFEST)
    tree = build.layout(tmp_path / "forged", {"example.com/o:1": build.image()})
    tree.add(build.Thing(root=root, parts=(config, layer)), "example.com/forged:1")
    on_disk = sum(tree.blob_path(digest).stat().st_size for digest in tree.blobs())
    with Cache.open(tree.path) as cache:
        for name in ("example.com/o:1", "example.com/forged:1"):
            set_times(cache, name, added=1, used=1)
        found = plan(cache, max_size=SizeLimit(text="x", number=on_disk))
        assert (found.before, removed(found)) == (on_disk, [])
        found = plan(cache, max_size=SizeLimit(text="x", number=on_disk - 1))
        assert found.before - found.size == found.removal.freed > 0
        gone = [item.name for item in found.items if item.is_removed]
    assert len(gone) == 1


def test_min_free_asks_for_the_space_that_is_lacking(cache: Cache) -> None:
    found = plan(cache, DiskSpace(capacity=10_000, free=900), min_free=SizeLimit.parse("10%"))
    assert removed(found) == ["v5"]
    found = plan(cache, DiskSpace(capacity=10_000, free=1_000), min_free=SizeLimit.parse("10%"))
    assert removed(found) == []


def test_blobs_that_are_garbage_already_count_as_free(
    cache: Cache, tree: build.Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning.limits, "space", lambda _layout: DISK)
    orphan = build.layer({"orphan": "o" * 9000}, media_type=build.OCI_LAYER)
    tree.put(orphan)
    with Cache.open(tree.path) as opened:
        rules = PruneRules(min_free=SizeLimit(text="x", number=DISK.free + 9000))
        assert removed(opened.plan_prune(rules, grace=0)) == []
        assert removed(opened.plan_prune(rules, grace=3600)) != []


# -- what it refuses -----------------------------------------------------------------------------


def test_removing_everything_needs_to_be_allowed(cache: Cache) -> None:
    with pytest.raises(Refused, match="all 6 names"):
        plan(cache, drop=["everything"])
    assert len(removed(plan(cache, drop=["everything"], may_remove_all=True))) == 6


def test_a_limit_below_what_pins_hold_is_refused_and_removes_nothing(cache: Cache) -> None:
    cache.pin(NAMES[:5])
    with pytest.raises(Refused, match="cannot be met"):
        plan(cache, max_size=SizeLimit.parse("1k"))


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        pytest.param({}, "no rule removes anything", id="none"),
        pytest.param({"keep": ["tag:v1"]}, "no rule removes anything", id="keep-alone"),
        pytest.param({"keep": ["tag:v1"], "drop": ["tag:v1"]}, "both keep and drop", id="both"),
        pytest.param({"keep": ["tag:x"], "drop": ["tag:v1"]}, "matches nothing", id="empty-keep"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    cache: Cache, rules: dict[str, list[str]], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        plan(cache, **rules)


@pytest.mark.parametrize("text", ["blobs is:garbage", "refs limit 3"])
def test_rules_are_about_sets_of_names(cache: Cache, text: str) -> None:
    with pytest.raises(QueryError):
        plan(cache, drop=[text])


@pytest.mark.parametrize("text", ["", "10", "5x", "-1d", "1.5d", "30d ago", "2026-01-01"])
def test_a_text_that_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="invalid age"):
        Age.parse(text)


@pytest.mark.parametrize("text", ["", "many", "1q", "-5G", "101%", "1.0000001", "9E9E"])
def test_a_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="invalid size"):
        SizeLimit.parse(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", True])
def test_a_number_of_names_is_1_or_more(text: str | int) -> None:
    with pytest.raises(InvalidInput):
        parsing.keep_last(text)


@pytest.mark.parametrize("text", ["", "tag", "repo,tag", "repo,repo", "repo,"])
def test_an_unknown_group_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="group"):
        parsing.group_by(text)


# -- clocks and catalogs ----------------------------------------------------------------------


def test_a_time_in_the_future_is_taken_for_now(cache: Cache) -> None:
    set_times(cache, NAMES[5], used=-400, added=-400)
    found = plan(cache, unused_for=Age.parse("25d"), keep_last=1)
    assert removed(found) == ["v4", "v3"]


def test_a_clock_far_ahead_removes_nothing_by_age(cache: Cache) -> None:
    future = NOW + timedelta(days=3650)
    for rules in (
        PruneRules(unused_for=Age.parse("90d"), keep=(cache.parse("tag:v0"),)),
        PruneRules(drop=(cache.parse("used before 90d"),)),
        PruneRules(keep_within=Age.parse("90d"), keep=(cache.parse("tag:v0"),)),
    ):
        with pytest.raises(Refused, match="the clock is at"):
            planning.plan(cache.layout, cache.catalog, rules, DISK, future)
        trusted = rules.replace(trusts_clock=True, may_remove_all=True)
        assert removed(planning.plan(cache.layout, cache.catalog, trusted, DISK, future))


def test_a_clock_far_behind_removes_nothing(cache: Cache) -> None:
    past = datetime(2001, 1, 1, tzinfo=UTC)
    rules = PruneRules(unused_for=Age.parse("90d"))
    assert removed(planning.plan(cache.layout, cache.catalog, rules, DISK, past)) == []


@pytest.mark.parametrize(
    "rules",
    [
        {"unused_for": "25d"},
        {"keep_last": 1},
        {"keep_within": "25d"},
        {"drop": ["not used since 25d"]},
        {"drop": ["used:never"]},
        {"drop": ["everything"], "keep": ["used since 25d"]},
    ],
    ids=str,
)
def test_a_catalog_that_was_made_anew_removes_nothing(
    cache: Cache, tree: build.Tree, rules: dict[str, object]
) -> None:
    cache.close()
    backends.remove_catalog(tree.path)
    parsed = {
        key: Age.parse(value) if isinstance(value, str) else value for key, value in rules.items()
    }
    with Cache.open(tree.path) as opened:
        assert removed(plan(opened, **parsed)) == []


def test_a_name_that_came_after_a_new_catalog_is_newer_than_those_before(
    cache: Cache, tree: build.Tree
) -> None:
    backends.remove_catalog(tree.path)
    Cache.open(tree.path).close()
    tree.add(build.image(env=["NEW=1"]), "example.com/app:new")
    with Cache.open(tree.path) as opened:
        rules = PruneRules(keep_last=1)
        found = planning.plan(opened.layout, opened.catalog, rules, DISK, datetime.now(UTC))
        assert removed(found) == ["v0", "v1", "v2", "v3", "v4", "v5"]


# -- applying -------------------------------------------------------------------------------------


def test_a_plan_frees_what_it_promises(cache: Cache) -> None:
    found = plan(cache, unused_for=Age.parse("25d"))
    cache.prune(found)
    assert cache.collect(cache.plan_collection(grace=0)).freed == found.freed
    assert cache.verify().is_clean
    assert [(event.operation, len(event.names)) for event in cache.log()][1] == ("prune", 3)


def test_a_name_that_has_changed_since_the_plan_stays(cache: Cache, tree: build.Tree) -> None:
    found = plan(cache, drop=["tag:v4", "tag:v5"])
    cache.pin([NAMES[4]])
    tree.add(build.image(env=["MOVED=1"]), NAMES[5])
    assert cache.prune(found) == ()
    assert len(tree.entries()) == 6


def test_documents_that_own_each_other_are_counted_once(tmp_path: Path) -> None:
    image = build.image()
    cycle = build.index(image, subject=image)  # lists its subject
    tree = build.layout(tmp_path / "cycle", {"example.com/a:1": image, "example.com/c:1": cycle})
    with Cache.open(tree.path) as cache, cache.catalog.reading() as connection:
        graph = OwnershipGraph(connection)
        a, c = (root.blob_id for root in cache.targets(["example.com/a:1", "example.com/c:1"]))
        reclaim = Reclaim(graph, [a, c], [(c, a)])
        whole = reclaim.live
        assert whole == sum(tree.blob_path(digest).stat().st_size for digest in tree.blobs())
        assert reclaim.remove(c) == 0
        assert reclaim.remove(a) == whole


@pytest.mark.parametrize("is_listed", [False, True])
def test_removal_of_the_subject_of_a_named_artifact_frees_nothing(
    tmp_path: Path, is_listed: bool
) -> None:
    image = build.image()
    signature = build.signature(image)
    tree = build.layout(tmp_path / "referred", {"example.com/a:1": image})
    tree.put(*signature.blobs)
    tree.add(build.index(signature) if is_listed else signature, "example.com/b:1")
    with Cache.open(tree.path) as cache:
        found = plan(cache, drop=["name:a"])
        assert [item.name for item in found.items if item.is_removed] == ["example.com/a:1"]
        assert found.freed == 0
        cache.prune(found)
        assert cache.collect(cache.plan_collection(grace=0)).freed == 0
        assert image.digests <= set(tree.blobs())
