"""Sample archives: their bytes are stated, and nothing of a user is overwritten."""

import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from cachedb.errors import Refused, StorageFailed
from cachedb.operations.archives import sample_images
from tests.programs import require

# The digests in README and the documentation depend on these.
APP = "f58cc27a4ecf9ef88b52556f96a5124bee13d0b5bcfc66333814ada6afed4f74"
TOOL = "c41be454cfbc1294af59161d0b362b9aa0736b3b944e89b6be3033d37fce8ae7"


def hashes(folder: Path) -> list[str]:
    paths = (folder / name for name in sample_images.ARCHIVES)
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_the_archives_have_the_stated_bytes(tmp_path: Path) -> None:
    written = sample_images.write(tmp_path / "new")
    assert [path.name for path in written] == ["app.tar", "tool.tar"]
    assert hashes(tmp_path / "new") == [APP, TOOL]


@pytest.mark.parametrize("name", sample_images.ARCHIVES)
def test_skopeo_of_a_user_other_than_root_reads_the_archives(name: str) -> None:
    require("skopeo", "setpriv")
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        sample_images.write(Path(folder) / "sample")
        done = subprocess.run(
            [*(other if os.geteuid() == 0 else []), "env", f"HOME={folder}",
             "skopeo", "inspect", "--raw", f"oci-archive:{folder}/sample/{name}"],
            check=False, capture_output=True, text=True, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["schemaVersion"] == 2


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
