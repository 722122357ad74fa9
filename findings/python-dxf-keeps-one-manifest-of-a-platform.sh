#!/bin/bash
# python-dxf 12.1.1 keeps the last of the manifests that share os, architecture and variant.
#
# For an image index, get_alias, get_digest, get_manifest and blob_size of DXF return a dict whose
# keys are os/architecture/variant. image-spec (image-index.md) has two more properties of a platform,
# os.version and os.features, because images of Windows come once for each release of the system:
# the same os and architecture several times. The dict holds one of them, the last of the index, and
# nothing tells that there were others; platform="windows/amd64" stops at the first, so that the two
# ways of asking give different images. The first that matches is what the specification asks for
# where several do. An entry without a platform, which the specification leaves optional and every
# index of artifacts has, ends all of these methods, and del_alias, with KeyError: 'platform'.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "docker-registry=2.8.2*" && dpkg-deb -x docker-registry_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q python-dxf==12.1.1) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
REGISTRY=$folder/root/usr/bin/docker-registry FOLDER=$folder "$folder/venv/bin/python" - <<'PY'
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time

from dxf import DXF

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
RELEASES = ("10.0.17763.1", "10.0.20348.1", "10.0.26100.1")
folder = os.environ["FOLDER"]


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def put_blob(content):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v2/a/blobs/uploads/")
    place = connection.getresponse().headers["Location"]
    place = place[place.index("/v2/") :]
    assert send("PUT", f"{place}&digest={digest(content)}", content) == 201
    return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(content), "size": len(content)}


def put_manifest(kind, document, tag):
    content = json.dumps({"schemaVersion": 2, "mediaType": kind} | document).encode()
    assert send("PUT", f"/v2/a/manifests/{tag or digest(content)}", content, Content_Type=kind) == 201
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
with open(f"{folder}/config.yml", "w") as file:
    file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n")
    file.write(f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
server = subprocess.Popen([os.environ["REGISTRY"], "serve", f"{folder}/config.yml"], stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        try:
            send("GET", "/v2/")
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(2)
    entries, configs = [], []
    for release in RELEASES:
        config = {"architecture": "amd64", "os": "windows", "os.version": release}
        config = put_blob(json.dumps(config | {"rootfs": {"type": "layers", "diff_ids": []}}).encode())
        configs.append(config["digest"])
        entry = put_manifest(MANIFEST, {"config": config, "layers": []}, "")
        entries.append(entry | {"platform": {"os": "windows", "architecture": "amd64", "os.version": release}})
    put_manifest(INDEX, {"manifests": entries}, "windows")
    put_manifest(INDEX, {"manifests": [{key: entries[0][key] for key in ("mediaType", "digest", "size")}]}, "plain")

    client = DXF(f"127.0.0.1:{port}", "a", insecure=True)
    found = client.get_digest("windows")
    one = client.get_digest("windows", platform="windows/amd64")
    try:
        client.get_digest("plain")
        failure = "nothing"
    except KeyError as error:
        failure = repr(error)
finally:
    server.terminate()
    server.wait()
of = {config: release for config, release in zip(configs, RELEASES)}
print("all platforms:", {key: of[value] for key, value in found.items()}, "of", ", ".join(RELEASES))
print("platform windows/amd64:", of[one])
print("an entry without a platform raises", failure)
expected = found == {"windows/amd64": configs[-1]} and one == configs[0] and failure == "KeyError('platform')"
sys.exit(0 if expected else 1)
PY
case $? in
  0) echo "observed: one image of Windows of three, and another one by its platform"; exit 0 ;;
  2) echo "the registry did not start"; exit 2 ;;
  *) echo "the behaviour changed"; exit 1 ;;
esac
