"""Other layouts as a source: what comes in, what stays behind, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.cache import Cache
from cachedb.errors import CacheNotFound, InvalidArchive, Refused
from cachedb.feedback.progress import UNWATCHED
from cachedb.operations.archives.import_ import Imported, ImportOptions
from tests import build
from tests.conftest import APP, BASE, TOOL

NAME = "example.com/app:1"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cache]:
    with Cache.create(tmp_path / "new") as cache:
        yield cache


def take_in(cache: Cache, folder: Path, **options: object) -> tuple[Imported, ...]:
    chosen = ImportOptions(**options)  # type: ignore[arg-type]
    return tuple(cache.import_directory(folder, chosen, UNWATCHED))


def names(cache: Cache) -> dict[str | None, str]:
    return {each.name: str(each.digest) for each in cache.list()}


def files(cache: Cache) -> set[str]:
    return {str(file.digest) for file in cache.layout.blobs.files()}


@pytest.mark.parametrize(
    "style",
    [
        pytest.param(build.LINUXKIT, id="linuxkit"),
        pytest.param(build.SKOPEO, id="skopeo"),
        pytest.param(build.UMOCI, id="umoci"),
        pytest.param(build.CONTAINERD, id="containerd"),
    ],
)
def test_the_layouts_of_each_tool_come_in(
    empty: Cache, tmp_path: Path, style: build.Style
) -> None:
    tree = build.layout(tmp_path / "other", {NAME: APP}, style)
    (image,) = take_in(empty, tree.path)
    assert image.is_new
    assert files(empty) == APP.digests
    # skopeo and umoci name by the tag alone, which is then all that there is to say.
    assert names(empty) == {("1" if style in {build.SKOPEO, build.UMOCI} else NAME): APP.digest}


def test_only_what_the_images_need_comes_in(empty: Cache, populated: build.Tree) -> None:
    take_in(empty, populated.path)
    assert files(empty) == APP.digests | TOOL.digests


def test_a_second_time_changes_nothing(empty: Cache, populated: build.Tree) -> None:
    take_in(empty, populated.path)
    before = empty.layout.read_index_json()
    assert {image.is_new for image in take_in(empty, populated.path)} == {False}
    assert empty.layout.read_index_json() == before


def test_the_source_is_only_read(empty: Cache, populated: build.Tree) -> None:
    def state() -> dict[str, tuple[int, int]]:
        found = {str(path): path.stat() for path in populated.path.rglob("*")}
        return {path: (each.st_mtime_ns, each.st_ino) for path, each in found.items()}

    before = state()
    take_in(empty, populated.path)
    assert state() == before


def test_an_image_of_which_one_platform_is_whole_comes_in(
    empty: Cache, populated: build.Tree
) -> None:
    populated.unname("docker.io/library/tool:2")
    arm = APP.document["manifests"][1]["digest"]
    populated.delete(arm)
    (image,) = take_in(empty, populated.path)
    assert [str(digest) for digest in image.missing] == [arm]
    assert {each.health.value for each in empty.list()} == {"partial"}


def test_all_come_in_or_none(empty: Cache, populated: build.Tree) -> None:
    populated.delete(TOOL.config.digest)
    with pytest.raises(InvalidArchive, match="is missing"):
        take_in(empty, populated.path)
    assert names(empty) == {}
    assert files(empty) == set()


def test_wrong_bytes_do_not_come_in(empty: Cache, populated: build.Tree) -> None:
    populated.flip(BASE.digest)
    with pytest.raises(InvalidArchive, match=f"blob {BASE.digest} holds"):
        take_in(empty, populated.path)
    assert files(empty) == set()


def test_what_is_here_and_right_need_not_be_there(empty: Cache, populated: build.Tree) -> None:
    take_in(empty, populated.path)
    for name in (NAME, "docker.io/library/tool:2"):
        empty.remove(empty.plan_removal([name]))
    populated.delete(BASE.digest)
    assert {image.missing for image in take_in(empty, populated.path)} == {()}


def test_what_is_here_and_wrong_is_healed(
    empty: Cache, populated: build.Tree, tmp_path: Path
) -> None:
    take_in(empty, populated.path)
    build.Tree(tmp_path / "new").flip(BASE.digest)
    take_in(empty, populated.path)
    assert empty.verify().is_clean


def test_a_link_among_the_blobs_is_not_followed(
    empty: Cache, populated: build.Tree, tmp_path: Path
) -> None:
    path = populated.blob_path(BASE.digest)
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidArchive, match="is a symbolic link"):
        take_in(empty, populated.path)


def test_a_name_is_not_taken_over_unless_told(empty: Cache, populated: build.Tree) -> None:
    take_in(empty, populated.path)
    populated.add(TOOL, NAME)
    with pytest.raises(Refused, match="another image"):
        take_in(empty, populated.path)
    take_in(empty, populated.path, may_replace=True)
    assert names(empty)[NAME] == TOOL.digest


def test_a_cache_can_be_imported_into_itself(cache: Cache) -> None:
    before = cache.layout.read_index_json()
    assert {image.is_new for image in take_in(cache, cache.layout.root)} == {False}
    assert cache.layout.read_index_json() == before


def test_what_is_no_layout_is_refused(empty: Cache, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidArchive, match=r"no index\.json"):
        take_in(empty, tmp_path / "folder")
    with pytest.raises(CacheNotFound):
        take_in(empty, tmp_path / "nothing")


def test_a_layout_of_nothing_brings_nothing(empty: Cache, tmp_path: Path) -> None:
    build.layout(tmp_path / "hollow")
    assert take_in(empty, tmp_path / "hollow") == ()
