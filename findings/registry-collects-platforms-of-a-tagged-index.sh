#!/bin/bash
# docker-registry 2.8.2: garbage-collect --delete-untagged takes the platforms out of a tagged index.
#
# The option deletes "manifests that are not currently referenced via tag". The children of an image
# index have no tags of their own; they are referenced by the index, and the index by its tag. The same
# run marks both children as needed by the index, keeps their bytes and layers, and yet deletes their
# revisions from the repository. So the tag still resolves, the index lists two platforms, and each of
# them is "manifest unknown"; nothing but a new push of the children mends it. The output says
# "manifest eligible for deletion" and "marking blob" of one digest, and the command ends with 0.
#
# One would expect that what a tagged index lists counts as referenced, as in OCI's content model.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "docker-registry=2.8.2*" && dpkg-deb -x docker-registry_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
REGISTRY=$folder/root/usr/bin/docker-registry FOLDER=$folder python3 - <<'PY'
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
folder, registry = os.environ["FOLDER"], os.environ["REGISTRY"]


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def serve():
    server = subprocess.Popen([registry, "serve", f"{folder}/config.yml"], stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            send("GET", "/v2/")
            return server
        except OSError:
            time.sleep(0.1)
    server.kill()
    sys.exit(2)


def push(reference, document, media_type):
    body = json.dumps(document).encode()
    if send("PUT", f"/v2/a/manifests/{reference or digest(body)}", body, Content_Type=media_type)[0] != 201:
        sys.exit(2)
    return {"mediaType": media_type, "digest": digest(body), "size": len(body)}


def push_platform(architecture):
    config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    location = send("POST", "/v2/a/blobs/uploads/", b"")[1]["Location"].partition(f":{port}")[2]
    if send("PUT", f"{location}&digest={digest(config)}", config)[0] != 201:
        sys.exit(2)
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    return {**push(None, manifest, MANIFEST), "platform": {"os": "linux", "architecture": architecture}}


def ask():
    references = ["latest", *(each["digest"] for each in platforms)]
    return [send("GET", f"/v2/a/manifests/{each}", Accept=f"{MANIFEST}, {INDEX}")[0] for each in references]


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
with open(f"{folder}/config.yml", "w") as file:
    file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n")
    file.write(f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n")
    file.write(f"http: {{addr: '127.0.0.1:{port}'}}\n")
server = serve()
try:
    platforms = [push_platform("amd64"), push_platform("arm64")]
    push("latest", {"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms}, INDEX)
    before = ask()
finally:
    server.terminate()
    server.wait()
collection = subprocess.run(
    [registry, "garbage-collect", "--delete-untagged", f"{folder}/config.yml"], capture_output=True, text=True, check=False
)
marked = [f"marking blob {each['digest']}" in collection.stdout for each in platforms]
eligible = [f"manifest eligible for deletion: {each['digest']}" in collection.stdout for each in platforms]
server = serve()
try:
    after = ask()
finally:
    server.terminate()
    server.wait()
print(f"before: the tag and its two platforms answer {before}")
print(f"garbage-collect --delete-untagged: exit {collection.returncode}, platforms marked {marked}, eligible {eligible}")
print(f"after:  the tag and its two platforms answer {after}")
expected = before == [200, 200, 200] and after == [200, 404, 404] and collection.returncode == 0
sys.exit(0 if expected and marked == eligible == [True, True] else 1)
PY
