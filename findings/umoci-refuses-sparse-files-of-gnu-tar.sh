#!/bin/bash
# umoci 0.4.7 unpacks sparse files in PAX format, and refuses those in the format of GNU tar.
#
# Go's archive/tar reads both kinds of sparse files and returns their content with the holes filled, so that one would
# expect programs that unpack layers with it to take both, or neither. image-spec (layer.md) says that sparse files
# should not be used. But the type flag of a GNU sparse member stays 'S' (tar.TypeGNUSparse), that of a PAX one is that
# of a regular file, and umoci ends with "unknown typeflag '\x53'". tar --sparse alone writes the GNU format, the default of
# GNU tar; with --format=pax the same command makes a layer that umoci unpacks.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "umoci=0.4.7*" tar && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
PATH=$folder/root/usr/bin:$folder/root/bin:$PATH
umoci --version | grep -q "version 0.4.7" || { echo "needs umoci 0.4.7"; exit 2; }
FOLDER=$folder python3 - <<'PY'
import hashlib
import json
import os
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(os.environ["FOLDER"])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def layout(path, archive):
    """Write an image of one layer, named a."""
    (path / "blobs/sha256").mkdir(parents=True)

    def blob(content, media_type):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        (path / "blobs/sha256" / digest[7:]).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    layer = blob(archive, "application/vnd.oci.image.layer.v1.tar")
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [layer],
    }
    entry = blob(json.dumps(manifest).encode(), MANIFEST)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "a"}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


with (FOLDER / "sparse").open("wb") as file:
    file.truncate(1 << 20)
    file.seek(0, 2)
    file.write(b"end")
found = {}
for form in ("gnu", "pax"):
    command = ["tar", "--create", "--sparse", f"--format={form}", "--directory", FOLDER, "sparse"]
    archive = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    if len(archive) > 100_000:
        print("this file system has no holes")
        sys.exit(2)
    layout(FOLDER / form, archive)
    bundle = FOLDER / f"bundle-{form}"
    done = subprocess.run(
        ["umoci", "unpack", "--rootless", "--image", f"{FOLDER / form}:a", bundle],
        capture_output=True, text=True, check=False,
    )
    unpacked = bundle / "rootfs/sparse"
    is_same = unpacked.exists() and unpacked.read_bytes() == (FOLDER / "sparse").read_bytes()
    found[form] = done.returncode, is_same, "unknown typeflag" in done.stderr
    print(f"umoci 0.4.7, tar --sparse --format={form}: exit {done.returncode}", done.stderr.strip()[-80:])
sys.exit(0 if found == {"gnu": (1, False, True), "pax": (0, True, False)} else 1)
PY
