#!/bin/bash
# cosign 2.5.0 saves a signed image without its name, in a layout where only `kind` tells image from signature.
#
# `cosign save --dir DIR IMAGE` makes an OCI layout of an image and what is attached to it, for hosts without a
# network. One would expect the image under its name (org.opencontainers.image.ref.name), and the signature as
# a manifest with a `subject` or under the tag sha256-HEX.sig that it has in the registry. All entries of
# index.json are without a name; the annotation `kind` (dev.cosignproject.cosign/image, …/sigs) is all that
# tells them apart, and the manifest of the signature does not say what it signs. skopeo 1.9.3 cannot copy
# from such a layout ("more than one image in oci, choose an image": there is no name to choose), and umoci
# 0.4.7 lists nothing. A copy for other tools needs the name given by hand.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"; [ -z "${server:-}" ] || kill "$server"' EXIT
url=http://deb.debian.org/debian/pool/main/c/cosign/cosign_2.5.0-2+b5_amd64.deb
(cd "$folder" && python3 -c "import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], 'cosign.deb')" "$url" && apt-get download "skopeo=1.9.3*" "umoci=0.4.7*" docker-registry libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH HOME=$folder COSIGN_PASSWORD=x
PATH=$folder/root/usr/bin:$PATH
cosign version >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
skopeo --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
port=$(python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 127.0.0.1:%s}\n' "$folder/storage" "$port" >"$folder/config.yml"
docker-registry serve "$folder/config.yml" >"$folder/server.log" 2>&1 & server=$!
python3 - "$port" <<'PY' || { cat "$folder/server.log"; exit 2; }
import socket, sys, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit(1)
PY
image=127.0.0.1:$port/app:1
cd "$folder" || exit 2
umoci init --layout made && umoci new --image made:1 && skopeo --policy policy.json copy --dest-tls-verify=false oci:made:1 "docker://$image" >log 2>&1 || { cat log; exit 2; }
digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$image")
cosign generate-key-pair >log 2>&1 && cosign sign --yes --tlog-upload=false --allow-http-registry --key cosign.key "127.0.0.1:$port/app@$digest" >log 2>&1 || { cat log; exit 2; }
cosign save --allow-http-registry --dir saved "$image" >log 2>&1 || { cat log; exit 2; }
python3 - <<'PY'
import json
import pathlib
import subprocess
import sys

entries = json.loads(pathlib.Path("saved/index.json").read_text())["manifests"]
for entry in entries:
    print(entry["digest"][:19], entry.get("annotations"))
kinds = sorted(entry["annotations"]["kind"].rpartition("/")[2] for entry in entries)
(signature,) = [entry for entry in entries if entry["annotations"]["kind"].endswith("/sigs")]
document = json.loads(pathlib.Path("saved/blobs/sha256", signature["digest"][7:]).read_text())
copied = subprocess.run(["skopeo", "--policy", "policy.json", "copy", "oci:saved", "oci:copy:1"], capture_output=True, text=True, check=False)
print("$ skopeo copy oci:saved oci:copy:1\n" + copied.stderr.strip())
listed = subprocess.run(["umoci", "ls", "--layout", "saved"], capture_output=True, text=True, check=True).stdout
print("$ umoci ls --layout saved\n" + listed.strip())
ok = (
    kinds == ["image", "sigs"]
    and all(set(entry["annotations"]) == {"kind"} for entry in entries)
    and "subject" not in document
    and copied.returncode != 0
    and "more than one image" in copied.stderr
    and listed.strip() == ""
)
sys.exit(0 if ok else 1)
PY
