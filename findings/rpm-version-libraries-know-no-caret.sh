#!/bin/bash
# rpm_vercmp 0.1.2 and version-utils 0.3.2: `^` of an rpm version is read as any separator.
#
# Fedora names a snapshot after a release with a caret (1.0^20240101git), so that it sorts after
# 1.0 and before the release that follows. rpm has this order since 4.15. Both Python libraries
# that carry the name of rpm's comparison know its tilde, and split at the caret as they do at a
# dot: the snapshot is then newer than 1.0.1, and as new as 1.0.20240101git. A report that asks
# "older than the fixed 1.0.1?" by them answers no, where `rpm` and `dnf` say yes. univers 32.0.1
# has the order of rpm. Pairs without a caret agree.
#
# `rpm` itself is asked if it is installed (apt-get install rpm), by its Lua function.
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q rpm_vercmp==0.1.2 version-utils==0.3.2 univers==32.0.1) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
cat >"$folder/pairs" <<'E2'
1.0^20240101git 1.0
1.0^20240101git 1.0.1
1.0^20240101git 1.0.20240101git
1.0~rc1 1.0
1.0.1 1.0
E2
cat >"$folder/compare.py" <<'E2'
import sys

from rpm_vercmp import vercmp
from univers.versions import RpmVersion
from version_utils.rpm import compare_versions

for line in sys.stdin:
    one, other = line.split()
    order = (RpmVersion(one) > RpmVersion(other)) - (RpmVersion(one) < RpmVersion(other))
    print(f"{one} {other} {order} {vercmp(one, other)} {compare_versions(one, other)}")
E2
"$folder/venv/bin/python" "$folder/compare.py" <"$folder/pairs" >"$folder/seen" || exit 2
echo "version, other version, order of univers, of rpm_vercmp, of version-utils"
cat "$folder/seen"
cat >"$folder/expected" <<'E2'
1.0^20240101git 1.0 1 1 1
1.0^20240101git 1.0.1 -1 1 1
1.0^20240101git 1.0.20240101git -1 0 0
1.0~rc1 1.0 -1 -1 -1
1.0.1 1.0 1 1 1
E2
cmp -s "$folder/seen" "$folder/expected" || { echo "the behaviour changed"; exit 1; }
if command -v rpm >/dev/null; then
    while read -r one other order _; do
        [ "$(rpm --eval "%{lua: print(rpm.vercmp('$one', '$other'))}")" = "$order" ] || { echo "the behaviour changed"; exit 1; }
    done <"$folder/seen"
    echo "$(rpm --version) has the order of univers"
fi
echo "observed: a snapshot with a caret is newer than the release that follows it"
