#!/bin/bash
# docker-registry 2.8.2 calls a blob that it stores unknown when it refuses the blob's URL.
#
# A layer of an image manifest may have `urls` (image-spec, descriptor.md). docker-registry accepts
# only those that validation.manifests.urls.allow matches, and by default none; its reference says
# so. The answer does not: it is 500, two errors "unknown error", and MANIFEST_BLOB_UNKNOWN with the
# digest of a blob for which HEAD answers 200 at the same moment. The distribution spec has 4xx and
# MANIFEST_INVALID for a manifest that is refused; 500 invites a client to retry and
# MANIFEST_BLOB_UNKNOWN to upload the layer again, and neither helps. In an OCI manifest the rule
# holds for plain layers too; in a Docker manifest only for foreign ones.
#
# Observed: see EXPECTED below. With an allow-list that matches the URL, every answer is 201.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "docker-registry=2.8.2*" && dpkg-deb -x docker-registry_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
REGISTRY=$folder/root/usr/bin/docker-registry FOLDER=$folder python3 - <<'PY'
import contextlib
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
LAYER = "application/vnd.oci.image.layer.v1.tar"
RESTRICTED = "application/vnd.oci.image.layer.nondistributable.v1.tar"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
CONFIGS = {OCI: "application/vnd.oci.image.config.v1+json", DOCKER: "application/vnd.docker.container.image.v1+json"}
UNKNOWN = (500, "UNKNOWN, UNKNOWN, MANIFEST_BLOB_UNKNOWN of the layer")
# manifest, layer, its blob is there, answer by default, answer with an allow-list
EXPECTED = [
    (OCI, LAYER, True, UNKNOWN, (201, "")),
    (OCI, RESTRICTED, True, UNKNOWN, (201, "")),
    (OCI, RESTRICTED, False, UNKNOWN, (201, "")),
    (DOCKER, DOCKER_LAYER, True, (201, ""), (201, "")),
    (DOCKER, FOREIGN, True, UNKNOWN, (201, "")),
]
ALLOW = 'validation: {manifests: {urls: {allow: ["^https://example[.]test/"]}}}\n'


def descriptor(content, media_type):
    return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


def send(port, method, path, body=None, media_type="application/octet-stream"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Content-Type": media_type})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def upload(port, content):
    location = send(port, "POST", "/v2/a/blobs/uploads/", b"")[1]["Location"].partition(f":{port}")[2]
    digest = "sha256%3A" + hashlib.sha256(content).hexdigest()
    if send(port, "PUT", f"{location}&digest={digest}", content)[0] != 201:
        sys.exit(2)


@contextlib.contextmanager
def registry(name, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = os.environ["FOLDER"]
    with open(f"{folder}/{name}.yml", "w") as file:
        file.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n")
        file.write(f"storage: {{filesystem: {{rootdirectory: {folder}/{name}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
        file.write(settings)
    server = subprocess.Popen([os.environ["REGISTRY"], "serve", f"{folder}/{name}.yml"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                send(port, "GET", "/v2/")
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit(2)
        yield port
    finally:
        server.terminate()
        server.wait()


def answers(port):
    config, layer = b"{}", b"\0" * 1024
    upload(port, config)
    upload(port, layer)
    for media_type, layer_type, stored, *_ in EXPECTED:
        described = descriptor(layer if stored else b"absent", layer_type) | {"urls": ["https://example.test/layer"]}
        if send(port, "HEAD", "/v2/a/blobs/" + described["digest"])[0] != (200 if stored else 404):
            sys.exit(2)
        manifest = {"schemaVersion": 2, "mediaType": media_type, "config": descriptor(config, CONFIGS[media_type])}
        body = json.dumps(manifest | {"layers": [described]}).encode()
        status, _, answer = send(port, "PUT", "/v2/a/manifests/1", body, media_type)
        errors = json.loads(answer or b"{}").get("errors", ())
        texts = (each["code"] + " of the layer" * (each.get("detail") == described["digest"]) for each in errors)
        yield status, ", ".join(texts)


with registry("plain", "") as port:
    plain = list(answers(port))
with registry("allowing", ALLOW) as port:
    allowing = list(answers(port))
changed = False
for (media_type, layer_type, stored, *expected), *found in zip(EXPECTED, plain, allowing):
    print(media_type, layer_type, "blob stored" if stored else "blob absent")
    print("    by default:", *found[0])
    print("    with the URL allowed:", *found[1])
    changed |= found != expected
sys.exit(1 if changed else 0)
PY
