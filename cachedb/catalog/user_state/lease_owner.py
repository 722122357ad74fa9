"""Owner of a lease that many hosts see: a process, told from every other one on any host."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from cachedb.records import NamedTuple

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_TIME = 19
"""Field of `/proc/PID/stat` behind the name of the program, which may hold blanks."""


class LeaseOwner(NamedTuple):
    """Process that holds a lease, told from every other one on any host.

    What the host does not tell is empty: the kernel of macOS has none of it.
    """

    host: str
    """Name of the host."""
    boot: str
    """Random identifier of the boot of its kernel."""
    namespace: str
    """Namespace of process ids, which a container has its own of."""
    pid: str
    """Process id in that namespace, in decimal."""
    started: str
    """Start time of the process, in ticks since the boot."""

    def __str__(self) -> str:
        return " ".join(part or "-" for part in self)

    def has_ended(self) -> bool:
        """Return whether the process was one of this host and has ended; False if unknown.

        Of another host, of another boot, and of another container the heartbeat decides.
        """
        ours = this_process()
        is_ours = (self.host, self.boot, self.namespace) == (ours.host, ours.boot, ours.namespace)
        return is_ours and bool(ours.started) and _start_time(self.pid) != self.started


def parse(text: str) -> LeaseOwner | None:
    """Parse the text of an owner; None if it is not one."""
    parts = text.split(" ")
    return LeaseOwner(*parts) if len(parts) == len(LeaseOwner._fields) else None


def this_process() -> LeaseOwner:
    """Return the owner of the leases of this process."""
    pid = str(os.getpid())
    boot, namespace = _of_this_host()
    return LeaseOwner(os.uname().nodename, boot, namespace, pid, _start_time(pid))


@cache
def _of_this_host() -> tuple[str, str]:
    with suppress(OSError):
        boot = _BOOT_ID.read_text().strip()
        return boot, str(os.stat("/proc/self/ns/pid").st_ino)
    return "", ""


def _start_time(pid: str) -> str:
    """Return when a process was started, in ticks since the boot; '' if there is none."""
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[_START_TIME]
    return ""
