"""How SQLite goes about the examples: walks go by index, and no big table is scanned."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, func, select

from cachedb.catalog.schema import blob, edge, metadata, ref
from cachedb.query.semantics import check as semantics
from cachedb.query.syntax.parser import parse
from cachedb.query.tools.explain import query_plan
from tests.query import generate
from tests.query.databases import SAVED
from tests.query.examples import EXAMPLES

pytestmark = pytest.mark.slow  # on a catalog of 1,200 images

MORE = {
    "count inside": "refs count layer gt 5",
    "count children": "refs any manifest(count child(kind:layer) gt 60)",
    "count packages": "refs count package(license:GPL*) gt 2",
    "no referrer": "refs no referrer",
    "referrers of": "blobs any subject(is:root)",
    "subjects": "blobs subjects(attestations everything)",
    "shared": "blobs is:shared",
    "partial": "refs is:partial",
    "many names": "refs name:" + ",".join(f"docker.io/acme/app{n}:v1.0" for n in range(100)),
    "digests": "blobs digest:aabbcc,ddeeff sort -total limit 5 show digest,total,refs",
    "link to package": "packages blob.ref.tag:latest",
    "complement of a walk": "blobs not descendants(alpine) not ancestors(is:corrupt)",
    "exclusive of all": "refs group kind show kind,exclusive",
    "exclusive in terms": "refs exclusive gt 1G sort -exclusive",
    "lists": "refs show name,platform,license,created sort -created limit 5",
    "top by exclusive": "refs top 3 by -exclusive per registry",
}
TEXTS = {name: text for name, (_, text) in EXAMPLES.items()} | MORE
SCANNED = {
    # There is no index by licence, label or entrypoint: each costs more to keep than it saves.
    "Q18": {"package", "label"},
    "Q25": {"config", "label"},
    "Q26": {"label"},
    "Q27": {"config"},
    "Q28": {"config"},
    # What no reference reaches, and what has any package, is found by looking at all there is.
    "Q21": {"blob"},
    "Q22": {"blob"},
    "Q41": {"blob_package"},
    "complement of a walk": {"blob"},
    # Groups of all, ranks of all, and all links of one role.
    "Q37": {"blob"},
    "Q50": {"blob"},
    "Q42": {"link"},
}
"""The large tables that a question has to read as a whole, and why no index can serve."""
SMALL = {"ref", "platform"}
"""Tables of names: a scan of ten thousand rows takes a millisecond."""
OF_PREFIX = {"b": "blob", "l": "link", "p": "package", "r": "ref"}


def steps(connection: Connection, text: str) -> tuple[list[str], list[str]]:
    """Return all steps of the plan, and those of recursive steps."""
    checked = semantics.check(parse(text, saved=SAVED), now=generate.NOW)
    rows = query_plan(
        checked,
        "sqlite",
        lambda text, values: connection.exec_driver_sql(text, tuple(values)).all(),
    )
    below = defaultdict(list)
    for row in rows:
        below[row[1]].append(row)

    def under(key: int) -> Iterator[str]:
        for row in below[key]:
            yield row[3]
            yield from under(row[0])

    recursive = [step for row in rows if row[3] == "RECURSIVE STEP" for step in under(row[0])]
    return [row[3] for row in rows], recursive


def scanned(everything: list[str], text: str) -> set[str]:
    """Return the tables that a plan reads as a whole; sets of the statement are none."""
    found = set()
    for step in everything:
        if (scan := re.match(r"SCAN ([a-z_]+)(\d*)\b", step)) is None:
            continue
        name, number = scan[1], scan[2]
        if number and name == "m":
            found |= {field for field in ("label", "env", "annotation") if f"{field}:" in text}
        elif number:
            found |= {OF_PREFIX[name]} if name in OF_PREFIX else set()
        elif name in metadata.tables:
            found.add(name)
    return found - SMALL


def check(connection: Connection, name: str) -> None:
    everything, recursive = steps(connection, TEXTS[name])
    for step in recursive:
        assert re.fullmatch(
            r"SCAN \w+\d\w*|SEARCH edge USING (PRIMARY KEY|COVERING INDEX) .*", step
        )
    assert scanned(everything, TEXTS[name]) <= SCANNED.get(name, set()), everything
    for step in everything:
        assert not re.search(r"BLOOM FILTER ON (edge|link)\b", step), everything


@pytest.fixture(params=["as it is", "analyzed"])
def planned(request: pytest.FixtureRequest, large: Connection) -> Iterator[Connection]:
    yield from _with_statistics(large, wanted=request.param == "analyzed")


@pytest.fixture(params=["as it is", "analyzed"])
def fully_planned(request: pytest.FixtureRequest, full: Connection) -> Iterator[Connection]:
    yield from _with_statistics(full, wanted=request.param == "analyzed")


def _with_statistics(connection: Connection, *, wanted: bool) -> Iterator[Connection]:
    if wanted:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    yield connection
    if wanted:
        for table in ("sqlite_stat1", "sqlite_stat4"):
            if connection.dialect.has_table(connection, table):
                connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.commit()
        # Only a new connection forgets the statistics.
        connection.invalidate()
        connection.rollback()


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_walks_go_by_index_and_no_big_table_is_scanned(name: str, planned: Connection) -> None:
    check(planned, name)


@pytest.mark.campaign
def test_the_same_holds_for_ten_thousand_names(fully_planned: Connection) -> None:
    counts = [
        fully_planned.scalar(select(func.count()).select_from(table))
        for table in (ref, blob, edge)
    ]
    assert all(n >= least for n, least in zip(counts, (10_000, 200_000, 500_000), strict=True))
    for name in TEXTS:
        check(fully_planned, name)


@pytest.mark.parametrize("name", ["Q13", "Q17", "Q40", "Q45", "digests"])
def test_what_an_index_serves_begins_with_it(name: str, planned: Connection) -> None:
    everything, _ = steps(planned, TEXTS[name])

    assert not [step for step in everything if re.match(r"SCAN [bprl]\d", step)]
