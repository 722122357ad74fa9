"""--where chooses images by a query, wherever images are chosen."""

import tarfile
from pathlib import Path

from tests import build
from tests.cli.conftest import Run


def test_export_takes_what_a_query_selects(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    out = tmp_path / "out.tar"
    done = run(populated.path, "export", "--where", "repo:library/*", "-o", out)
    assert done.code == 0
    with tarfile.open(out) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        assert b"docker.io/library/tool:2" in index.read()


def test_du_validate_and_verify_take_a_query(run: Run, populated: build.Tree) -> None:
    for command in ("du", "validate", "verify"):
        assert run(populated.path, command, "--where", "repo:library/*").code == 0


def test_rm_takes_a_query(run: Run, populated: build.Tree) -> None:
    assert run(populated.path, "rm", "--where", "repo:library/*").code == 0
    assert [e["annotations"][build.REF_NAME] for e in populated.entries()] == ["example.com/app:1"]


def test_a_query_that_selects_no_image_says_so(run: Run, populated: build.Tree) -> None:
    done = run(populated.path, "export", "--where", "tag:none", "-o", "-")
    assert done.code == 3
    assert "no image is selected by 'tag:none'" in done.err


def test_neither_a_name_nor_a_query_is_refused(run: Run, populated: build.Tree) -> None:
    for command in (["export", "-o", "-"], ["push"], ["rm"]):
        assert run(populated.path, *command).code == 2
