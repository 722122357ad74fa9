#!/bin/bash
# skopeo 1.9.3 has no way to name a registry at an IPv6 address, neither in a reference nor in registries.conf.
#
# docker-registry 2.8.2 serves on [::1], and libraries of names (docker-image-py 0.2.0, oras-py 0.2.43) read
# `[::1]:PORT/team/app:1` as registry, repository and tag, as the grammar of today's distribution/reference does.
# skopeo of Debian 12 is built with an older grammar: `docker://[::1]:PORT/team/app:1` is an "invalid reference
# format" before anything is sent. One would expect that registries.conf helps, whose `location` may be any host
# and port: with `location = "[::1]:PORT"` the file is accepted, and each read ends with "rewriting reference:
# invalid reference format". A copy to the alias is not rewritten at all: it looks up the alias itself as a host.
# What is left is a name for the address in DNS or /etc/hosts.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" "docker-registry=2.8.2*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q oras==0.2.43 docker-image-py==0.2.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$folder/root/usr/bin:$PATH
skopeo --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
FOLDER=$folder "$folder/venv/bin/python" - <<'PY'
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

from docker_image import reference
from oras.container import Container

FOLDER = pathlib.Path(os.environ["FOLDER"])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

try:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
except OSError as error:
    print(f"needs ::1: {error}")
    sys.exit(2)
REGISTRY = f"[::1]:{port}"
NAME = f"{REGISTRY}/team/app:1"
settings = FOLDER / "registry.yml"
settings.write_text(
    "version: 0.1\n"
    f"storage: {{filesystem: {{rootdirectory: {FOLDER}/data}}}}\n"
    f'http: {{addr: "{REGISTRY}"}}\n'
)
server = subprocess.Popen(
    ["docker-registry", "serve", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)


def request(method, path, body=None, **headers):
    url = path if path.startswith("http") else f"http://{REGISTRY}{path}"
    asked = urllib.request.Request(
        url, body, {k.replace("_", "-"): v for k, v in headers.items()}, method=method
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.headers, answer.read()


def upload(content):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    headers, _ = request("POST", "/v2/team/app/blobs/uploads/", b"")
    where = headers["Location"]
    mark = "&" if "?" in where else "?"
    request("PUT", f"{where}{mark}digest={digest}", content, Content_Type="application/octet-stream")
    return {"digest": digest, "size": len(content)}


def skopeo(*words):
    done = subprocess.run(
        ["skopeo", "--policy", FOLDER / "policy.json", *words],
        capture_output=True, text=True, check=False,
    )
    return done.returncode, done.stdout + done.stderr


try:
    for _ in range(100):
        try:
            request("GET", "/v2/")
            break
        except OSError:
            time.sleep(0.1)
    layer = upload(b"\0" * 1024)
    config = {"architecture": "amd64", "os": "linux",
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    config = upload(json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
    }
    request("PUT", "/v2/team/app/manifests/1", json.dumps(manifest).encode(), Content_Type=MANIFEST)
    alias = FOLDER / "registries.conf"
    alias.write_text(
        f'[[registry]]\nprefix = "six.invalid"\nlocation = "{REGISTRY}"\ninsecure = true\n'
    )
    read = reference.Reference.parse(NAME)
    container = Container(NAME)
    plain = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{NAME}")
    aliased = skopeo(
        "--registries-conf", alias, "inspect", "--raw", "docker://six.invalid/team/app:1"
    )
    source = FOLDER / "source"
    source.mkdir()
    (source / "version").write_text("Directory Transport Version: 1.1\n")
    (source / "manifest.json").write_text(json.dumps(manifest))
    (source / layer["digest"][7:]).write_bytes(b"\0" * 1024)
    copied = skopeo(
        "--registries-conf", alias, "copy", f"dir:{source}", "docker://six.invalid/team/app:1"
    )
finally:
    server.terminate()
    server.wait()

print("docker-image-py:", read["name"], read["tag"])
print("oras-py:", container.registry, container.namespace, container.repository, container.tag)
print("skopeo inspect:", plain)
print("skopeo inspect of the alias:", aliased)
print("skopeo copy to the alias:", copied)
as_described = (
    (read["name"], read["tag"]) == (f"{REGISTRY}/team/app", "1")
    and (container.registry, container.repository, container.tag) == (REGISTRY, "app", "1")
    and plain[0] != 0
    and "invalid reference format" in plain[1]
    and aliased[0] != 0
    and "rewriting reference: invalid reference format" in aliased[1]
    and copied[0] != 0
    and "six.invalid" in copied[1]
    and "invalid reference format" not in copied[1]
)
sys.exit(0 if as_described else 1)
PY
