"""Run Python code as on a system without the calls that only Linux has, such as macOS.

``python -m tests.platforms.without_linux_calls FILE ARGUMENT…`` runs a file, or cachedb if FILE is
``-``. The constants and functions are removed before the first import of cachedb, and /proc cannot
be read: what is left is POSIX and what Python has on macOS.
"""

import fcntl
import importlib
import os
import runpy
import sys
from typing import Any

LACKING = (
    (fcntl, "F_SETSIG"),
    (fcntl, "F_GETSIG"),
    (fcntl, "F_NOTIFY"),
    (os, "posix_fallocate"),
    (os, "posix_fadvise"),
    (os, "copy_file_range"),
    (os, "memfd_create"),
    (os, "splice"),
    (os, "O_TMPFILE"),
    (os, "O_PATH"),
    (os, "O_DIRECT"),
    (os, "O_NOATIME"),
    (os, "fdatasync"),
    (os, "getxattr"),
    (os, "setxattr"),
    (os, "sched_getaffinity"),
    (os, "pidfd_open"),
    (os, "getrandom"),
)
OF_MACOS = {
    "F_FULLFSYNC": 51,
    "F_OFD_SETLK": 90,
    "F_OFD_SETLKW": 91,
    "F_OFD_GETLK": 92,
}
"""Constants that macOS has: the first is only its own, the others mean another request there."""


def _refuse_proc(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"open", "os.listdir", "os.scandir"} and str(arguments[0]).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


def main() -> None:
    """Remove the calls, and run what the command line names."""
    for module, name in LACKING:
        if hasattr(module, name):
            delattr(module, name)
    for name, value in OF_MACOS.items():
        setattr(fcntl, name, value)
    # The platform of this module alone: the standard library would look for modules of macOS.
    real, sys.platform = sys.platform, "darwin"
    importlib.import_module("cachedb.system_calls")
    sys.platform = real
    sys.addaudithook(_refuse_proc)
    program, sys.argv = sys.argv[1], sys.argv[1:]
    if program == "-":
        sys.argv[0] = "cachedb"
        runpy.run_module("cachedb", run_name="__main__")
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
