#!/bin/bash
# zstandard 0.25.0 (PyPI): read_to_iter of a zstd:chunked layer ends after its first member.
#
# A layer in zstd:chunked is a sequence of zstd frames, one or more for each file, since a reader
# shall fetch single files. RFC 8878 section 3.1 says that a decoder continues with the next frame.
# stream_reader, whose read_across_frames is False by default, yields the whole layer nevertheless;
# so do copy_stream, stream_writer and zstandard.open. read_to_iter, which takes the same file and
# has no such argument, yields the first frame and ends, without an error: of a layer with three files
# the header of the first. The same code reads a layer that skopeo wrote as plain zstd as a whole,
# since that has one frame. decompress() and decompressobj() end there too; the latter tells by
# unused_data.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q zstandard==0.25.0) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
SKOPEO=$folder/root/usr/bin/skopeo
"$SKOPEO" --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
cat >"$folder/layout.py" <<'PY'
import hashlib
import io
import json
import pathlib
import sys
import tarfile

folder = pathlib.Path(sys.argv[1])
(folder / "blobs/sha256").mkdir(parents=True)


def blob(content, media_type):
    digest = hashlib.sha256(content).hexdigest()
    (folder / "blobs/sha256" / digest).write_bytes(content)
    return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}


stored = io.BytesIO()
with tarfile.open(fileobj=stored, mode="w") as archive:
    for name in ("one", "two", "three"):
        member = tarfile.TarInfo(name)
        member.size = 2000
        archive.addfile(member, io.BytesIO(name.encode() * 400 + bytes(2000)))
layer = blob(stored.getvalue(), "layer.v1.tar")
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "config.v1+json"),
    "layers": [layer],
}
entry = blob(json.dumps(manifest).encode(), "manifest.v1+json") | {"annotations": {"org.opencontainers.image.ref.name": "a"}}
(folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
(folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
PY
python3 "$folder/layout.py" "$folder/made" || exit 2
for format in zstd zstd:chunked; do
  "$SKOPEO" --policy "$folder/policy.json" copy -q --dest-compress --dest-compress-format "$format" "oci:$folder/made:a" "oci:$folder/${format#*:}:a" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
done
"$folder/venv/bin/python" - "$folder" <<'PY'
import io
import json
import pathlib
import sys

import zstandard

folder = pathlib.Path(sys.argv[1])


def layer(name):
    blobs = folder / name / "blobs/sha256"
    entry = json.loads((folder / name / "index.json").read_text())["manifests"][0]
    manifest = json.loads((blobs / entry["digest"].partition(":")[2]).read_text())
    return (blobs / manifest["layers"][0]["digest"].partition(":")[2]).read_bytes()


def copied(content):
    written = io.BytesIO()
    zstandard.ZstdDecompressor().copy_stream(io.BytesIO(content), written)
    return written.getvalue()


def once(content):
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    return decompressor.decompress(content)


WAYS = {
    "stream_reader": lambda content: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read(),
    "open": lambda content: zstandard.open(io.BytesIO(content)).read(),
    "copy_stream": copied,
    "read_to_iter": lambda content: b"".join(zstandard.ZstdDecompressor().read_to_iter(io.BytesIO(content))),
    "decompressobj": once,
}
sizes = {kind: {way: len(read(layer(kind))) for way, read in WAYS.items()} for kind in ("zstd", "chunked")}
for kind, found in sizes.items():
    print(f"{kind}: " + ", ".join(f"{way} {size}" for way, size in found.items()))
whole = sizes["zstd"]["stream_reader"]
chunked = sizes["chunked"]
expected = (
    set(sizes["zstd"].values()) == {whole}
    and chunked["stream_reader"] == chunked["open"] == chunked["copy_stream"] > 6000
    and chunked["read_to_iter"] == chunked["decompressobj"] < 2000
)
sys.exit(0 if expected else 1)
PY
case $? in
  0) echo "observed: read_to_iter ends after the first frame of a zstd:chunked layer, stream_reader reads all"; exit 0 ;;
  *) echo "the behaviour changed"; exit 1 ;;
esac
