#!/bin/bash
# docker-registry 2.8.2 reports an upload of no byte as it reports one of one byte: Range: 0-0.
#
# A client that resumes an interrupted upload asks for its state and goes on behind the end of Range.
# The range is inclusive (distribution-spec, "Pushing a blob in chunks": 0-<end-of-range>), so 0-0 is
# the first byte. docker-registry subtracts one only from an offset above zero: an upload session that
# has nothing, and one that has one byte, get the same answer. A client that trusts it after a
# connection that broke before the first byte sends from byte 1; the registry then refuses the range,
# or stores content whose digest cannot match. The first answer of POST says 0-0 as well.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "docker-registry=2.8.2*" && dpkg-deb -x docker-registry_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
REGISTRY=$folder/root/usr/bin/docker-registry FOLDER=$folder python3 - <<'PY'
import http.client
import os
import socket
import subprocess
import sys
import time

EXPECTED = [(0, "0-0"), (1, "0-0"), (2, "0-1"), (100, "0-99")]
folder = os.environ["FOLDER"]


def send(method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
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
    for size, expected in EXPECTED:
        status, headers = send("POST", "/v2/a/blobs/uploads/", b"")
        first = headers["Range"]
        if size:
            location = headers["Location"].partition(f":{port}")[2]
            status, headers = send("PATCH", location, b"x" * size, Content_Type="application/octet-stream")
        location = headers["Location"].partition(f":{port}")[2]
        status, headers = send("GET", location)
        print(f"upload of {size} bytes: POST says {first}, GET says {status} Range: {headers['Range']}")
        changed |= (first, status, headers["Range"]) != ("0-0", 204, expected)
finally:
    server.terminate()
    server.wait()
sys.exit(1 if changed else 0)
PY
