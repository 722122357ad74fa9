"""Python examples of the how-to pages run, each page in one interpreter with the sample images."""

import re
from pathlib import Path

import pytest

from cachedb.cli.app import main
from scripts import sample

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?<=```python\n).*?(?=```)", re.DOTALL)
PAGES = [page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if
         BLOCK.search(page.read_text())]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run_and_print_the_sample_image(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    sample.write(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["cachedb", "import", "--cache", "cache", "app.tar", "tool.tar"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    names: dict[str, object] = {}
    for block in BLOCK.findall(page.read_text()):
        exec(block, names)
        assert sample.APP in capsys.readouterr().out
