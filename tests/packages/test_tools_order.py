"""Keys sort as the tools of the ecosystems do, each asked about many versions at once.

dpkg and vercmp are asked in test_versions.py. No tool of apk, NuGet and Go is packaged for Debian.
"""

import os
import re
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from cachedb.packages.versions import is_valid
from tests.packages.test_versions import CHARACTERS, compare, versions
from tests.programs import require, require_files

MAVEN = (Path("/usr/share/java/maven3-artifact.jar"), Path("/usr/share/java/commons-lang3.jar"))
SEMVER = Path("/usr/share/nodejs/semver/functions/compare.js")

_RUBY = """
STDIN.each_line do |line|
  one, other = line.chomp("\\n").split("\\t", -1)
  begin
    puts Gem::Version.new(one) <=> Gem::Version.new(other)
  rescue ArgumentError
    puts "invalid"
  end
end
"""
_NODE = """
const compare = require(process.argv[1]);
for (const line of require("fs").readFileSync(0, "utf8").trimEnd().split("\\n")) {
  const [one, other] = line.split("\\t");
  try { console.log(compare(one, other)); } catch { console.log("invalid"); }
}
"""
_RPM = """
for line in io.lines("{path}") do
  local one, other = string.match(line, "^(.-)\\t(.-)$")
  local is_valid, order = pcall(rpm.vercmp, one, other)
  io.stdout:write(is_valid and tostring(order) or "invalid", "\\n")
end
"""

Pairs = list[tuple[str, str]]


def _told(command: list[str], pairs: Pairs) -> list[str]:
    lines = "".join(f"{one}\t{other}\n" for one, other in pairs)
    done = subprocess.run(command, input=lines, check=True, capture_output=True, text=True)
    return done.stdout.split()


def rubygems(pairs: Pairs, _folder: Path) -> list[str]:
    require("ruby")
    return _told(["ruby", "-e", _RUBY], pairs)


def node_semver(pairs: Pairs, _folder: Path) -> list[str]:
    require("node")
    require_files("node-semver", SEMVER)
    return _told(["node", "-e", _NODE, str(SEMVER)], pairs)


def rpm(pairs: Pairs, folder: Path) -> list[str]:
    require("rpm")
    listed, script = folder / "pairs", folder / "script.lua"
    listed.write_text("".join(f"{one}\t{other}\n" for one, other in pairs))
    script.write_text(_RPM.replace("{path}", str(listed)))
    return _told(["rpm", "--eval", f'%{{lua: dofile("{script}")}}'], [])


def maven(pairs: Pairs, _folder: Path) -> list[str]:
    """Ask Maven's ComparableVersion, which compares each argument with the one before."""
    require("java")
    require_files("libmaven3-core-java", *MAVEN)
    path = os.pathsep.join(map(str, MAVEN))
    program = "org.apache.maven.artifact.versioning.ComparableVersion"
    arguments = [version for pair in pairs for version in pair]
    done = subprocess.run(
        ["java", "-cp", path, program, *arguments], check=True, capture_output=True, text=True
    )
    signs = re.findall(r"^ +\S+ (<|==|>) \S+$", done.stdout, re.MULTILINE)
    return [{"<": "-1", "==": "0", ">": "1"}[sign] for sign in signs[::2]]


def packaging(pairs: Pairs, _folder: Path) -> list[str]:
    def told(one: str, other: str) -> str:
        try:
            first, second = Version(one), Version(other)
        except InvalidVersion:
            return "invalid"
        return str((first > second) - (first < second))

    return [told(*pair) for pair in pairs]


# What Maven 3 and 4 compare alike: 4 attaches -1 to rc, and keeps the zero of 1.0-1.
_OF_EITHER_MAVEN = st.from_regex(
    re.compile(
        r"[0-2]{1,2}(\.[0-2]){0,3}"
        r"(-(alpha|beta|milestone|rc|CR|SNAPSHOT|sp|foo|jre)[0-2]?|-ga|-Final|-RELEASE)?"
    ),
    fullmatch=True,
)
_STRICT_SEMVER = st.from_regex(
    re.compile(
        r"v?(0|[12][0-2]?)(\.(0|[12][0-2]?)){2}"
        r"(-(0|[12]|a|rc|B-1)(\.(0|1|10|x1|A)){0,2})?(\+[a1])?"
    ),
    fullmatch=True,
)


def _any(scheme: str) -> st.SearchStrategy[str]:
    """Versions of a scheme, and other texts of the same characters."""
    return versions(scheme) | st.text(CHARACTERS[scheme], min_size=1, max_size=9)


TOOLS = [
    pytest.param("gem", rubygems, _any("gem"), id="gem"),
    pytest.param("rpm", rpm, versions("rpm").filter(bool), id="rpm"),
    pytest.param("semver", node_semver, _STRICT_SEMVER, id="semver"),
    pytest.param("maven", maven, _OF_EITHER_MAVEN, id="maven"),
    pytest.param("pep440", packaging, _any("pep440"), id="pep440"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "ask", "drawn"), TOOLS)
def test_keys_sort_as_the_tool_of_the_ecosystem_says(
    scheme: str,
    ask: Callable[[Pairs, Path], list[str]],
    drawn: st.SearchStrategy[str],
    tmp_path: Path,
) -> None:
    @given(st.lists(drawn, min_size=20, max_size=60))
    @settings(max_examples=6, deadline=None)
    def check(found: list[str]) -> None:
        pairs = [pair for pair in pairwise(found) if _is_comparable(scheme, *pair)]
        answers = ask(pairs, tmp_path) if pairs else []
        assert len(answers) == len(pairs)
        for (one, other), answer in zip(pairs, answers, strict=True):
            are_versions = is_valid(scheme, one) and is_valid(scheme, other)
            assert are_versions == (answer != "invalid"), (one, other)
            if are_versions:
                assert compare(scheme, one, other) == int(answer), (one, other)

    check()


def _is_comparable(scheme: str, one: str, other: str) -> bool:
    """Leave out what rpm compares without the release, since that is no order."""
    return scheme != "rpm" or ("-" in one) == ("-" in other)
