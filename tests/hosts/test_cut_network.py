"""A host whose network is cut in the middle of a change, with connections that stay open."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cachedb.layout import fingerprint
from tests.crash import oracle
from tests.hosts import cut_off, worker
from tests.hosts import farm as farms
from tests.hosts.cut_off import Network
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
        with farms.opened(server, tmp_path_factory.mktemp("farm")) as opened:
            yield opened


@pytest.mark.parametrize(("name", "commit"), [("import", 1), ("import", 2), ("rm", 1), ("gc", 2)])
def test_a_host_whose_network_is_cut_blocks_others_for_the_stated_time_only(
    farm: Farm, network: Network, tmp_path: Path, name: str, commit: int
) -> None:
    operation, is_cut = farm.operations[name], tmp_path / "cut"
    farm.restore(operation)
    cut_off.connect(network)
    url = (
        f"postgresql+psycopg://postgres@{network.address}:{farm.server.port}/{farm.database}"
        f"?cache={CACHE}&sslmode=disable&gssencmode=disable"
    )
    host = farm.dying
    running = Running(
        host.identity, host.output, cut_off.command,
        network, commit, str(is_cut), str(farm.cache), operation.arguments, url,
    )  # fmt: skip
    give_up = time.monotonic() + _MARGIN
    while not is_cut.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    # The locks of its files end with it, as a file server ends them; the server knows nothing.
    running.kill()
    ended = running.wait()

    assert is_cut.exists(), ended.output
    assert oracle.violations(farm.cache, operation.expected, ended_well=False) == []
    assert farm.other.call(
        worker.go_on, str(farm.cache), farm.url, operation.arguments, STATED + _MARGIN
    ) == []  # fmt: skip
