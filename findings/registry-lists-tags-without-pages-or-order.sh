#!/bin/bash
# docker-registry 2.8.2 ignores n and last of tags/list, and lists tags in the order of a directory.
#
# distribution-spec ("Listing Tags"): a list MUST be in lexical order, MUST have at most n tags if n is
# given, and `last` begins it after a tag. The same registry has pages in /v2/_catalog, with a Link
# header. In tags/list it answers 200 with every tag, whatever n and last say, without a Link, in the
# order in which its filesystem driver reads the directory. A client that asks for the page after the
# last tag that it got, until a page is empty, never ends; one that takes the first or last of a list
# for the least or greatest tag gets an arbitrary one; n=1 as a cheap test of existence loads all.
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
TAGS = [f"t{number:02}" for number in range(30)]
folder = os.environ["FOLDER"]


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def tags(query):
    status, headers, body = send("GET", f"/v2/a/tags/list{query}")
    return (status, json.loads(body)["tags"], headers["Link"])


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
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    for repository in ("a", "b"):
        location = send("POST", f"/v2/{repository}/blobs/uploads/", b"")[1]["Location"].partition(f":{port}")[2]
        if send("PUT", f"{location}&digest={digest}", config)[0] != 201:
            sys.exit(2)
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}).encode()
    for repository, tag in [("b", "x"), *(("a", TAGS[number * 7 % 30]) for number in range(30))]:
        if send("PUT", f"/v2/{repository}/manifests/{tag}", manifest, Content_Type=MANIFEST)[0] != 201:
            sys.exit(2)
    everything = tags("")
    answers = {query: tags(query) for query in ("?n=1", "?n=5&last=t10", "?last=t29")}
    page = send("GET", "/v2/_catalog?n=1")
finally:
    server.terminate()
    server.wait()
print(f"tags/list: {everything[1]}")
changed = sorted(everything[1]) != TAGS or everything[1] == TAGS or everything[2] is not None
for query, answer in answers.items():
    print(f"tags/list{query}: {answer[0]}, {len(answer[1])} tags, Link: {answer[2]}, the same list: {answer == everything}")
    changed |= answer != everything
print(f"_catalog?n=1: {page[2].decode().strip()}, Link: {page[1]['Link']}")
changed |= json.loads(page[2]) != {"repositories": ["a"]} or page[1]["Link"] is None
sys.exit(1 if changed else 0)
PY
