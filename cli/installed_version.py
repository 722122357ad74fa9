"""Version of an installed distribution, as `importlib.metadata.version` returns it.

That function imports the parser of messages, which takes a hundred times as long as reading one
line of a file: psycopg calls it at its import.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

_FIELD = "Version: "
_KINDS = (".dist-info", ".egg-info", ".egg")


def version(distribution_name: str) -> str:
    """Return the version of a distribution.

    Raises:
        importlib.metadata.PackageNotFoundError: It is not installed.
    """
    found = _read(distribution_name)
    if found is not None:
        return found
    from importlib.metadata import Distribution

    return Distribution.from_name(distribution_name).version


def _read(distribution: str) -> str | None:
    """Read the version in the first directory that has one; None if something is unusual."""
    if any(hasattr(each, "find_distributions") for each in sys.meta_path if each != PathFinder):
        return None
    wanted = _normalized(distribution)
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except FileNotFoundError:
            continue
        except OSError:  # an archive
            return None
        found = [name for name in names if name.endswith(_KINDS) and _project(name) == wanted]
        if found:
            is_usual = len(found) == 1 and found[0].endswith(_KINDS[0])
            return _version_in(Path(folder, found[0], "METADATA")) if is_usual else None
    return None


def _project(name: str) -> str:
    return _normalized(name.rpartition(".")[0].partition("-")[0])


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _version_in(path: Path) -> str | None:
    with suppress(OSError, UnicodeError), path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(_FIELD):
                return line.removeprefix(_FIELD).strip()
            if not line.strip():  # the end of the fields
                break
    return None
