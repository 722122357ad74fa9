#!/bin/bash
# skopeo 1.9.3: a layer that it writes in zstd:chunked may not unpack to the diff_id of its config.
#
# image-spec (config.md) defines a diff_id as the digest of the uncompressed layer. Compression must
# not change it, and --compression-format zstd and gzip do not. zstd:chunked reads the members of the
# archive and writes them again one by one, and ends with two blocks of zeros, whatever the archive
# ended with. GNU tar fills its last record up to 10,240 bytes; Go's writer does not. So layers that
# podman and buildah commit keep their diff_id, and layers that GNU tar made (podman import, docker
# import, root file systems of distributions) lose it: manifest and config are written as if nothing
# had changed. podman 4.3.1, which has the same library, writes the same by `podman push`, and pulls it
# without a word; a tool that compares the unpacked layer with diff_ids calls it damaged.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" libgpgme11 libassuan0 libdevmapper1.02.1 zstd && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
SKOPEO=$folder/root/usr/bin/skopeo
ZSTD=$folder/root/usr/bin/zstd
"$SKOPEO" --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
mkdir "$folder/tree" && echo hello >"$folder/tree/file"
# One tree twice: as GNU tar ends an archive, and with the two blocks of zeros that POSIX asks for.
tar --format=ustar --owner=0 --group=0 --mtime=@0 -C "$folder/tree" -cf "$folder/gnu.tar" .
tar --format=ustar --owner=0 --group=0 --mtime=@0 --blocking-factor=1 -C "$folder/tree" -cf "$folder/short.tar" .
cat >"$folder/layout.py" <<'PY'
import hashlib
import json
import pathlib
import sys

layer, folder = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])
(folder / "blobs/sha256").mkdir(parents=True)


def blob(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (folder / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}


described = blob(layer, "layer.v1.tar")
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [described["digest"]]}}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "config.v1+json"),
    "layers": [described],
}
entry = blob(json.dumps(manifest).encode(), "manifest.v1+json") | {"annotations": {"org.opencontainers.image.ref.name": "a"}}
(folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
(folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
PY
changed=0
for archive in gnu short; do
  python3 "$folder/layout.py" "$folder/$archive.tar" "$folder/$archive" || exit 2
  for format in gzip zstd zstd:chunked; do
    copy=$folder/copy && rm -rf "$copy"
    "$SKOPEO" --policy "$folder/policy.json" copy -q --dest-compress --dest-compress-format "$format" "oci:$folder/$archive:a" "oci:$copy:a" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
    found=$(python3 - "$copy" "$ZSTD" <<'PY'
import gzip
import hashlib
import json
import pathlib
import subprocess
import sys

blobs = pathlib.Path(sys.argv[1], "blobs/sha256")
read = lambda digest: (blobs / digest.removeprefix("sha256:")).read_bytes()
index = json.loads(pathlib.Path(sys.argv[1], "index.json").read_text())
manifest = json.loads(read(index["manifests"][0]["digest"]))
diff_id = json.loads(read(manifest["config"]["digest"]))["rootfs"]["diff_ids"][0]
layer = read(manifest["layers"][0]["digest"])
kind = manifest["layers"][0]["mediaType"].rpartition("+")[2]
if kind == "gzip":
    content = gzip.decompress(layer)
else:
    content = subprocess.run([sys.argv[2], "-dc"], input=layer, capture_output=True, check=True).stdout
print(f"{kind} of {len(content)} bytes, diff_id", "kept" if "sha256:" + hashlib.sha256(content).hexdigest() == diff_id else "lost")
PY
)
    size=$(stat -c %s "$folder/$archive.tar")
    echo "$archive.tar of $size bytes as $format: $found"
    case $archive,$format in
      gnu,zstd:chunked) [ "$found" = "zstd of 2560 bytes, diff_id lost" ] || changed=1 ;;
      gnu,*) [ "$found" = "${format%%:*} of 10240 bytes, diff_id kept" ] || changed=1 ;;
      short,*) [ "$found" = "${format%%:*} of 2560 bytes, diff_id kept" ] || changed=1 ;;
    esac
  done
done
exit $changed
