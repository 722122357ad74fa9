#!/bin/bash
# docker-registry 2.8.2 compares Accept as text, and answers 200 with types that it does not list.
#
# RFC 9110, 12.5.1 has ranges (*/*), weights (q=0: not acceptable) and types without regard to case.
# docker-registry looks for the literal type of the stored manifest. That an OCI manifest needs its
# type in Accept is well known; the rest is not:
# - */* is no match, q=0 is one, and a type in upper case is none.
# - A Docker manifest asked for with OCI types only is converted: 200, signed schema 1, a type that
#   was not accepted, and another Docker-Content-Digest. HEAD answers the same. So a client that
#   resolves a tag by HEAD with too few types gets a digest whose content the registry does not have.
# - By digest Accept is ignored for Docker manifests and decides about 404 for OCI manifests.
# One would expect 406 or the stored manifest, and one digest for a tag.
#
# Observed: see EXPECTED below.
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

OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# stored manifest, Accept, answer by tag, answer by digest: a media type if it is 200
EXPECTED = [
    (OCI, OCI, OCI, OCI),
    (OCI, "*/*", 404, 404),
    (OCI, OCI.upper(), 404, 404),
    (OCI, OCI + ";q=0", OCI, OCI),
    (DOCKER, DOCKER, DOCKER, DOCKER),
    (DOCKER, "*/*", SCHEMA_1, DOCKER),
    (DOCKER, OCI, SCHEMA_1, DOCKER),
    (DOCKER, DOCKER + ";q=0", DOCKER, DOCKER),
]
LAYER = b"\0" * 1024


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


CONFIG = json.dumps({
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": [digest(LAYER)]},
    "history": [{"created_by": "test"}],
}).encode()
TYPES = {
    OCI: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"),
    DOCKER: ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
}


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def upload(content):
    location = send("POST", "/v2/a/blobs/uploads/", b"")[1]["Location"].partition(f":{port}")[2]
    if send("PUT", f"{location}&digest={digest(content)}", content)[0] != 201:
        sys.exit(2)


def push(tag, media_type):
    config, layer = (
        {"mediaType": each, "digest": digest(content), "size": len(content)}
        for each, content in zip(TYPES[media_type], (CONFIG, LAYER))
    )
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]}
    body = json.dumps(manifest).encode()
    if send("PUT", f"/v2/a/manifests/{tag}", body, Content_Type=media_type)[0] != 201:
        sys.exit(2)
    return digest(body)


def ask(reference, accept):
    """Return the media type, or else the status, and the digest that GET and HEAD agree on."""
    both = []
    for method in ("GET", "HEAD"):
        status, headers, _ = send(method, f"/v2/a/manifests/{reference}", Accept=accept)
        found = headers["Content-Type"] if status == 200 else status
        both.append((found, headers["Docker-Content-Digest"]))
    return both[0] if both[0] == both[1] else (f"GET {both[0]}, HEAD {both[1]}", None)


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
folder = os.environ["FOLDER"]
with open(f"{folder}/config.yml", "w") as file:
    file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n")
    file.write(f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
server = subprocess.Popen([os.environ["REGISTRY"], "serve", f"{folder}/config.yml"], stderr=subprocess.DEVNULL)
changed = False
try:
    for _ in range(100):
        try:
            send("GET", "/v2/")
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(2)
    upload(CONFIG)
    upload(LAYER)
    stored = {media_type: (tag, push(tag, media_type)) for tag, media_type in (("oci", OCI), ("docker", DOCKER))}
    for media_type, accept, *expected in EXPECTED:
        print(f"stored {media_type}, Accept: {accept}")
        for kind, reference, right in zip(("tag", "digest"), stored[media_type], expected):
            found, its_digest = ask(reference, accept)
            print(f"    by {kind}: {found}")
            changed |= found != right
            if found == SCHEMA_1:
                absent = send("HEAD", f"/v2/a/manifests/{its_digest}", Accept=SCHEMA_1)[0]
                print(f"    by the digest of that answer: {absent}")
                changed |= its_digest == stored[media_type][1] or absent != 404
            elif found == media_type:
                changed |= its_digest != stored[media_type][1]
finally:
    server.terminate()
    server.wait()
sys.exit(1 if changed else 0)
PY
