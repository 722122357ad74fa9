"""The commands `export` and `import`: files that appear complete or not at all, pipes, codes."""

import gzip
import io
import os
import resource
import stat
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from tests import build
from tests.cli.conftest import Run, succeed
from tests.conftest import APP, BASE, TOOL
from tests.programs import extract

NAME = "example.com/app:1"
TOOL_NAME = "docker.io/library/tool:2"


def names(archive: Path | bytes) -> list[str]:
    content = archive if isinstance(archive, bytes) else archive.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as found:
        return found.getnames()


def piped(cache: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "cachedb", *arguments],
        env={**os.environ, "CACHEDB_CACHE": str(cache)},
        input=given,
        check=False,
        capture_output=True,
    )


def test_a_longer_file_is_replaced_whole(run: Run, populated: build.Tree, tmp_path: Path) -> None:
    out = tmp_path / "out" / "image.tar"
    out.parent.mkdir()
    out.write_bytes(b"x" * 100_000)
    out.chmod(0o640)
    succeed(run, populated.path, "export", "--format", "filesystem", "--outfile", out, "tool:2")
    assert names(out) == ["bin", "bin/sh", "tool"]
    assert out.stat().st_size < 100_000
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_failure_leaves_the_folder_as_it_was(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old.tar").write_bytes(b"old")
    populated.flip(BASE.digest)
    for outfile in ("old.tar", "new.tar"):
        done = run(
            populated.path, "export", "--format", "docker", "-o", folder / outfile, "tool:2"
        )
        assert done.code == 4
        assert f"blob {BASE.digest} holds" in done.err
        assert done.out == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"old.tar": b"old"}


