#!/bin/bash
# oras 1.2.0 lists names of an OCI layout that --oci-layout cannot address.
#
# image-layout.md says nothing about the form of org.opencontainers.image.ref.name; linuxkit, podman, crane and
# skopeo write a full name with its tag, such as example.com/app:1. `oras repo tags --oci-layout DIR` prints it.
# One would expect that `oras resolve --oci-layout DIR:NAME` takes what was printed. oras splits the argument at
# its last colon, takes DIR:example.com/app for the directory, and ends with "failed to find path"; a name
# without a colon, and the digest, are found. `oras manifest delete --force` says "Missing" of the same name and
# ends with 0, so that a script believes it gone. (oras 1.3 adds --oci-layout-path, which takes the name whole.)
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
url=http://deb.debian.org/debian/pool/main/o/oras/oras_1.2.0-1+b9_amd64.deb
(cd "$folder" && python3 -c "import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], 'oras.deb')" "$url" && dpkg-deb -x oras.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
"$folder/root/usr/bin/oras" version | grep -q "1\.2\.0" || { echo "needs oras 1.2.0"; exit 2; }
FOLDER=$folder python3 - <<'PY'
import hashlib
import json
import os
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(os.environ["FOLDER"])
ORAS = FOLDER / "root/usr/bin/oras"
LAYOUT = FOLDER / "layout"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def blob(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (LAYOUT / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}


def oras(*arguments):
    done = subprocess.run([ORAS, *arguments], capture_output=True, text=True, check=False)
    print("$ oras", *arguments[:-1], str(arguments[-1]).replace(str(FOLDER) + "/", ""))
    print((done.stdout + done.stderr).strip().replace(str(FOLDER) + "/", ""), f"[{done.returncode}]")
    return done


(LAYOUT / "blobs/sha256").mkdir(parents=True)
(LAYOUT / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
config = blob(b"{}", EMPTY)
manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "text/plain", "config": config, "layers": [config]}
found = blob(json.dumps(manifest).encode(), MANIFEST)
entries = [
    {**found, "annotations": {"org.opencontainers.image.ref.name": name}}
    for name in ("example.com/app:1", "plain")
]
(LAYOUT / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))

listed = oras("repo", "tags", "--oci-layout", LAYOUT).stdout.split()
plain = oras("resolve", "--oci-layout", f"{LAYOUT}:plain")
full = oras("resolve", "--oci-layout", f"{LAYOUT}:example.com/app:1")
by_digest = oras("resolve", "--oci-layout", f"{LAYOUT}@{found['digest']}")
deleted = oras("manifest", "delete", "--force", "--oci-layout", f"{LAYOUT}:example.com/app:1")
left = oras("repo", "tags", "--oci-layout", LAYOUT).stdout.split()
ok = (
    set(listed) == {"example.com/app:1", "plain"}
    and plain.stdout.strip() == found["digest"] == by_digest.stdout.strip()
    and full.returncode != 0
    and "failed to find path" in full.stderr
    and deleted.returncode == 0
    and set(left) == set(listed)
)
sys.exit(0 if ok else 1)
PY
