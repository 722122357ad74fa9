#!/bin/bash
# oras 0.2.43 (Python): pull of an image index returns an empty list, as if it had pulled nothing by request.
#
# The client of the ORAS project has pull(target), "pull an artifact from a target". Of an image
# manifest it writes the layers and returns their paths. Of an image index, which is what most tags
# name, it reads the index, finds no "layers" in it, and returns []: no file, no error, no platform to
# choose, no warning in its log. get_manifest() returns the index as well. One would expect a platform,
# as the command `oras pull` chooses one, or an error that says that the tag names an index.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q oras==0.2.43 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
FOLDER=$folder "$folder/venv/bin/python" - <<'PY'
import hashlib
import http.server
import json
import os
import sys
import threading

import oras.client

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
content = {}


def described(body, media_type, **fields):
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    content[digest] = (body, media_type)
    return {"mediaType": media_type, "digest": digest, "size": len(body), **fields}


def image(architecture):
    config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(b"layer of " + architecture.encode(), "application/vnd.oci.image.layer.v1.tar")],
    }
    return described(json.dumps(document).encode(), MANIFEST, platform={"os": "linux", "architecture": architecture})


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body, media_type = content.get(self.path.rpartition("/")[2], (b"", None))
        self.send_response(200 if body or self.path == "/v2/" else 404)
        self.send_header("Content-Type", media_type or "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


platforms = [image("amd64"), image("arm64")]
content["single"] = content[platforms[0]["digest"]]
index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms}).encode()
content["index"] = content[described(index, INDEX)["digest"]]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"127.0.0.1:{server.server_port}"
client = oras.client.OrasClient(hostname=host, insecure=True, auth_backend="basic")
found = {}
for tag in ("single", "index"):
    folder = os.path.join(os.environ["FOLDER"], tag)
    pulled = client.pull(target=f"{host}/a:{tag}", outdir=folder)
    files = os.listdir(folder) if os.path.isdir(folder) else []
    found[tag] = (len(pulled), len(files))
    print(f"pull of {tag}: returns {len(pulled)} paths, {len(files)} files written")
server.shutdown()
sys.exit(0 if found == {"single": (1, 1), "index": (0, 0)} else 1)
PY
