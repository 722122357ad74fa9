"""Work in the processes of hosts: commands, and the check of a shared cache by another host."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import cachedb.cli.app
import cachedb.operations.archives.import_
import cachedb.operations.check.doctor
import cachedb.operations.fleet.publish
import cachedb.operations.gc.sweep
import cachedb.operations.transfer.pull
import cachedb.registry.client
from cachedb.cache import Cache
from cachedb.catalog.connect import Catalog
from cachedb.catalog.index.derived_rows import facts
from cachedb.catalog.server import catalog as server_catalog
from cachedb.catalog.server import fleet_catalog, heartbeat, session
from cachedb.catalog.user_state import collector, lease_owner, leases
from cachedb.errors import CacheBusy
from cachedb.layout import fingerprint
from cachedb.operations.sync import reconcile
from tests.crash.forkserver import Inline

_LOADED = cachedb


class Identity(NamedTuple):
    """What tells a host from others, and the periods in seconds after which it counts as dead."""

    name: str
    cut_off: float = session.CUT_OFF_SECONDS
    lease: float = leases.SHARED_SECONDS
    beat: float = heartbeat.SECONDS
    boot: str = "1"


def start(host: Identity, output: str, work: Callable[..., int], arguments: Sequence[Any]) -> None:
    """Work as a host, and end the process without the rest of the program."""
    code = 99
    try:
        become(host)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = work(*arguments)
    except BaseException:  # noqa: BLE001  (whatever it is, the test has to see it)
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def become(host: Identity) -> None:
    """Take the identity and the periods of a host."""
    here = os.uname()
    uname = os.uname_result((here[0], host.name, *here[2:]))
    os.uname = lambda: uname  # type: ignore[assignment]
    lease_owner._of_this_host = lambda: (f"{host.name}-{host.boot}", "1")  # type: ignore[assignment]
    settings = session.SETTINGS.replace(
        f"'{session.CUT_OFF_SECONDS}s'", f"'{int(host.cut_off * 1000)}ms'"
    )
    for module in (server_catalog, fleet_catalog):
        module.SETTINGS = settings  # type: ignore[attr-defined]
    for holder in (server_catalog, collector, leases):
        holder.SHARED_SECONDS = host.lease  # type: ignore[attr-defined]
    heartbeat.SECONDS = host.beat
    for name in ("operations.transfer.workers", "operations.check.verify"):
        loaded = sys.modules.get(f"cachedb.{name}")
        if hasattr(loaded, "ThreadPoolExecutor"):
            loaded.ThreadPoolExecutor = Inline  # type: ignore[union-attr]
    # A cache that was copied a moment ago is to be taken for one that is unchanged for long.
    fingerprint._RACY_NS = 0


def command(cache: str, arguments: Sequence[str], catalog: str | None) -> int:
    """Run a command line; returns its exit code."""
    os.environ["CACHEDB_CACHE"] = cache
    os.environ["COLUMNS"] = "200"
    os.environ.pop("CACHEDB_CATALOG", None)
    if catalog is not None:
        os.environ["CACHEDB_CATALOG"] = catalog
    sys.argv = ["cachedb", *arguments]
    try:
        cachedb.cli.app.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def settle(cache: str, catalog: str) -> int:
    """Bring the catalog in step."""
    Cache.open(Path(cache), catalog=catalog).close()
    return 0


def go_on(cache: str, catalog: str, arguments: Sequence[str], seconds: float) -> int:
    """Go on as another host, in so many seconds; print what is wrong, as a list."""
    found = []
    began = time.monotonic()
    found += differences(cache, catalog)
    for again in (list(arguments), ["gc", "--grace", "0"]):
        code = command(cache, again, catalog)
        while code == CacheBusy.exit_code and time.monotonic() - began < seconds:
            time.sleep(0.1)
            code = command(cache, again, catalog)
        if code != 0:
            found.append(f"`cachedb {' '.join(again)}` ends with {code}")
    took = time.monotonic() - began
    if took > seconds:
        found.append(f"it took {took:.1f} s")
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    return 0


def differences(cache: str, catalog: str) -> list[str]:
    """Compare the catalog with the files, and validate all images."""
    with Cache.open(Path(cache), catalog=catalog) as opened, closing(Catalog.in_memory()) as fresh:
        reconcile.bring_up_to_date(opened.layout, fresh)
        with opened.catalog.reading() as ours, fresh.reading() as theirs:
            difference = facts(ours) ^ facts(theirs)
            found = [f"the catalog is damaged: {each}" for each in ours.faults()]
        found += [f"{each} is not valid" for each in opened.validate() if not each.is_valid]
    if difference:
        found.append(f"the catalog differs in {len(difference)} facts: {list(difference)[:3]}")
    return found
