#!/bin/bash
# semantic-version 2.10.0: two versions may be <= and >= each other, and neither equal, < nor >.
#
# semver.org §10 leaves build metadata out of the order. semantic-version compares 1.0.0+a and
# 1.0.0+b so that <= and >= both hold, as the order demands, and == does not. So "not a < b and not
# a > b" does not mean a == b: deduplication with == or a set keeps both, bisect and a merge of two
# sorted lists treat them as one. The other library of the same name space, semver 3.1.2, calls the
# two equal and gives them one hash. One would expect a version type to be totally ordered, or to
# raise.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" >/dev/null || exit 2
"$folder/venv/bin/pip" install -q semantic-version==2.10.0 semver==3.1.2 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

import semantic_version
import semver


def answers(one, other):
    compared = {"<": one < other, "<=": one <= other, "==": one == other, ">=": one >= other, ">": one > other}
    return " ".join(sign for sign, holds in compared.items() if holds), len({one, other})


found = {
    "semantic_version": answers(*map(semantic_version.Version, ("1.0.0+a", "1.0.0+b"))),
    "semver": answers(*map(semver.Version.parse, ("1.0.0+a", "1.0.0+b"))),
}
for library, (signs, members) in found.items():
    print(f"{library}: 1.0.0+a {signs} 1.0.0+b; a set of both has {members} members")
expected = {"semantic_version": ("<= >=", 2), "semver": ("<= == >=", 1)}
sys.exit(0 if found == expected else 1)
PY
