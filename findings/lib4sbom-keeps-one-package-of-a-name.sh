#!/bin/bash
# lib4sbom 0.10.4 keeps one of two CycloneDX components with one name and version, whatever their purl.
#
# CycloneDX identifies a component in a BOM by bom-ref, and its package by purl: pkg:npm/redis@5.0.1 and
# pkg:pypi/redis@5.0.1 are two packages, and images with Node.js and Python hold such pairs.
# SBOMParser.get_packages() returns the one that comes last; the first is gone without a warning. So
# does a pair of one ecosystem with two groups (pkg:maven/org.a/core@1, pkg:maven/org.b/core@1). The
# same packages in SPDX are all returned: there lib4sbom tells them by SPDXID.
#
# One would expect as many packages as the BOM has components; who asks whether an image holds a
# vulnerable package gets "no".
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q lib4sbom==0.10.4 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
cd "$folder" && "$folder/venv/bin/python" - <<'PY'
import json
import pathlib
import sys

from lib4sbom.parser import SBOMParser

PURLS = {
    "pkg:npm/redis@5.0.1": ("redis", "5.0.1", None),
    "pkg:pypi/redis@5.0.1": ("redis", "5.0.1", None),
    "pkg:maven/org.a/core@1": ("core", "1", "org.a"),
    "pkg:maven/org.b/core@1": ("core", "1", "org.b"),
}
components = [
    {"type": "library", "bom-ref": f"ref-{number}", "name": name, "version": version, "purl": purl, **({"group": group} if group else {})}
    for number, (purl, (name, version, group)) in enumerate(PURLS.items())
]
packages = [
    {
        "SPDXID": f"SPDXRef-{number}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }
    for number, (purl, (name, version, _)) in enumerate(PURLS.items())
]
documents = {
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components},
    "spdx": {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "a",
        "documentNamespace": "https://example.com/a",
        "creationInfo": {"created": "2024-01-01T00:00:00Z", "creators": ["Tool: a"]},
        "packages": packages,
    },
}
found = {}
for kind, document in documents.items():
    file = pathlib.Path(f"sbom.{'spdx.' if kind == 'spdx' else ''}json")
    file.write_text(json.dumps(document))
    parser = SBOMParser(sbom_type=kind)
    parser.parse_file(str(file))
    found[kind] = sorted(each["externalreference"][0][2] for each in parser.get_packages())
    print(f"{kind}: {len(PURLS)} packages written, {len(found[kind])} returned: {', '.join(found[kind])}")
right = found["spdx"] == sorted(PURLS) and found["cyclonedx"] == ["pkg:maven/org.b/core@1", "pkg:pypi/redis@5.0.1"]
sys.exit(0 if right else 1)
PY
