#!/bin/bash
# skopeo 1.9.3 takes the first of several entries of one name in an OCI layout, whatever platform is asked for.
#
# image-layout.md allows several manifests in index.json, each with its platform, under one
# org.opencontainers.image.ref.name; tools that write no index inside of the layout write one image so.
# From an image index, skopeo chooses by --override-arch. From such entries one would expect the same choice,
# or the error of an ambiguous name, as umoci 0.4.7 ends with "tag is ambiguous". skopeo
# --override-arch arm64 copies the amd64 manifest that stands first, without a word and with exit 0; with the
# entries in the other order it copies arm64 for --override-arch amd64. So a copy "of arm64" is checked by the
# config of what came out, or the layout gets an index first.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" "umoci=0.4.7*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$folder/root/usr/bin:$PATH
skopeo --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
umoci --version | grep -q "version 0.4.7" || { echo "needs umoci 0.4.7"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
FOLDER=$folder python3 - <<'PY'
import hashlib
import json
import os
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(os.environ["FOLDER"])
NAME = "example.com/tool:1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def blob(path, content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (path / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}


def entry(path, architecture):
    layer = architecture.encode() * 1000
    layer = blob(path, layer, "application/vnd.oci.image.layer.v1.tar")
    config = {
        "architecture": architecture,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    config = blob(path, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    found = blob(path, json.dumps(manifest).encode(), MANIFEST)
    found["platform"] = {"architecture": architecture, "os": "linux"}
    found["annotations"] = {"org.opencontainers.image.ref.name": NAME}
    return found


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


wrong = []
for first, second in (("amd64", "arm64"), ("arm64", "amd64")):
    path = FOLDER / first
    (path / "blobs/sha256").mkdir(parents=True)
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [entry(path, first), entry(path, second)]}
    (path / "index.json").write_text(json.dumps(index))
    copied = FOLDER / f"copied-{first}"
    options = ["--policy", str(FOLDER / "policy.json"), "--tmpdir", str(FOLDER), "--override-arch", second]
    done = run("skopeo", *options, "copy", f"oci:{path}:{NAME}", f"dir:{copied}")
    if done.returncode:
        wrong.append(f"skopeo refuses: {done.stderr}")
        continue
    config = json.loads((copied / "manifest.json").read_text())["config"]["digest"].partition(":")[2]
    taken = json.loads((copied / config).read_text())["architecture"]
    print(f"skopeo --override-arch {second}, entries {first} and {second}: exit 0, copied {taken}")
    if taken != first:
        wrong.append(f"skopeo took {taken}")
    done = run("umoci", "unpack", "--rootless", "--image", f"{path}:{NAME}", str(FOLDER / f"un-{first}"))
    print(f"umoci unpack: exit {done.returncode}, {done.stderr.strip().splitlines()[-1]}")
    if not done.returncode or "ambiguous" not in done.stderr:
        wrong.append(f"umoci: {done.returncode} {done.stderr}")
print("\n".join(wrong))
sys.exit(bool(wrong))
PY
