"""A line of every command, run on a cache of its own, and what it prints with --quiet."""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests import attested, build
from tests.conftest import APP, BASE, TOOL
from tests.interop.tools import Done
from tests.operations.registries import put
from tests.packages import sboms
from tests.postgresql import Server

NAME, TOOL_NAME = "example.com/app:1", "docker.io/library/tool:2"
ORPHAN = build.layer({"orphan": ""})
MORE = build.image(build.layer({"more": ""}))
SPDX = attested.blob(attested.spdx(musl="1.2"), sboms.SPDX)
RULES = "[rules.no-old]\nquery = 'refs tag:old'\nmessage = '{name} is old'\n"
_numbers = itertools.count()
_PLATFORMS = tuple(part.digest for part in APP.parts if part.media_type == build.OCI_MANIFEST)


class Line(NamedTuple):
    """A line of a command, and its lines on stdout with --quiet.

    In `typed`, words in capitals stand for what `Place` has. `before` is run first.
    """

    typed: str
    quiet: tuple[str, ...] = ()
    before: str = ""


def _descendants() -> Iterator[str]:
    """Yield the digests below the index, depth first."""
    for part in APP.parts:
        if part.media_type == build.OCI_MANIFEST:
            manifest = json.loads(part.content)
            yield part.digest
            yield manifest["config"]["digest"]
            yield from (layer["digest"] for layer in manifest["layers"])


def _layers() -> Iterator[str]:
    """Yield the digests of the layers of both images."""
    for part in APP.parts:
        if part.media_type == build.OCI_MANIFEST:
            yield from (layer["digest"] for layer in json.loads(part.content)["layers"])
    yield from (layer.digest for layer in TOOL.layers)


LINES = {
    "cache": Line("cache dir", ("CACHE",)),
    "cat": Line("cat TOOL:/tool", ("1",)),
    "check": Line("check RULES"),
    "clean": Line("clean --yes", tuple(sorted((TOOL.digest, APP.digest)))),
    "config": Line("config list"),
    "copy": Line("copy REMOTE TARGET", (MORE.digest,)),
    "diff": Line("diff NAME NAME --platform linux/amd64"),
    "doctor": Line("doctor"),
    "du": Line("du", (APP.digest, TOOL.digest)),
    "export": Line("export TOOL NAME -o OUT", (TOOL.digest, APP.digest)),
    "files": Line("files TOOL", ("/", "/bin", "/bin/sh", "/tool")),
    "find-root": Line("find-root NAME", (APP.digest,)),
    "fleet": Line("fleet list", ("web-1",), before="fleet add SERVER"),
    "gc": Line("gc --grace 0", (ORPHAN.digest,)),
    "history": Line("history TOOL", tuple(layer.digest for layer in TOOL.layers[::-1])),
    "import": Line("import ARCHIVE", (MORE.digest,)),
    "index": Line("index files --all", tuple(dict.fromkeys(_layers()))),
    "inspect": Line("inspect NAME", (APP.digest,)),
    "log": Line("log", before="pin NAME"),
    "ls": Line("ls", (TOOL.digest, APP.digest)),
    "pin": Line("pin NAME TOOL", (APP.digest, TOOL.digest)),
    "policy": Line("policy apply --yes", (APP.digest,), before="policy edit POLICY"),
    "prune": Line("prune --yes --drop tag:1", (APP.digest,)),
    "pull": Line("pull REMOTE", (MORE.digest,)),
    "push": Line("push TOOL --remote-name TARGET", (TOOL.digest,)),
    "query": Line("query refs sort name", (TOOL.digest, APP.digest)),
    "report": Line("report", (APP.digest, TOOL.digest)),
    "rm": Line("rm NAME TOOL", (APP.digest, TOOL.digest)),
    "sample": Line("sample FOLDER"),
    "sbom": Line("sbom TOOL", (SPDX.digest,)),
    "show": Line("show NAME", (APP.digest,)),
    "sync": Line("sync LIST", (MORE.digest,)),
    "tag": Line("tag NAME example.com/new:1 example.com/new:2", (APP.digest, APP.digest)),
    "tags": Line("tags HOST/t/more", ("1",)),
    "tree": Line("tree NAME", tuple(dict.fromkeys((APP.digest, *_descendants())))),
    "unpin": Line("unpin NAME", (APP.digest,), before="pin NAME"),
    "untag": Line("untag TOOL", (TOOL.digest,)),
    "validate": Line("validate"),
    "verify": Line("verify"),
    "waste": Line("waste NAME", _PLATFORMS),
    "why": Line(f"why {BASE.digest}", (APP.digest, TOOL.digest)),
}


class Place:
    """A directory with a cache and the files that the lines name."""

    def __init__(self, folder: Path, host: str, server: Server) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self._host = host
        self._server = server

    def fill(self) -> None:
        """Write the cache and the files."""
        tree = build.layout(self.cache, {NAME: APP, TOOL_NAME: TOOL})
        tree.put(ORPHAN)
        tree.put(*attested.referrer(TOOL, SPDX).blobs)
        (self.folder / "more.tar").write_bytes(build.archive({"example.com/more:3": MORE}))
        (self.folder / "rules.toml").write_text(RULES)
        (self.folder / "policy.toml").write_text('version = 1\ndrop = ["tag:1"]\n')
        (self.folder / "list.txt").write_text(f"{self._host}/t/more:1\n")

    def words(self, line: str) -> list[str]:
        """Return the words of a line, with what the words in capitals stand for."""
        url = self._server.url("web-1", self._server.make_database()) if "SERVER" in line else ""
        known = {
            "ARCHIVE": self.folder / "more.tar",
            "CACHE": self.cache,
            "CONFIG": os.environ["CACHEDB_CONFIG_FILE"],
            "FOLDER": self.folder / "samples",
            "LIST": self.folder / "list.txt",
            "NAME": NAME,
            "OUT": self.folder / "out.tar",
            "POLICY": self.folder / "policy.toml",
            "REMOTE": f"{self._host}/t/more:1",
            "RULES": self.folder / "rules.toml",
            "SERVER": url,
            "TARGET": f"{self._host}/t/pushed-{next(_numbers)}:1",
            "TOOL": TOOL_NAME,
        }
        found = [str(known.get(word, word)) for word in line.split()]
        found = [word.replace("HOST/", f"{self._host}/") for word in found]
        return [word.replace("TOOL:/", f"{TOOL_NAME}:/") for word in found]

    def renew(self) -> None:
        """Undo what lines have done to the cache and the files."""
        for path in (self.cache, self.folder / "samples"):
            shutil.rmtree(path, ignore_errors=True)
        self.fill()

    def run(
        self,
        run: Callable[..., Done],
        command: str,
        *,
        options_before: Sequence[str] = (),
        options_behind: Sequence[str] = (),
    ) -> Done:
        """Run the line of a command with options before and behind it."""
        line = LINES[command]
        if line.before:
            assert run(self.cache, *self.words(line.before)).code == 0
        return run(self.cache, *options_before, *self.words(line.typed), *options_behind)


def fill_registry(host: str) -> None:
    """Put what the lines pull into an empty registry."""
    put(host, "t/more", MORE)
