"""The pages of docs/reference say what the code does."""

from pathlib import Path

import pytest

from scripts import reference
from tests import golden_files

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.fixture(autouse=True)
def defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Help is as wide as everywhere."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", reference.PAGES)
def test_golden_page(name: str) -> None:
    golden_files.check(name, reference.PAGES[name](), FOLDER)


def test_every_page_of_the_reference_is_made_or_listed() -> None:
    assert {path.name for path in FOLDER.iterdir()} >= set(reference.PAGES)
