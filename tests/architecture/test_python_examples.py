"""Python examples of the how-to pages run, each page as a notebook: one namespace, cell by cell.

A block ``python`` is a cell, the block ``text`` after it what the cell prints. Cells run in a
folder that holds the sample of `cachedb sample`.
"""

import re
from pathlib import Path

import pytest

from cachedb.operations.archives import sample_images as sample
from tests import golden_files

ROOT = Path(__file__).resolve().parents[2]
CELL = re.compile(r"```python\n(.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
PAGES = [page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if
         CELL.search(page.read_text())]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_golden_notebook(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    sample.write(tmp_path)
    names: dict[str, object] = {}

    def run(cell: re.Match[str]) -> str:
        exec(cell[1], names)
        printed = capsys.readouterr().out
        shown = f"\n```text\n{printed}```\n" if printed else ""
        return f"```python\n{cell[1]}```\n{shown}"

    golden_files.check(page.name, CELL.sub(run, page.read_text()), page.parent)
