#!/bin/bash
# The CLI of dev containers 0.89.0 (npm) publishes features as .tgz files that are not compressed.
#
# `devcontainer features publish` pushes each feature as an OCI artifact. Its only layer has the
# title devcontainer-feature-ID.tgz, the name that `oras pull` gives to the file and that the
# specification of dev containers uses for the archive; `features package` writes a file of this
# name too. Both are plain tar: `tar -xzf` and every reader that goes by the name end with an error.
# The media type of the layer, …layer.v1+tar, tells the truth, unlike the one of image layers, whose
# +gzip is a part of it. Readers of artifacts have to look at the bytes. The archive also holds the
# time of its making, so that the same feature published again has another digest.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
(cd "$folder" && echo '{}' >package.json && npm install --silent --no-audit --no-fund --ignore-scripts @devcontainers/cli@0.89.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(cd "$folder" && apt-get download "docker-registry=2.8.2*" && dpkg-deb -x docker-registry_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
mkdir -p "$folder/src/hello"
echo '{"id": "hello", "version": "1.2.3", "name": "Hello"}' >"$folder/src/hello/devcontainer-feature.json"
echo 'echo hello' >"$folder/src/hello/install.sh"
FOLDER=$folder python3 - <<'PY'
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time

folder = os.environ["FOLDER"]


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    return connection.getresponse().read()


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
with open(f"{folder}/config.yml", "w") as file:
    file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n")
    file.write(f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
registry = f"{folder}/root/usr/bin/docker-registry"
server = subprocess.Popen([registry, "serve", f"{folder}/config.yml"], stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        try:
            get("/v2/")
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(2)
    command = ["node", f"{folder}/node_modules/@devcontainers/cli/devcontainer.js", "features", "publish"]
    command += ["--registry", f"localhost:{port}", "--namespace", "acme/features", f"{folder}/src"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"HOME": folder})
    if done.returncode:
        print(done.stderr)
        sys.exit(2)
    manifest = json.loads(get("/v2/acme/features/hello/manifests/1.2.3"))
    layer = manifest["layers"][0]
    content = get(f"/v2/acme/features/hello/blobs/{layer['digest']}")
finally:
    server.terminate()
    server.wait()
assert "sha256:" + hashlib.sha256(content).hexdigest() == layer["digest"]
title = layer["annotations"]["org.opencontainers.image.title"]
with open(f"{folder}/{title}", "wb") as file:
    file.write(content)
ends = {
    option: subprocess.run(["tar", option, f"{folder}/{title}"], capture_output=True).returncode for option in ("-tzf", "-tf")
}
print(title, layer["mediaType"], "begins with", content[:2], "and has ustar at 257:", content[257:262] == b"ustar")
print("tar -tzf ends with", ends["-tzf"], "and tar -tf with", ends["-tf"])
expected = (
    title == "devcontainer-feature-hello.tgz"
    and layer["mediaType"] == "application/vnd.devcontainers.layer.v1+tar"
    and content[:2] != b"\x1f\x8b"
    and content[257:262] == b"ustar"
    and ends["-tzf"] != 0
    and ends["-tf"] == 0
)
sys.exit(0 if expected else 1)
PY
case $? in
  0) echo "observed: a layer named .tgz that is plain tar"; exit 0 ;;
  2) echo "could not be run"; exit 2 ;;
  *) echo "the behaviour changed"; exit 1 ;;
esac
