#!/bin/bash
# univers 32.0.1 orders some versions of Arch Linux packages the other way round than pacman 6.0.2.
#
# ArchLinuxVersion of univers describes itself as pacman's version comparison. pacman's vercmp
# compares the length of the separators in front of two segments before the segments: a segment
# behind a separator is newer than one that follows without (1.rc2 < 1.rc.git). univers compares the
# segments and lets a number win over letters: 1.rc2 > 1.rc.git. Both texts are valid pkgver. A
# scanner that filters advisories with univers and a system that upgrades with pacman thus disagree
# about which of two versions is fixed. One would expect a port of the comparison to
# agree on plain texts.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" >/dev/null || exit 2
"$folder/venv/bin/pip" install -q univers==32.0.1 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(cd "$folder" && apt-get download makepkg libalpm13 && for each in *.deb; do dpkg -x "$each" pacman; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
export LD_LIBRARY_PATH=$(dirname "$(find "$folder/pacman" -name 'libalpm.so.13' | head -n 1)")
VERCMP=$folder/pacman/usr/bin/vercmp
ls "$folder"/makepkg_6.0.2-*.deb >/dev/null 2>&1 || { echo "needs makepkg 6.0.2"; exit 2; }
VERCMP=$VERCMP "$folder/venv/bin/python" - <<'PY'
import os
import subprocess
import sys

from univers.versions import ArchLinuxVersion

# two versions, what vercmp prints for them, what univers answers
EXPECTED = [
    ("1.rc1", "1.0", -1, -1),
    ("1.0-1", "1.0-2", -1, -1),
    ("1.rc2", "1.rc.git", -1, 1),
    ("1.b0", "1.b.b", -1, 1),
    ("0rc+2", "0rc1", 1, -1),
]


def by_vercmp(one, other):
    done = subprocess.run([os.environ["VERCMP"], one, other], capture_output=True, text=True, check=True)
    return int(done.stdout)


def by_univers(one, other):
    first, second = ArchLinuxVersion(one), ArchLinuxVersion(other)
    return (first > second) - (first < second)


changed = False
for one, other, *expected in EXPECTED:
    found = [by_vercmp(one, other), by_univers(one, other)]
    print(f"{one} {other}: vercmp {found[0]}, univers {found[1]}")
    changed |= found != expected
sys.exit(1 if changed else 0)
PY