def test_a_link_stays_a_link_and_its_target_is_replaced(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    (tmp_path / "link.tar").symlink_to("target.tar")
    succeed(run, populated.path, "export", "-o", tmp_path / "link.tar", NAME)
    assert (tmp_path / "link.tar").is_symlink()
    assert "index.json" in names(tmp_path / "target.tar")


def test_a_device_is_not_replaced(run: Run, populated: build.Tree) -> None:
    before = os.stat(os.devnull)
    succeed(run, populated.path, "export", "-o", os.devnull, NAME)
    assert os.path.samestat(before, os.stat(os.devnull))


def test_a_named_pipe_is_written_to(run: Run, populated: build.Tree, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    succeed(run, populated.path, "export", "-o", pipe, NAME)
    reader.join()
    assert "index.json" in names(found[0])
    assert pipe.is_fifo()


def test_standard_output_carries_the_archive_and_nothing_else(populated: build.Tree) -> None:
    done = piped(populated.path, "export", "--outfile", "-", NAME, "tool:2")
    assert done.returncode == 0
    assert names(done.stdout)[0] == "oci-layout"
    assert done.stderr.decode().splitlines() == [
        f"{NAME}  {APP.digest}",
        f"{TOOL_NAME}  {TOOL.digest}",
    ]
    assert piped(populated.path, "export", "-q", "--outfile", "-", NAME).stderr == b""


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        pytest.param(2, [NAME], id="no file named"),
        pytest.param(2, ["--outfile", "", "nope:1"], id="an empty name is seen first"),
        pytest.param(2, ["--outfile", "out", "--format", "squashfs", NAME], id="no such form"),
        pytest.param(2, ["--outfile", "out", "--platform", "a b", NAME], id="no platform"),
        pytest.param(2, ["--outfile", "out", "--name", "A", NAME], id="no name"),
        pytest.param(3, ["--outfile", "out", "nope:1"], id="no such image"),
        pytest.param(3, ["--outfile", "out", "--arch", "riscv64", NAME], id="not for that"),
        pytest.param(9, ["--outfile", "no/such/folder/out", NAME], id="no such folder"),
        pytest.param(9, ["--outfile", ".", NAME], id="a folder"),
    ],
)
def test_exit_codes_mean_something(
    run: Run, populated: build.Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int,
    arguments: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = run(populated.path, "export", *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err
    assert not (tmp_path / "out").exists()


def test_arch_is_the_platform_of_linux(run: Run, populated: build.Tree, tmp_path: Path) -> None:
    for option, value in (("--arch", "arm64"), ("--platform", "linux/arm64")):
        succeed(
            run, populated.path, "export", option, value, "--format", "filesystem",
            "-o", tmp_path / option, NAME,
        )  # fmt: skip
    assert (tmp_path / "--arch").read_bytes() == (tmp_path / "--platform").read_bytes()


def test_a_reader_that_leaves_ends_the_export_quietly(populated: build.Tree) -> None:
    big = build.layer({"noise": os.urandom(3_000_000)}, media_type=build.OCI_LAYER)
    populated.add(build.image(big), "example.com/big:1")
    command = (
        f"{sys.executable} -m cachedb export --outfile - example.com/big:1"
        " | head -c 10 >/dev/null; echo ${PIPESTATUS[0]}"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "CACHEDB_CACHE": str(populated.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "141"
    assert "Traceback" not in done.stderr


def test_a_large_image_is_flattened_in_little_memory(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    """An image of 600 MB unpacked, with a limit on memory that is less than half of that."""
    noise = bytes(range(256)) * 4096
    layer = tmp_path / "layer.tar.gz"
    with (
        gzip.open(layer, "wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for number in range(6):
            member = tarfile.TarInfo(f"file{number}")
            member.size = 100 * len(noise)
            archive.addfile(member, _Repeated(noise, 100))
    image = build.image(build.Blob(layer.read_bytes(), build.OCI_LAYER_GZIP, BASE.diff_id))
    populated.add(image, "example.com/large:1")
    succeed(run, populated.path, "ls")  # makes the catalog

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (250_000_000, 250_000_000))

    done = subprocess.run(
        [sys.executable, "-m", "cachedb", "export", "--format", "filesystem", "-o", os.devnull,
         "example.com/large:1"],
        env={**os.environ, "CACHEDB_CACHE": str(populated.path)},
        check=False,
        capture_output=True,
        preexec_fn=little,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


class _Repeated(io.RawIOBase):
    def __init__(self, chunk: bytes, times: int) -> None:
        self._chunk, self._times = chunk, times
        self._buffer = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        found = self._buffer.read(size)
        while len(found) < size and self._times:
            self._times -= 1
            self._buffer = io.BytesIO(self._chunk)
            found += self._buffer.read(size - len(found))
        return found


# -- import --------------------------------------------------------------------------------------


def test_a_folder_a_file_and_a_pipe_bring_the_same(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    succeed(run, populated.path, "export", "-o", tmp_path / "image.tar", NAME)
    expected = f"{NAME}  {APP.digest}  imported\n"
    content = (tmp_path / "image.tar").read_bytes()
    (tmp_path / "layout").mkdir()
    with tarfile.open(tmp_path / "image.tar") as archive:
        extract(archive, tmp_path / "layout")
    assert succeed(run, tmp_path / "one", "import", tmp_path / "layout") == expected
    assert succeed(run, tmp_path / "two", "import", tmp_path / "image.tar") == expected
    for number, given in enumerate((content, gzip.compress(content))):
        done = piped(tmp_path / f"pipe{number}", "import", "-", given=given)
        assert (done.returncode, done.stdout.decode()) == (0, expected)
    again = succeed(run, tmp_path / "one", "import", tmp_path / "image.tar", tmp_path / "layout")
    assert again == expected.replace("imported", "unchanged") * 2


def test_what_was_exported_for_docker_comes_back_with_its_layers(
    run: Run, populated: build.Tree, tmp_path: Path
) -> None:
    succeed(
        run, populated.path, "export", "--format", "docker", "-o", tmp_path / "d.tar", "tool:2"
    )
    assert TOOL_NAME in succeed(run, tmp_path / "cache", "import", tmp_path / "d.tar")
    found = build.Tree(tmp_path / "cache").blobs()
    assert found >= {TOOL.config.digest, *(layer.digest for layer in TOOL.layers)}


def test_a_folder_that_is_no_layout_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("hello")
    done = run(tmp_path / "cache", "import", tmp_path / "folder")
    assert done.code == 2
    assert "it has no index.json" in done.err
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["notes"]
