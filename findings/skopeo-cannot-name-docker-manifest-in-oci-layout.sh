#!/bin/bash
# skopeo 1.9.3 writes Docker manifests into an OCI layout under a name, and cannot find them by it.
#
# `skopeo copy --format v2s2 … oci:DIR:NAME` (or --preserve-digests with a Docker image) ends with 0;
# index.json has an entry of Docker's media type with NAME in org.opencontainers.image.ref.name.
# `skopeo inspect oci:DIR:NAME` fails: no descriptor found. Another image copied to NAME takes the
# name from the entry, so writing compares the names of all entries, and reading only those of OCI's
# types. Without NAME the image is read, with its digest unchanged, as long as it is the only entry;
# after any other copy into DIR there is no way left to address it. One would expect the same tool to
# read an image back under the name that it wrote.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
SKOPEO=$folder/root/usr/bin/skopeo
"$SKOPEO" --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
SKOPEO=$SKOPEO FOLDER=$folder python3 - <<'PY'
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
FOLDER = pathlib.Path(os.environ["FOLDER"])


def skopeo(*arguments):
    command = [os.environ["SKOPEO"], "--policy", FOLDER / "policy.json", "--tmpdir", FOLDER, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def copy(*arguments):
    status, _, error = skopeo("copy", *arguments)
    if status:
        print(error)
        sys.exit(2)


def blob(layout, content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}


def write_image(layout, created_by):
    (layout / "blobs/sha256").mkdir(parents=True)
    members = io.BytesIO()
    with tarfile.open(fileobj=members, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    layer = members.getvalue()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "config": {},
        "history": [{"created_by": created_by}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI,
        "config": blob(layout, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(layout, gzip.compress(layer), "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    entry = blob(layout, json.dumps(manifest).encode(), OCI)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "one"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def entries(layout):
    for each in json.loads((layout / "index.json").read_text())["manifests"]:
        yield each["mediaType"], each.get("annotations", {}).get("org.opencontainers.image.ref.name"), each["digest"]


def expect(what, holds):
    global changed
    print(f"{what}: {'yes' if holds else 'NO'}")
    changed |= not holds


changed = False
source, newer, layout = FOLDER / "source", FOLDER / "newer", FOLDER / "layout"
write_image(source, "first build")
write_image(newer, "second build")
copy("--format", "v2s2", f"oci:{source}:one", f"oci:{layout}:two")
(media_type, name, digest), *others = entries(layout)
expect("index.json has one Docker entry named two", (media_type, name, others) == (DOCKER, "two", []))
status, _, error = skopeo("inspect", f"oci:{layout}:two")
expect("inspect by that name finds nothing", status == 1 and "no descriptor found for reference" in error)
status, output, _ = skopeo("inspect", f"oci:{layout}")
expect("inspect without a name reads it", status == 0 and json.loads(output)["Digest"] == digest)
copy("--format", "v2s2", f"oci:{newer}:one", f"oci:{layout}:two")
first, second = entries(layout)
moved = first == (DOCKER, None, digest) and second[:2] == (DOCKER, "two")
expect("another image copied to that name takes it from the entry", moved)
copy(f"oci:{source}:one", f"oci:{layout}:three")
expect("a copy as an OCI manifest is found by name", skopeo("inspect", f"oci:{layout}:three")[0] == 0)
expect("the entry two is still there", second in entries(layout))
statuses = [skopeo("inspect", f"oci:{layout}{each}")[0] for each in (":two", "")]
expect("and is read neither by name nor without", statuses == [1, 1])
sys.exit(1 if changed else 0)
PY
