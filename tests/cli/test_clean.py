"""The command `clean`: only images go, and with --published-only those that can be had again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.linuxkit import Provider
from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, TOOL
from tests.registry.servers import docker_registry

NAME, TOOL_NAME = "example.com/app:1", "docker.io/library/tool:2"


def test_every_name_and_every_blob_goes(run: Run, populated: build.Tree) -> None:
    told = succeed(run, populated.path, "clean", "--yes")
    assert told == f"{NAME}  {APP.digest}\n{TOOL_NAME}  {TOOL.digest}\n"
    assert populated.blobs() == set()
    assert succeed(run, populated.path, "ls", "--quiet") == ""
    assert succeed(run, populated.path, "clean", "--yes") == ""


def test_the_layout_stays_and_so_does_everything_that_is_no_image(
    run: Run, populated: build.Tree
) -> None:
    strange = [
        populated.path / "notes.txt",
        populated.path / "photos" / "cat.jpg",
        populated.path / "blobs" / "sha256" / "notes",
        populated.path / "blobs" / "readme",
    ]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_text("precious")
    succeed(run, populated.path, "clean", "--yes")
    assert [path.read_text() for path in strange] == ["precious"] * 4
    assert populated.document()["manifests"] == []
    populated.add(TOOL, NAME)
    assert TOOL.digest in succeed(run, populated.path, "ls", "--quiet")


def test_an_entry_that_cannot_be_read_goes_as_well(run: Run, populated: build.Tree) -> None:
    populated.write_entries([*populated.entries(), {"mediaType": "nonsense", "digest": 7}])
    succeed(run, populated.path, "clean", "--yes")
    assert populated.document()["manifests"] == []
    assert populated.blobs() == set()


def test_documents_that_cannot_be_read_keep_nothing(run: Run, populated: build.Tree) -> None:
    populated.truncate(APP.digest)
    succeed(run, populated.path, "clean", "--yes")
    assert populated.blobs() == set()


def test_a_dry_run_says_what_would_go_and_leaves_it(run: Run, populated: build.Tree) -> None:
    before = populated.blobs()
    assert NAME in succeed(run, populated.path, "clean", "--dry-run")
    assert populated.blobs() == before
    assert len(populated.entries()) == 2


@pytest.mark.parametrize("held", ["nothing", "files", "an index.json of something else"])
def test_what_is_no_layout_is_refused_and_untouched(run: Run, tmp_path: Path, held: str) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    if held != "nothing":
        (folder / "letter.txt").write_text("precious")
    if held.startswith("an index"):
        (folder / "index.json").write_text('{"name": "a web site"}')
    before = sorted(folder.rglob("*"))
    done = run(folder, "clean")
    assert done.code == 4
    assert "is not a usable OCI image layout" in done.err
    assert sorted(folder.rglob("*")) == before


def test_a_folder_that_is_not_there_is_not_made(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "nothing", "clean").code == 3
    assert not (tmp_path / "nothing").exists()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server.host


def test_only_what_is_published_goes(run: Run, populated: build.Tree, host: str) -> None:
    published, other = f"{host}/team/tool:1", f"{host}/team/other:1"
    populated.add(TOOL, published)
    with Provider(populated.path) as provider:
        provider.push(published)
        provider.push(published, other)
    populated.add(APP, other)
    populated.unname(TOOL_NAME)
    populated.unname(NAME)
    local = build.image(build.layer({"local": ""}))
    populated.add(local, f"{host}/team/local:1")
    done = run(populated.path, "clean", "--yes", "--published-only")
    assert (done.code, done.out) == (0, f"{published}  {TOOL.digest}\n")
    assert done.err.splitlines()[:2] == [
        f"kept {other}: its registry has another image of that name",
        f"kept {host}/team/local:1: not in its registry",
    ]
    # What only it kept is gone; what it shared, and what was garbage before, is not.
    assert populated.blobs() >= APP.digests | local.digests
    assert not populated.blobs() & (TOOL.digests - APP.digests)


def test_a_registry_that_cannot_be_asked_ends_it_with_an_error(
    run: Run, populated: build.Tree
) -> None:
    unreachable = "127.0.0.1:1/team/app:1"
    populated.unname(NAME)
    populated.unname(TOOL_NAME)
    populated.add(TOOL, unreachable)
    before = populated.blobs()
    done = run(populated.path, "clean", "--yes", "--published-only")
    assert done.code == 7
    assert f"kept {unreachable}: " in done.err
    assert populated.blobs() == before
