#!/bin/bash
# requests 2.34.2 and urllib3 2.8.0 do not send the path and query of a URL as they are given.
#
# RFC 3986, 6.2.2.1 calls %2f and %2F equivalent, so a client may compare them as equal. It is the
# bytes that a storage service signs, though: a registry that redirects a blob to a signed URL gets
# SignatureDoesNotMatch when the client sends others. One would expect an HTTP library to send a
# URL that is valid already unchanged, as http.client does.
#
# Observed: both write the hexadecimal digits of escapes in upper case and remove dot segments.
# requests also decodes escapes of unreserved characters (%7e becomes ~) and drops an empty query.
# Neither touches "@", which the URLs of Google's storage have in their query.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" >/dev/null || exit 2
"$folder/venv/bin/pip" install -q requests==2.34.2 urllib3==2.8.0 >"$folder/pip" 2>&1 || { cat "$folder/pip"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import http.client
import socketserver
import sys
import threading

import requests
import urllib3


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        seen.append(self.rfile.readline().split()[1].decode())
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def by_http_client(port, target):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", target)
    connection.getresponse().read()


def by_urllib3(port, target):
    urllib3.PoolManager().request("GET", f"http://127.0.0.1:{port}{target}")


def by_requests(port, target):
    session = requests.Session()
    session.trust_env = False
    session.get(f"http://127.0.0.1:{port}{target}")


EXPECTED = {
    "/a%2fb?sig=c%2bd": ("/a%2fb?sig=c%2bd", "/a%2Fb?sig=c%2Bd", "/a%2Fb?sig=c%2Bd"),
    "/a?id=robot@project.test": ("/a?id=robot@project.test",) * 3,
    "/a?sig=%7e": ("/a?sig=%7e", "/a?sig=%7E", "/a?sig=~"),
    "/a?": ("/a?", "/a?", "/a"),
    "/a/../b": ("/a/../b", "/b", "/b"),
}
seen = []
wrong = 0
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{'given':28}{'http.client':28}{'urllib3 ' + urllib3.__version__:28}requests {requests.__version__}")
    for target, expected in EXPECTED.items():
        for send in (by_http_client, by_urllib3, by_requests):
            send(server.server_address[1], target)
        found, seen[:] = tuple(seen), []
        print(f"{target:28}{found[0]:28}{found[1]:28}{found[2]}")
        wrong += found != expected
    server.shutdown()
sys.exit(bool(wrong))
PY
