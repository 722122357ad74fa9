"""Whatever message to the server is lost, whichever host dies: no name and no blob is lost.

A sample runs with every test run, every message with ``make hosts``. After each fault another host
goes on within the stated time, and the catalog has to be equal to the files.
"""

from collections.abc import Iterator

import pytest

from cachedb.layout import fingerprint
from tests.conftest import Checked
from tests.hosts import farm as farms
from tests.hosts.farm import Farm
from tests.hosts.proxy import Fault, Kind
from tests.postgresql import Server

OPERATIONS = ("first", "pull", "import", "rm", "tag", "gc", "prune", "fleet-sync")
KINDS = tuple(kind for kind in Kind if kind is not Kind.HELD)
each_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(scope="module")
def farm(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "_RACY_NS", 0)
        with farms.opened(server, tmp_path_factory.mktemp("farm")) as opened:
            yield opened


def faults(messages: int, shift: int) -> list[Fault]:
    """Return a fault at every message, of one kind after the other."""
    return [
        Fault(KINDS[(at + shift) % len(KINDS)], at) for at in range(1, messages + 1)
    ]  # fmt: skip


def met(farm: Farm, name: str, chosen: list[Fault]) -> dict[Fault, list[str]]:
    """Let an operation meet faults; return what is wrong after each of those that it met."""
    operation = farm.operations[name]
    found = {fault: farm.check(operation, fault) for fault in chosen}
    return {fault: problems for fault, problems in found.items() if problems is not None}


def wrong(found: dict[Fault, list[str]]) -> dict[str, list[str]]:
    """Return the faults after which something is wrong, by their names."""
    return {str(fault): problems for fault, problems in found.items() if problems}


@each_operation
def test_a_fault_at_some_messages_breaks_nothing(farm: Farm, name: str) -> None:
    shift = OPERATIONS.index(name)
    every = faults(farm.messages(farm.operations[name]), shift)
    found = met(farm, name, every[len(every) // 6 :: len(every) // 3])
    assert found
    assert wrong(found) == {}


@pytest.mark.campaign
@each_operation
def test_a_fault_at_any_message_breaks_nothing(farm: Farm, checked: Checked, name: str) -> None:
    shift = OPERATIONS.index(name)
    every = faults(farm.messages(farm.operations[name]), shift)
    found = met(farm, name, every)
    for kind in KINDS:
        of_kind = [problems for fault, problems in found.items() if fault.kind is kind]
        checked.count(kind.name.lower(), len(of_kind), sum(map(bool, of_kind)))
    assert wrong(found) == {}
