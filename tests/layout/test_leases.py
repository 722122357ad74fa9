from pathlib import Path

import pytest

from cachedb.layout import Layout
from tests.layout import child

OPEN = "from cachedb.layout import Layout; from pathlib import Path; l = Layout.open(Path({!r}));"


@pytest.fixture
def layout(layout_dir: Path):
    with Layout.open(layout_dir) as layout:
        yield layout


def files(layout: Layout) -> set[str]:
    return {path.name for path in (layout.private / "leases").iterdir()}


def test_a_lease_lives_as_long_as_it_is_held(layout: Layout) -> None:
    with layout.leasing() as first, layout.leasing() as second:
        assert layout.active_leases() == {first, second}
    assert layout.active_leases() == set()
    assert files(layout) == set()


def test_a_lease_ends_with_an_error(layout: Layout) -> None:
    with pytest.raises(ZeroDivisionError), layout.leasing():
        raise ZeroDivisionError
    assert files(layout) == set()


def test_the_lease_of_a_killed_process_is_dead(layout: Layout, layout_dir: Path) -> None:
    with child.holding(OPEN.format(str(layout_dir)) + "c = l.leasing(); c.__enter__()") as other:
        assert len(layout.active_leases()) == 1
        assert layout.active_leases() == files(layout)
        other.kill()
        assert layout.active_leases() == set()


def test_asking_removes_nothing_and_burying_only_the_dead(
    layout: Layout, layout_dir: Path
) -> None:
    with child.holding(OPEN.format(str(layout_dir)) + "c = l.leasing(); c.__enter__()") as other:
        other.kill()
    with layout.leasing() as ours:
        layout.active_leases()
        assert len(files(layout)) == 2
        layout.remove_stale_leases()
        assert files(layout) == {ours}


def test_a_cache_without_leases_has_none(layout: Layout) -> None:
    assert layout.active_leases() == set()
    layout.remove_stale_leases()
