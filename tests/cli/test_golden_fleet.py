"""Session of three hosts and one server, as terminals of 80 and 200 columns show it."""

import os
import re
from pathlib import Path

import pytest

from tests import build, golden_files
from tests.cli.terminal import terminal
from tests.cli.test_golden_output import plain
from tests.postgresql import Server

ROOT = Path(__file__).parents[2]
BASE = plain({"bin/sh": "#!base"})
OPENSSL = build.image(BASE, plain({"openssl": "3.0.11"}), labels={"team": "red"})
TOOL = build.image(BASE, plain({"tool": "1"}), entrypoint=["/bin/tool", "--help"])
HELD = {
    "web-1": {"example.com/app:1": OPENSSL, "example.com/tool:2": TOOL},
    "web-2": {"example.com/app:1": OPENSSL},
    "build": {"example.com/tool:2": TOOL, "example.com/tool:latest": TOOL},
}
SESSION = [
    'web-1 fleet add "$FARM&cache=web-1"',
    'web-2 fleet add "$FARM&cache=web-2"',
    'web-2 fleet add "$FARM&cache=web-1"',
    'build ls --catalog "$FARM&cache=build"',
    "web-1 fleet list",
    "web-1 rm example.com/app:1",
    "web-1 fleet sync",
    "web-2 query --fleet 'refs show cache,name,size sort name,cache'",
    "web-2 query --fleet 'refs group cache show cache,count,total sort -total'",
    "web-2 query --fleet 'refs top 1 by -size per cache show cache,name,size'",
    "web-2 query --fleet --only 'web-*' 'refs not cache:web-1 show cache,name'",
    "web-2 query --fleet 'refs file:/bin/sh show cache,name'",
    "web-2 query --fleet 'refs pkg:openssl lt 3.0.12 show cache,name'",
    "web-2 query --fleet 'refs chache:web-1'",
    "web-2 query 'refs show cache'",
    "web-2 du --fleet",
    "web-2 report --fleet",
    "web-2 fleet rm web-1",
    "web-2 fleet rm build",
    "web-2 fleet rm nothing",
    "web-2 fleet rm",
    "web-2 fleet sync",
    "web-2 du --fleet",
    'web-1 fleet list --catalog "$FARM"',
    'web-1 fleet list --catalog "$DOWN"',
]
"""Cache and command."""


_TIME = re.compile(
    r"20\d\d-\d[\d…T:.-]*Z|\d+ (?:second|minute|hour)s? ago|(?<=  )now$", re.MULTILINE
)
# Columns of times are as wide as the longest: `9 seconds ago`, `10 seconds ago`.
_WIDTH = re.compile(r"(?<=TIME) {2,}| {2,}(?=PULLED|PUBLISHED)")
_RENAMED = (
    'UPDATE "{}".state SET value = replace(value, \'"host": "{}"\', \'"host": "farm-1"\')'
    " WHERE key = 'published'"
)


@pytest.mark.parametrize("width", [80, 200])
def test_golden_session_of_a_fleet(server: Server, tmp_path: Path, width: int) -> None:
    for name, images in HELD.items():
        made = build.layout(tmp_path / name, images).path
        for path in (*made.rglob("*"), made):
            os.utime(path, (1_700_000_000, 1_700_000_000))
    database = server.make_database()
    url = server.url(database=database)
    told = []
    with terminal(
        tmp_path, tmp_path / "tmux", width, FARM=url, HOME=str(tmp_path), PYTHONPATH=str(ROOT),
        DOWN="postgresql+psycopg://host:geheim@127.0.0.1:1/farm",
    ) as shell:  # fmt: skip
        for line in SESSION:
            cache, _, command = line.partition(" ")
            if command == "fleet list":  # machines have other names, of other widths
                for copy in ("web-1", "web-2"):
                    server.psql(_RENAMED.format(copy, os.uname().nodename), database)
            shown = shell.show(f"CACHEDB_CACHE={cache} cachedb {command}")
            assert all(len(row) <= shell.width for row in shown.splitlines())
            told.append(f"{cache}$ cachedb {command}\n{shown}\n")
    text = "\n".join(told)
    assert "geheim" not in text
    text = _WIDTH.sub("  ", _TIME.sub("TIME", text))
    golden_files.check(f"fleet_session_{width}.txt", text)
