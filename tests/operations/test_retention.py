"""Policies: what they drop, what they keep, and what they refuse to do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from cachedb.cache import Cache
from cachedb.catalog.schema import ref
from cachedb.errors import QueryError, Refused
from cachedb.operations.gc import retention
from cachedb.operations.gc.retention import Policy
from tests import backends, build
from tests.sql import on

NOW = datetime(2026, 11, 23, tzinfo=UTC)
IMAGES = {f"example.com/app:v{n}": build.image(build.layer({"n": str(n)})) for n in range(6)}


@pytest.fixture
def cache(tree: build.Tree) -> Iterator[Cache]:
    for name, thing in IMAGES.items():
        tree.add(thing, name)
    tree.add(build.image(build.layer({"pinned": ""})), "example.com/pinned:1")
    entries = tree.entries()
    entries[-1]["annotations"]["io.cachedb.pin"] = "true"
    tree.write_entries(entries)
    with Cache.open(tree.path) as opened:
        with opened.catalog.writing() as connection:
            for age, name in enumerate(IMAGES):
                added = NOW - timedelta(days=10 * age)
                on(connection).execute(
                    update(ref)
                    .where(ref.c.name == name)
                    .values(added=int(added.timestamp() * 1_000_000))
                )
        yield opened


def decide(cache: Cache, **rules: object) -> dict[str, tuple[bool, str]]:
    parts = {
        key: tuple(cache.parse(text) for text in texts) if isinstance(texts, list) else texts
        for key, texts in rules.items()
    }
    plan = retention.plan(cache.layout, cache.catalog, Policy(**parts), NOW)  # type: ignore[arg-type]
    return {d.root.name or "": (d.is_dropped, d.rule) for d in plan.decisions}


def dropped(cache: Cache, **rules: object) -> set[str]:
    return {name for name, (gone, _) in decide(cache, **rules).items() if gone}


def test_what_is_old_goes_and_what_is_pinned_stays(cache: Cache) -> None:
    decisions = decide(cache, drop=["added before 25d or tag:1"])

    assert {name for name, (gone, _) in decisions.items() if gone} == {
        "example.com/app:v3",
        "example.com/app:v4",
        "example.com/app:v5",
    }
    assert decisions["example.com/pinned:1"] == (False, retention.PINNED)
    assert decisions["example.com/app:v0"] == (False, retention.NO_RULE)


def test_keeping_wins_in_any_order(cache: Cache) -> None:
    rules = {"drop": ["tag:v*"], "keep": ["tag:v0", "top 2 by -added"]}
    turned = {"keep": ["top 2 by -added", "tag:v0"], "drop": ["tag:v*"]}
    assert dropped(cache, **rules) == dropped(cache, **turned)
    assert "example.com/app:v0" not in dropped(cache, **rules)


def test_every_decision_names_its_rule(cache: Cache) -> None:
    decisions = decide(cache, drop=["tag:v5"], keep=["tag:v1"])
    assert decisions["example.com/app:v5"] == (True, "refs tag:v5")
    assert decisions["example.com/app:v1"] == (False, "refs tag:v1")


def test_a_rule_to_keep_that_selects_nothing_is_refused(cache: Cache) -> None:
    with pytest.raises(Refused, match="selects nothing"):
        decide(cache, drop=["tag:v5"], keep=["tag:production"])


def test_dropping_everything_is_refused(tree: build.Tree) -> None:
    for name, thing in IMAGES.items():
        tree.add(thing, name)
    with Cache.open(tree.path) as cache, pytest.raises(Refused, match="all 6 names"):
        decide(cache, drop=["everything"])


@pytest.mark.parametrize("most", [pytest.param(0.5, id="names"), pytest.param(0.7, id="bytes")])
def test_dropping_more_than_allowed_is_refused(cache: Cache, most: float) -> None:
    with pytest.raises(Refused, match="more than"):
        decide(cache, drop=["tag:v1,v2,v3,v4,v5"], most=most)


@pytest.mark.parametrize(
    "text",
    [pytest.param("blobs is:garbage", id="blobs"), pytest.param("refs limit 3", id="limited")],
)
def test_a_policy_is_about_sets_of_names_only(cache: Cache, text: str) -> None:
    with pytest.raises(QueryError):
        decide(cache, drop=[text])


def test_the_promise_is_what_the_names_alone_keep(cache: Cache) -> None:
    plan = retention.plan(cache.layout, cache.catalog, Policy(drop=(cache.parse("tag:v5"),)), NOW)
    image = IMAGES["example.com/app:v5"]
    others = {d for name, thing in IMAGES.items() if thing is not image for d in thing.digests}
    assert plan.removal.freed == sum(b.size for b in image.blobs if b.digest not in others)


def test_a_policy_is_applied_like_a_removal(cache: Cache) -> None:
    plan = cache.plan_retention(Policy(drop=(cache.parse("tag:v5"),)))
    cache.remove(plan.removal)
    assert "example.com/app:v5" not in {listing.name for listing in cache.list()}
    cache.collect(cache.plan_collection(grace=0))
    assert cache.verify().is_clean


# -- clocks and catalogs ------------------------------------------------------------------------

_BY_AGE = ["used before 90d", "pulled before 90d", "added before 90d", "not created since 90d"]


@pytest.mark.parametrize("query", [*_BY_AGE, "@stale"])
def test_a_clock_far_ahead_drops_nothing_by_age(cache: Cache, query: str) -> None:
    cache.save_query("stale", "tag:v1 and added before 90d")
    future = NOW + timedelta(days=3650)
    policy = Policy(drop=(cache.parse(query),), keep=(cache.parse("tag:v0"),))
    with pytest.raises(Refused, match="the clock is at 2036"):
        retention.plan(cache.layout, cache.catalog, policy, future)
    retention.plan(cache.layout, cache.catalog, policy.replace(trusts_clock=True), future)


def test_a_clock_far_ahead_drops_what_a_rule_without_a_time_selects(cache: Cache) -> None:
    policy = Policy(drop=(cache.parse("tag:v5"),))
    future = NOW + timedelta(days=3650)
    found = retention.plan(cache.layout, cache.catalog, policy, future)
    assert [root.name for root in found.removal.roots] == ["example.com/app:v5"]


@pytest.mark.parametrize(
    "query",
    ["tag:used", "registry:created.example.com", "added before 2001-01-01", "used:never",
     "not top 3 by -added per repo"],
)  # fmt: skip
def test_a_clock_far_ahead_does_not_refuse_rules_that_do_not_depend_on_it(
    cache: Cache, query: str
) -> None:
    policy = Policy(drop=(cache.parse(query),), keep=(cache.parse("tag:v0"),))
    ahead = retention.plan(cache.layout, cache.catalog, policy, NOW + timedelta(days=3650))
    today = retention.plan(cache.layout, cache.catalog, policy, NOW)
    assert ahead.removal.roots == today.removal.roots


def test_a_clock_far_ahead_makes_no_rule_keep_less(cache: Cache) -> None:
    drop, keep = cache.parse("everything"), cache.parse("added since 5d or tag:v0")
    with pytest.raises(Refused, match="the clock is at 2036"):
        retention.plan(
            cache.layout,
            cache.catalog,
            Policy(drop=(drop,), keep=(keep,)),
            NOW + timedelta(days=3650),
        )


_BY_USE = [
    "not used since 90d",
    "not pulled since 90d",
    "used before 90d or used:never",
    "used:never",
    "pulled:never,..90d",
    "not (tag:v9 or used since 90d)",
    "not top 1 by -used per repo",
    "not top 1 by -added per repo",
    "not top 1 by +added",
    "@stale",
]


@pytest.mark.parametrize("query", [*_BY_AGE[:3], *_BY_USE])
def test_a_catalog_that_was_made_anew_drops_nothing_for_its_times(
    cache: Cache, tree: build.Tree, query: str
) -> None:
    cache.save_query("stale", "tag:v1,v2 and not used since 90d")
    cache.close()
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as opened:
        found = opened.plan_retention(Policy(drop=(opened.parse(query),)))
        assert found.removal.roots == ()
        keep_only = Policy(drop=(~opened.parse("used since 30d"),))
        assert opened.plan_retention(keep_only).removal.roots == ()


@pytest.mark.parametrize("query", ["used since 30d", "top 1 by -used per repo", "not used:never"])
def test_a_catalog_that_was_made_anew_keeps_what_may_have_been_used(
    cache: Cache, tree: build.Tree, query: str
) -> None:
    cache.close()
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as opened:
        policy = Policy(drop=(opened.parse("everything"),), keep=(opened.parse(query),))
        assert opened.plan_retention(policy).removal.roots == ()


def test_what_stays_for_an_unknown_time_is_told(cache: Cache, tree: build.Tree) -> None:
    cache.close()
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as opened:
        policy = Policy(drop=(opened.parse("tag:v1,v2 not used since 90d"),))
        (note,) = opened.plan_retention(policy).notes
    assert note.startswith(
        "2 names stay although 'refs tag:v1,v2 and not used since 90d' selects them: "
    )
    assert "does not know when images arrived or were used before" in note


def test_a_name_goes_when_the_record_of_uses_is_as_old_as_the_rule_asks(
    cache: Cache, tree: build.Tree
) -> None:
    cache.close()
    backends.remove_catalog(tree.path)
    with Cache.open(tree.path) as opened:
        policy = Policy(drop=(opened.parse("tag:v* not used since 90d"),))
        for days, count in ((89, 0), (91, 6)):
            later = datetime.now(UTC) + timedelta(days=days)
            found = retention.plan(opened.layout, opened.catalog, policy, later)
            assert len(found.removal.roots) == count


def test_the_age_of_a_name_without_uses_begins_with_its_arrival(cache: Cache) -> None:
    assert dropped(cache, drop=["not used since 25d"], keep=["example.com/pinned"]) == {
        f"example.com/app:v{n}" for n in (3, 4, 5)
    }
