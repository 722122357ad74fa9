"""One file that runs where Python is: ``python -m scripts.executable DIR`` writes `cachedb.pyz`.

It contains the wheel in a directory and the installed versions of its dependencies. shiv unpacks
them once, into ``~/.shiv``, since compiled modules cannot be imported from an archive: the file is
for one version of Python and one kind of processor. With ``SOURCE_DATE_EPOCH`` a second build
yields the same bytes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePath

_WHEEL = "cachedb-*-py3-none-any.whl"
_OLDEST = 315532800  # 1980, the first year of a zip archive


def main(folder: Path) -> Path:
    """Write `cachedb.pyz` beside the wheel."""
    (wheel,) = folder.glob(_WHEEL)
    target = folder / "cachedb.pyz"
    with tempfile.TemporaryDirectory(prefix="cachedb-pyz-") as temporary:
        site = Path(temporary)
        for found in _closure("cachedb"):
            _copy(found, site)
        with zipfile.ZipFile(wheel) as archive:
            packages = [name for name in archive.namelist() if ".data/" not in name]
            archive.extractall(site, packages)
        _date(site)
        subprocess.run(
            [sys.executable, "-m", "shiv", "--site-packages", str(site), "--reproducible",
             "--no-modify", "--compressed", "--entry-point", "cachedb_program:main",
             "--python", "/usr/bin/env python3", "--output-file", str(target)],
            check=True, capture_output=True,
        )  # fmt: skip
    return target


def _closure(name: str) -> list[Distribution]:
    """Return the installed distributions that one needs, without itself."""
    found: dict[str, Distribution] = {}
    pending = [name]
    while pending:
        for text in distribution(pending.pop()).requires or ():
            needed, applies = _requirement(text)
            if applies and needed not in found:
                found[needed] = distribution(needed)
                pending.append(needed)
    return [found[each] for each in sorted(found)]


def _requirement(text: str) -> tuple[str, bool]:
    """Return the name of a requirement, and whether its marker applies to this Python."""
    from packaging.requirements import Requirement  # noqa: PLC0415  (with build)

    parsed = Requirement(text)
    name = re.sub(r"[-_.]+", "-", parsed.name).lower()
    return name, parsed.marker is None or parsed.marker.evaluate({"extra": ""})


def _copy(found: Distribution, site: Path) -> None:
    for path in found.files or ():
        if ".." in path.parts or PurePath(path).suffix == ".pyc":
            continue  # scripts, and compiled files that name the time of their source
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(str(path.locate())).read_bytes())


def _date(site: Path) -> None:
    """Set one time on every file, and drop content that differs between installations."""
    date = int(os.environ.get("SOURCE_DATE_EPOCH", _OLDEST))
    for path in sorted(site.rglob("*")):
        if path.name in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}:
            path.unlink()
        else:
            os.utime(path, (date, date))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
