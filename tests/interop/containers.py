"""Buildah, podman, containerd and flatpak, each with storage of its own in a folder of a test.

They run as root, with the storage driver vfs and without the network: nothing of the machine's
own images is seen or changed, and no container is started.
"""

import atexit
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.programs import require, require_root

_PATIENCE = 20
_ARCH = "x86_64"


def run(*command: object) -> str:
    """Run a program that has to end well; returns its stdout."""
    done = subprocess.run([*map(str, command)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def _short_folder() -> Path:
    """Make a folder near the root: podman refuses a run root of more than 50 characters."""
    folder = Path(tempfile.mkdtemp(prefix="pods-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class Storage:
    """One store of images that buildah and podman share."""

    folder: Path
    runtime: Path = field(default_factory=_short_folder)

    def buildah(self, *arguments: object) -> str:
        """Run buildah on this store."""
        return self._run("buildah", *arguments)

    def podman(self, *arguments: object) -> str:
        """Run podman on this store."""
        return self._run("podman", *arguments)

    def _run(self, program: str, *arguments: object) -> str:
        require(program)
        require_root("use the storage of containers")
        places = ["--root", self.folder / "store", "--runroot", self.runtime]
        return run(program, *places, "--storage-driver", "vfs", *arguments)

    def build(self, name: str, files: Path, media_types: str = "oci") -> None:
        """Build an image from nothing but a folder, under a name."""
        container = self.buildah("from", "scratch").strip()
        self.buildah("copy", container, files, "/")
        self.buildah("config", "--label", "team=red", "--cmd", '["/hello"]', container)
        self.buildah("commit", "--quiet", "--format", media_types, container, name)
        self.buildah("rm", container)

    def images(self) -> dict[str, str]:
        """Return the id of each image, which is its config's digest, by name."""
        listed: list[Any] = json.loads(self.buildah("images", "--no-trunc", "--json") or "[]")
        return {
            name: each["id"].removeprefix("sha256:")
            for each in listed
            for name in each["names"] or ()
        }


@dataclass(frozen=True)
class Containerd:
    """A containerd of its own, and ctr to speak to it."""

    socket: Path

    def ctr(self, *arguments: object) -> str:
        """Run ctr on this containerd."""
        return run("ctr", "--address", self.socket, *arguments)

    def digests(self) -> dict[str, str]:
        """Return the digest of each image by name."""
        rows = [line.split() for line in self.ctr("images", "ls").splitlines()[1:]]
        return {row[0]: row[2] for row in rows}


@contextmanager
def containerd() -> Iterator[Containerd]:
    """Start a containerd; its folder is near the root, since the path of a socket is short."""
    require("containerd", "ctr")
    require_root("start containerd")
    with tempfile.TemporaryDirectory(prefix="ctrd-", dir="/tmp") as name:
        folder = Path(name)
        config = folder / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{name}/root"\nstate = "{name}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{name}/socket"\n'
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(["containerd", "--config", config], stderr=log)
        try:
            _wait_for(folder / "socket", process, folder / "log")
            yield Containerd(folder / "socket")
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _wait_for(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not socket.is_socket():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


def flatpak_bundle(folder: Path, application: str) -> Path:
    """Make an application of one file, and return it as flatpak's OCI bundle."""
    require("flatpak")
    source = folder / "application"
    (source / "files" / "bin").mkdir(parents=True)
    (source / "export").mkdir()
    (source / "files" / "bin" / "hello").write_text("hello\n")
    parts = f"org.example.{{}}/{_ARCH}/23"
    (source / "metadata").write_text(
        f"[Application]\nname={application}\nruntime={parts.format('Platform')}\n"
        f"sdk={parts.format('Sdk')}\ncommand=hello\n"
    )
    run("flatpak", "build-export", f"--arch={_ARCH}", folder / "repository", source)
    flatpak_export(folder, folder / "bundle", application)
    return folder / "bundle"


def flatpak_export(folder: Path, layout: Path, application: str) -> None:
    """Let flatpak write an application of the repository of `flatpak_bundle` into a layout."""
    places = (folder / "repository", layout)
    run("flatpak", "build-bundle", "--oci", f"--arch={_ARCH}", *places, application)


def flatpak_import(folder: Path, bundle: Path) -> None:
    """Let flatpak read an OCI bundle into the repository that `flatpak_bundle` made."""
    run("flatpak", "build-import-bundle", "--oci", folder / "repository", bundle)
