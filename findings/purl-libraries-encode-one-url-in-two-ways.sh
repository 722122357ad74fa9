#!/bin/bash
# packageurl-js 2.0.1 and packageurl-python 0.17.6: canonical texts of one package URL differ.
#
# Both are the libraries of the purl project, and both print what the specification calls the
# canonical form: read, then written, a URL should have one text, and tools compare and join SBOMs
# by it. The two agree about `+` in a name (%2B), but not in a version: JavaScript writes + and
# Python %2B, so they differ on each Debian package of a point release (+deb12u5) and on each
# version with build metadata (1.0+git). In values of qualifiers it is the other way round:
# JavaScript writes %2F and %3A (docker.io%2Flibrary), Python / and : as they are. Each reads what
# the other wrote to equal parts; the texts have to be read before they are compared.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
(cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts packageurl-js@2.0.1) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q packageurl-python==0.17.6) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
cat >"$folder/urls" <<'E2'
pkg:deb/debian/libstdc++6@12.2.0-14?arch=amd64
pkg:deb/debian/curl@7.88.1-10+deb12u5?arch=amd64
pkg:oci/debian@sha256:244fd47e07d1?repository_url=docker.io/library/debian
E2
cat >"$folder/write.mjs" <<'E2'
import { readFileSync } from "fs";
import { createRequire } from "module";
const { PackageURL } = createRequire(process.cwd() + "/")("packageurl-js");
for (const line of readFileSync(0, "utf8").trim().split("\n")) console.log(PackageURL.fromString(line).toString());
E2
cat >"$folder/write.py" <<'E2'
import sys

from packageurl import PackageURL

for line in sys.stdin:
    print(PackageURL.from_string(line.strip()).to_string())
E2
cd "$folder" || exit 2
node write.mjs <urls >javascript || exit 2
venv/bin/python write.py <urls >python || exit 2
# Each reads the text of the other, and writes its own again.
node write.mjs <python | cmp -s - javascript || { echo "the behaviour changed"; exit 1; }
venv/bin/python write.py <javascript | cmp -s - python || { echo "the behaviour changed"; exit 1; }
paste -d "\n" javascript python
cat >expected <<'E2'
pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64
pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64
pkg:deb/debian/curl@7.88.1-10+deb12u5?arch=amd64
pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64
pkg:oci/debian@sha256:244fd47e07d1?repository_url=docker.io%2Flibrary%2Fdebian
pkg:oci/debian@sha256:244fd47e07d1?repository_url=docker.io/library/debian
E2
paste -d "\n" javascript python | cmp -s - expected || { echo "the behaviour changed"; exit 1; }
echo "observed: two canonical texts for a version with a plus, and for a qualifier with a slash"
