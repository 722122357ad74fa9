"""A host whose network is cut in the middle of a change, with connections that stay open.

A sample runs with every test run, every event of each operation with ``make hosts``.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cachedb.layout import fingerprint
from tests.conftest import Checked
from tests.crash import oracle
from tests.hosts import cut_off, worker
from tests.hosts import farm as farms
from tests.hosts.cut_off import Cut, Event, Network
from tests.hosts.farm import CACHE, STATED, Farm
from tests.hosts.host import Running
from tests.postgresql import serving
from tests.programs import require

_MARGIN = 60.0
"""Time that the commands may take themselves, on a machine that does other work."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    require("ip")
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(cut_off.linked())
        except cut_off.NoNamespaces as error:
            pytest.skip(f"this system lets root make no network namespaces: {error}")
        yield made


@pytest.fixture(scope="module")
def farm(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(has_port=True, address=network.address) as server,
    ):
        patch.setattr(fingerprint, "_RACY_NS", 0)
        folder = tmp_path_factory.mktemp("farm")
        with farms.opened(server, folder, network.address) as opened:
            yield opened


def wrong(farm: Farm, network: Network, name: str, cut: Cut, is_cut: Path) -> list[str] | None:
    """Cut the network of a host during an operation; None if it ends before."""
    operation = farm.operations[name]
    is_cut.unlink(missing_ok=True)
    farm.restore(operation)
    cut_off.connect(network)
    url = (
        f"postgresql+psycopg://postgres@{network.address}:{farm.server.port}/{farm.database}"
        f"?cache={CACHE}&sslmode=disable&gssencmode=disable"
    )
    host = farm.dying
    running = Running(
        host.identity, host.output, cut_off.command,
        network, cut, str(is_cut), str(farm.cache), operation.arguments, url,
    )  # fmt: skip
    give_up = time.monotonic() + _MARGIN
    while not is_cut.exists() and running.is_alive and time.monotonic() < give_up:
        time.sleep(0.02)
    # The locks of its files end with it, as a file server ends them; the server knows nothing.
    running.kill()
    ended = running.wait()
    if not is_cut.exists():
        return None if ended.code == 0 else [ended.output]
    return (
        oracle.violations(farm.cache, operation.expected, ended_well=False)
        + farm.other.call(
            worker.go_on, str(farm.cache), farm.url, operation.arguments, STATED + _MARGIN
        )
        + farm.residues(operation, farm.url)
    )


SAMPLE = (
    ("pull", Cut(Event.COMMIT, 1)),
    ("pull", Cut(Event.ANSWER, 2)),
    ("pull", Cut(Event.COMMIT, 3)),
    ("import", Cut(Event.COMMIT, 2)),
    ("rm", Cut(Event.COMMIT, 1)),
    ("gc", Cut(Event.COMMITTED, 2)),
)


@pytest.mark.parametrize(("name", "cut"), SAMPLE, ids=str)
def test_a_host_whose_network_is_cut_blocks_others_for_the_stated_time_only(
    farm: Farm, network: Network, tmp_path: Path, name: str, cut: Cut
) -> None:
    assert wrong(farm, network, name, cut, tmp_path / "cut") == []


@pytest.mark.campaign
@pytest.mark.parametrize("event", Event, ids=lambda event: event.name.lower())
@pytest.mark.parametrize("name", ["first", "pull", "import", "rm", "tag", "gc", "prune"])
def test_a_network_that_is_cut_at_any_event_breaks_nothing(
    farm: Farm, network: Network, checked: Checked, tmp_path: Path, name: str, event: Event
) -> None:
    problems: dict[str, list[str]] = {}
    number = 0
    while (
        found := wrong(farm, network, name, Cut(event, number + 1), tmp_path / "cut")
    ) is not None:
        number += 1
        if found:
            problems[f"{name} {Cut(event, number)}"] = found
    checked.count(f"network cut, {event.name.lower()}", number, len(problems))
    assert problems == {}
    assert number or event in {Event.REQUEST, Event.ANSWER}
