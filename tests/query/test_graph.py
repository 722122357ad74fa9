"""The recursive statements, on graphs small enough to draw."""

from collections.abc import Iterable

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql

from cachedb.catalog.enums import Kind, State
from cachedb.catalog.queries import graph
from cachedb.catalog.schema import blob, edge, ref


@pytest.fixture
def rows(empty: Connection) -> Connection:
    return empty


def draw(rows: Connection, edges: Iterable[str], refs: str) -> None:
    """Store a graph: nodes are letters, `edges` are pairs of them, `refs` are their targets."""
    letters = sorted(set("".join(edges)) | set(refs))
    rows.execute(
        insert(blob),
        [
            {
                "id": ord(letter),
                "digest": f"sha256:{ord(letter):064x}",
                "size": ord(letter) - ord("a") + 1,
                "kind": Kind.OTHER,
                "state": State.PRESENT,
                "media_type": "",
                "parsed": 1,
            }
            for letter in letters
        ],
    )
    rows.execute(
        insert(edge), [{"parent_id": ord(pair[0]), "child_id": ord(pair[1])} for pair in edges]
    )
    rows.execute(
        insert(ref),
        [
            {
                "id": position,
                "position": position,
                "entry": "{}",
                "name": f"{target}{position}",
                "target_id": ord(target),
                "media_type": "",
                "size": 1,
                "pinned": 0,
                "added": 0,
            }
            for position, target in enumerate(refs)
        ],
    )


def letters(rows: Connection, statement: object) -> str:
    return "".join(sorted(chr(found) for found in rows.scalars(statement)))


def ids(targets: str) -> object:
    return select(blob.c.id).where(blob.c.id.in_([ord(letter) for letter in targets]))


DIAMOND = ["ab", "ac", "bd", "cd", "de", "xd", "xy", "zz"]


@pytest.mark.parametrize(
    ("seed", "down", "up"),
    [
        pytest.param("a", "abcde", "a", id="a root"),
        pytest.param("d", "de", "abcdx", id="the bottom of a diamond"),
        pytest.param("bx", "bdexy", "abx", id="two seeds"),
        pytest.param("z", "z", "z", id="a node that contains itself"),
        pytest.param("", "", "", id="nothing"),
    ],
)
def test_walks_take_their_seeds_along(rows: Connection, seed: str, down: str, up: str) -> None:
    draw(rows, DIAMOND, "a")

    assert letters(rows, select(graph.descendants(ids(seed)).c.id)) == down
    assert letters(rows, select(graph.ancestors(ids(seed)).c.id)) == up


def test_a_cycle_ends(rows: Connection) -> None:
    draw(rows, ["ab", "bc", "ca"], "a")

    assert letters(rows, select(graph.descendants(ids("b")).c.id)) == "abc"


def test_what_no_ref_reaches_is_unreachable(rows: Connection) -> None:
    draw(rows, DIAMOND, "ad")

    assert letters(rows, select(graph.reachable().c.id)) == "abcde"
    assert letters(rows, graph.unreachable()) == "xyz"


@pytest.mark.parametrize(
    ("targets", "removed", "freed"),
    [
        pytest.param("ax", [0], "abc", id="the other image keeps what they share"),
        pytest.param("ax", [0, 1], "abcdexy", id="both names: everything"),
        pytest.param("aa", [0], "", id="a second name keeps everything"),
        pytest.param("aa", [0, 1], "abcde", id="both names of one digest"),
        pytest.param("axd", [0, 1], "abcxy", id="a name inside keeps its part"),
        pytest.param("ax", [], "", id="no name"),
    ],
)
def test_exclusive_is_what_removing_exactly_these_would_free(
    rows: Connection, targets: str, removed: list[int], freed: str
) -> None:
    draw(rows, DIAMOND, targets)
    chosen = select(ref.c.id).where(ref.c.id.in_(removed))

    assert letters(rows, select(graph.exclusive(chosen).c.id)) == freed
    size = rows.scalar(graph.size_on_disk(graph.exclusive(chosen)))
    assert size == sum(ord(letter) - ord("a") + 1 for letter in freed)


def test_targets_are_what_the_chosen_refs_point_at(rows: Connection) -> None:
    draw(rows, DIAMOND, "aax")

    assert letters(rows, graph.targets()) == "aax"
    assert letters(rows, graph.targets(select(ref.c.id).where(ref.c.id > 0))) == "ax"


def test_two_walks_share_a_statement(rows: Connection) -> None:
    draw(rows, DIAMOND, "ax")
    first = graph.exclusive(select(ref.c.id).where(ref.c.id == 0), "first")
    second = graph.exclusive(select(ref.c.id).where(ref.c.id == 1), "second")

    statement = select(
        select(func.count()).select_from(first).scalar_subquery(),
        select(func.count()).select_from(second).scalar_subquery(),
    )

    assert tuple(rows.execute(statement).one()) == (3, 2)


def test_the_walks_compile_for_postgresql_without_not_in() -> None:
    text = str(select(graph.exclusive(select(ref.c.id))).compile(dialect=postgresql.dialect()))

    assert text.startswith("WITH RECURSIVE")
    assert "NOT IN" not in text
