"""Sample archives: their bytes are stated, and nothing of a user is overwritten."""

import hashlib
from pathlib import Path

import pytest

from cachedb.errors import Refused, StorageFailed
from cachedb.operations.archives import sample_images

# The digests in README and the documentation depend on these.
APP = "6e5a9a859a0cad4807420692eef4d3eecf79b93866e6702eae9b97648d97378d"
TOOL = "dbc3030fb1fde9609f88d75aa9e0710a94f2ce9d8b4e862655665254e23285c5"


def hashes(folder: Path) -> list[str]:
    paths = (folder / name for name in sample_images.ARCHIVES)
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_the_archives_have_the_stated_bytes(tmp_path: Path) -> None:
    written = sample_images.write(tmp_path / "new")
    assert [path.name for path in written] == ["app.tar", "tool.tar"]
    assert hashes(tmp_path / "new") == [APP, TOOL]


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    before = [path.stat().st_mtime_ns for path in sample_images.write(tmp_path)]
    assert [path.stat().st_mtime_ns for path in sample_images.write(tmp_path)] == before


def test_a_file_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tool.tar").write_bytes(b"mine")
    with pytest.raises(Refused, match=r"tool.tar' exists and is not the sample"):
        sample_images.write(tmp_path)
    assert (tmp_path / "tool.tar").read_bytes() == b"mine"


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot write the sample"):
        sample_images.write(tmp_path / "file" / "below")
