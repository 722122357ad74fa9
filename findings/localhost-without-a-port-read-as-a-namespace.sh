#!/bin/bash
# oras-py 0.2.43 and docker-parse-image 3.0.1: `localhost/app:1` is read as an image of Docker Hub.
#
# The first component of a name is a registry if it has a dot, a colon or an upper-case letter, or
# if it is `localhost` (distribution/reference, splitDockerDomain). podman and buildah name what
# they build without a registry `localhost/app`, so the word without a port is the usual form. The
# Python library of oras makes docker.io/localhost/app of it, and asks Docker Hub for the manifest
# of the account "localhost"; docker-parse-image of npm makes it a namespace. docker-image-py 0.2.0
# and parse-docker-image-name 3.0.0 read the registry. With a port all four agree.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
(cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts docker-parse-image@3.0.1 parse-docker-image-name@3.0.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q oras==0.2.43 docker-image-py==0.2.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
cat >"$folder/read.mjs" <<'E2'
import { createRequire } from "module";
const required = createRequire(process.cwd() + "/");
const one = required("docker-parse-image"), other = required("parse-docker-image-name");
const parse = typeof other === "function" ? other : other.default;
for (const name of ["localhost/app:1", "localhost:5000/app:1"])
  console.log(name, "docker-parse-image", one(name).registry, "parse-docker-image-name", parse(name).domain);
E2
cat >"$folder/read.py" <<'E2'
from docker_image.reference import Reference
from oras.container import Container

for name in ("localhost/app:1", "localhost:5000/app:1"):
    host, _ = Reference.parse_normalized_named(name).split_hostname()
    container = Container(name)
    print(name, "oras", container.registry, container.manifest_url(), "docker-image-py", host)
E2
cd "$folder" || exit 2
{ node read.mjs && venv/bin/python read.py; } >seen || { cat seen; exit 2; }
cat seen
cat >expected <<'E2'
localhost/app:1 docker-parse-image null parse-docker-image-name localhost
localhost:5000/app:1 docker-parse-image localhost:5000 parse-docker-image-name localhost:5000
localhost/app:1 oras docker.io docker.io/v2/localhost/app/manifests/1 docker-image-py localhost
localhost:5000/app:1 oras localhost:5000 localhost:5000/v2/app/manifests/1 docker-image-py localhost:5000
E2
cmp -s seen expected || { echo "the behaviour changed"; exit 1; }
echo "observed: localhost without a port is a registry to two libraries and a namespace to two"
