#!/bin/bash
# skopeo 1.9.3 cuts the padding of an archive when it compresses a layer as zstd:chunked, and keeps its old diff_id.
#
# Converting the compression of a layer changes its digest; its diff_id, the digest of the uncompressed archive
# (image-spec, config.md), should stay, since the archive is the same. With --dest-compress-format zstd:chunked it does
# not: the writer of containers/storage stores the members one by one, and behind the last one always 1024 zero bytes.
# GNU tar and Python's tarfile fill archives up to a multiple of 10 240 bytes. Of such a layer the new blob unpacks to a
# shorter archive, whose digest is not the diff_id in the config, which skopeo copies unchanged, without a word and with
# exit 0. With plain zstd the archive stays the same. So diff_ids are checked after a conversion, or layers end with
# 1024 zero bytes, as those of Go programs do.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" zstd libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$folder/root/usr/bin:$PATH
skopeo --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
FOLDER=$folder python3 - <<'PY'
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

FOLDER = pathlib.Path(os.environ["FOLDER"])
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layout(path, archive):
    """Write an image of one layer, named a."""
    (path / "blobs/sha256").mkdir(parents=True)

    def blob(content, media_type):
        digest = sha256(content)
        (path / "blobs/sha256" / digest[7:]).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [sha256(archive)]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(gzip.compress(archive), "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    entry = blob(json.dumps(manifest).encode(), MANIFEST)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "a"}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def converted(source, target, form):
    """Convert with skopeo; return the diff_id of the config, and the digest of the archive."""
    command = ["skopeo", "--policy", FOLDER / "policy.json", "--tmpdir", FOLDER, "copy", "--quiet"]
    command += ["--dest-compress", "--dest-compress-format", form, f"oci:{source}:a", f"oci:{target}:a"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        print(done.stderr)
        sys.exit(2)

    def blob(descriptor):
        return (target / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()

    (entry,) = json.loads((target / "index.json").read_bytes())["manifests"]
    manifest = json.loads(blob(entry))
    (layer,) = manifest["layers"]
    archive = subprocess.run(["zstd", "-dcq"], input=blob(layer), capture_output=True, check=True).stdout
    return json.loads(blob(manifest["config"]))["rootfs"]["diff_ids"][0], sha256(archive), len(archive)


members = io.BytesIO()
with tarfile.open(fileobj=members, mode="w", format=tarfile.USTAR_FORMAT) as archive:
    info = tarfile.TarInfo("file")
    info.size = 1
    archive.addfile(info, io.BytesIO(b"x"))
padded = members.getvalue()
short = padded[: 2 * 512] + bytes(1024)
found = {}
for name, content in (("padded to 10240", padded), ("ending with 1024", short)):
    layout(FOLDER / name, content)
    for form in ("zstd", "zstd:chunked"):
        diff_id, actual, size = converted(FOLDER / name, FOLDER / f"{name} {form}".replace(":", "-"), form)
        found[name, form] = diff_id == actual
        verdict = "is the diff_id" if diff_id == actual else "is NOT the diff_id"
        print(f"archive of {len(content)} bytes, {name} zero bytes, {form}: unpacks to {size} bytes, whose digest {verdict}")
wrong = [key for key, is_right in found.items() if not is_right]
sys.exit(0 if wrong == [("padded to 10240", "zstd:chunked")] else 1)
PY
