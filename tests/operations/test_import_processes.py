"""Imports in processes of their own, all at the same time: every name is there afterwards."""

from contextlib import ExitStack
from pathlib import Path

from cachedb.cache import Cache
from tests import build
from tests.conftest import BASE
from tests.operations.processes import finished, running

PROCESSES, EACH = 6, 6


def test_imports_side_by_side_lose_no_name(tmp_path: Path) -> None:
    """linuxkit lost 25 to 30 of 36 names so; all of these share a layer, too."""
    images = {
        f"example.com/app:{number}": build.image(BASE, build.layer({"n": str(number)}))
        for number in range(PROCESSES * EACH)
    }
    for number, (name, image) in enumerate(images.items()):
        (tmp_path / f"{number}.tar").write_bytes(build.archive({name: image}))
    folder = tmp_path / "cache"
    with ExitStack() as stack:
        importers = [
            stack.enter_context(
                running(
                    folder,
                    "import",
                    *(str(tmp_path / f"{first + n}.tar") for n in range(EACH)),
                )
            )
            for first in range(0, len(images), EACH)
        ]
        results = [finished(importer) for importer in importers]
    assert [code for code, _, _ in results] == [0] * PROCESSES, results
    with Cache.open(folder) as cache:
        assert {each.name: str(each.digest) for each in cache.list()} == {
            name: image.digest for name, image in images.items()
        }
        assert cache.verify().is_clean
