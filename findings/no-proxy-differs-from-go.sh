#!/bin/bash
# requests 2.34.2 and skopeo 1.9.3 (Go) read the same NO_PROXY differently, in both directions.
#
# One environment usually configures every tool of a pipeline. Go (golang.org/x/net/http/httpproxy)
# takes *.NAME as .NAME, does not match NAME itself with .NAME, and compares a port with that of the
# scheme where the URL has none. requests takes *.NAME literally, a leading dot as optional, and
# matches a port only if the URL writes it. So behind one NO_PROXY a Python client sends a request
# through the proxy that a Go client sends directly, and the other way round. One would expect the
# most used HTTP library of Python to agree.
#
# Both send a request to a host that does not exist, with a proxy on loopback; whether the proxy is
# asked to CONNECT is what is compared.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" >/dev/null || exit 2
"$folder/venv/bin/pip" install -q requests==2.34.2 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(cd "$folder" && apt-get download skopeo && dpkg -x skopeo_*.deb skopeo) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
SKOPEO=$folder/skopeo/usr/bin/skopeo
"$SKOPEO" --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
unset HTTP_PROXY http_proxy https_proxy ALL_PROXY all_proxy no_proxy
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
SKOPEO=$SKOPEO POLICY=$folder/policy.json "$folder/venv/bin/python" - <<'PY'
import os
import socketserver
import subprocess
import sys
import threading

import requests

# NO_PROXY, host, whether requests asks the proxy, whether skopeo does
EXPECTED = [
    ("registry.example.test", "registry.example.test", False, False),
    ("example.test", "registry.example.test", False, False),
    ("*.example.test", "registry.example.test", True, False),
    (".example.test", "example.test", False, True),
    (".example.test", "registry.example.test", False, False),
    ("registry.example.test:443", "registry.example.test", True, False),
]


class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        asked.append(self.rfile.readline())
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def by_requests(host):
    try:
        requests.get(f"https://{host}/v2/", timeout=20)
    except requests.RequestException:
        pass


def by_skopeo(host):
    command = [os.environ["SKOPEO"], "--policy", os.environ["POLICY"], "inspect", f"docker://{host}/a:1"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)


asked = []
wrong = 0
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"{'NO_PROXY':28}{'host':24}requests 2.34.2   skopeo 1.9.3")
    for no_proxy, host, *expected in EXPECTED:
        os.environ["NO_PROXY"] = no_proxy
        found = []
        for send in (by_requests, by_skopeo):
            asked.clear()
            send(host)
            found.append(bool(asked))
        shown = ["through the proxy" if each else "directly" for each in found]
        print(f"{no_proxy:28}{host:24}{shown[0]:18}{shown[1]}")
        wrong += found != expected
    server.shutdown()
sys.exit(bool(wrong))
PY
