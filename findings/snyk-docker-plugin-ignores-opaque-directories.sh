#!/bin/bash
# snyk-docker-plugin 9.8.0 (npm) lists packages of a directory that a later layer made opaque.
#
# image-spec (layer.md, "Opaque Whiteout"): `.wh..wh..opq` in a directory hides everything that lower
# layers have in it. A build that empties a directory (`rm -rf /var/lib/dpkg && mkdir /var/lib/dpkg`)
# on overlayfs gives this and no whiteout of the single files. umoci unpacks such an image without the
# lower files. The scanner, which reads whiteouts of single files and of directories, takes the opaque
# one for a file of the name `.wh..opq` and reports the packages of the hidden database, so that its
# report of an image and that of the same image squashed to one layer differ.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
(cd "$folder" && echo '{}' >package.json && npm install --silent --no-audit --no-fund --ignore-scripts snyk-docker-plugin@9.8.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(cd "$folder" && apt-get download "umoci=0.4.7*" && dpkg-deb -x umoci_*.deb root) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
cat >"$folder/layouts.py" <<'PY'
import hashlib
import io
import json
import pathlib
import sys
import tarfile

STATUS = b"Package: curl\nStatus: install ok installed\nVersion: 7.88.1-10\nArchitecture: amd64\n\n"
RELEASE = b'ID=debian\nVERSION_ID="12"\n'
BASE = {"etc/": b"", "etc/os-release": RELEASE, "var/": b"", "var/lib/": b"", "var/lib/dpkg/": b"", "var/lib/dpkg/status": STATUS}
IMAGES = {
    "kept": [BASE],
    "file": [BASE, {"var/lib/dpkg/.wh.status": b""}],
    "directory": [BASE, {"var/lib/.wh.dpkg": b""}],
    "opaque": [BASE, {"var/lib/dpkg/": b"", "var/lib/dpkg/.wh..wh..opq": b""}],
}


def layer(files):
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.rstrip("/"))
            member.type, member.mode = (tarfile.DIRTYPE, 0o755) if name.endswith("/") else (tarfile.REGTYPE, 0o644)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stored.getvalue()


for name, layers in IMAGES.items():
    folder = pathlib.Path(sys.argv[1], name)
    (folder / "blobs/sha256").mkdir(parents=True)

    def blob(content, media_type):
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [blob(layer(files), "layer.v1.tar") for files in layers]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [each["digest"] for each in described]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), "config.v1+json"),
        "layers": described,
    }
    entry = blob(json.dumps(manifest).encode(), "manifest.v1+json") | {"annotations": {"org.opencontainers.image.ref.name": "a"}}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with tarfile.open(f"{folder}.tar", "w") as archive:
        archive.add(folder, ".")
PY
cat >"$folder/scan.js" <<'JS'
const { scan } = require("snyk-docker-plugin");
scan({ path: process.argv[2] }).then(({ scanResults }) => {
  const graphs = scanResults.flatMap(({ facts }) => facts.filter(({ type }) => type === "depGraph"));
  const names = graphs.flatMap(({ data }) => data.getDepPkgs().map(({ name }) => name));
  console.log(names.join(" ") || "nothing");
}, (error) => { console.error(error.message); process.exit(2); });
JS
cd "$folder" || exit 2
python3 layouts.py "$folder" || exit 2
changed=0
for image in kept file directory opaque; do
  root/usr/bin/umoci unpack --rootless --image "$image:a" "bundle-$image" >log 2>&1 || { cat log; exit 2; }
  [ -e "bundle-$image/rootfs/var/lib/dpkg/status" ] && visible=visible || visible=hidden
  listed=$(node scan.js "oci-archive:$image.tar") || exit 2
  echo "$image: var/lib/dpkg/status is $visible, packages listed: $listed"
  case $image,$visible,$listed in
    kept,visible,curl | file,hidden,nothing | directory,hidden,nothing | opaque,hidden,curl) ;;
    *) changed=1 ;;
  esac
done
[ "$changed" = 0 ] || { echo "the behaviour changed"; exit 1; }
echo "observed: packages of a database that an opaque directory hides are listed"
