#!/bin/bash
# containerify 4.1.0 writes Docker archives whose manifest.json has keys that no document names.
#
# `containerify --toTar FILE` makes an archive for `docker load`. In its manifest.json the keys are
# config, repoTags and layers; docker save writes Config, RepoTags and Layers, and the image
# specification of Docker (v1.2) names these alone. JSON has no equal keys of different case, so one
# would expect that an archive of this shape is refused everywhere. It is not: Go's encoding/json
# falls back to keys that differ in case alone, skopeo 1.9.3 (and podman 4.3.1, docker, all in Go)
# read it without a word, and the maker of the archive cannot notice. A reader in another language
# that compares keys exactly finds no image in it.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
(cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts containerify@4.1.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(cd "$folder" && apt-get download "skopeo=1.9.3*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
SKOPEO=$folder/root/usr/bin/skopeo
"$SKOPEO" --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
mkdir "$folder/app" && echo '{"name":"hello","version":"1.0.0"}' >"$folder/app/package.json" && echo "console.log(1)" >"$folder/app/index.js"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
SKOPEO=$SKOPEO FOLDER=$folder python3 - <<'PY'
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import threading

FOLDER = pathlib.Path(os.environ["FOLDER"])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def blob(content, media_type):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


# A base image, which containerify pulls from a registry that serves these bytes.
blobs = {}
members = io.BytesIO()
with tarfile.open(fileobj=members, mode="w") as archive:
    archive.addfile(tarfile.TarInfo("base"))
layer = gzip.compress(members.getvalue(), mtime=0)
diff_id = "sha256:" + hashlib.sha256(members.getvalue()).hexdigest()
config = {"architecture": "amd64", "os": "linux", "config": {}, "history": [], "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
base = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
).encode()


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, content = "application/octet-stream", blobs.get(self.path.rpartition("/")[2])
        if "/manifests/" in self.path:
            kind, content = MANIFEST, base
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=server.serve_forever, daemon=True).start()
tar = FOLDER / "image.tar"
done = subprocess.run(
    [
        FOLDER / "node_modules/.bin/containerify",
        "--fromRegistry", f"http://127.0.0.1:{server.server_port}/v2/",
        "--fromImage", "base:1", "--toImage", "hello:1",
        "--folder", FOLDER / "app", "--toTar", tar, "--allowInsecureRegistries",
    ],
    capture_output=True, text=True, check=False,
)  # fmt: skip
if done.returncode or not tar.exists():
    print(done.stdout, done.stderr)
    sys.exit(2)
with tarfile.open(tar) as archive:
    (listed,) = json.load(archive.extractfile("manifest.json"))
print("containerify 4.1.0, manifest.json:", sorted(listed))
ours = sorted(listed) == ["config", "layers", "repoTags"]

inspected = subprocess.run(
    [os.environ["SKOPEO"], "--policy", FOLDER / "policy.json", "--tmpdir", FOLDER, "inspect", f"docker-archive:{tar}:hello:1"],
    capture_output=True, text=True, check=False,
)
print("skopeo 1.9.3, inspect docker-archive:", inspected.returncode, inspected.stderr.strip())
read = not inspected.returncode and len(json.loads(inspected.stdout)["Layers"]) == len(listed["layers"])
sys.exit(0 if ours and read else 1)
PY
