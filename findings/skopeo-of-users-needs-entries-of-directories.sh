#!/bin/bash
# skopeo 1.9.3, run by a user other than root, cannot read an OCI archive without entries for its directories.
#
# tar needs no entry for the directory of a file, GNU tar and bsdtar create it, and image-spec does not ask for one in an
# archive of a layout. A program that writes oci-layout, index.json and blobs/sha256/HEX one after another makes such an
# archive. skopeo unpacks it, creates blobs/sha256 for the user and group 0, and ends with "chown ...: operation not
# permitted", although no entry has a privilege that the user lacks; root notices nothing. With entries for blobs and
# blobs/sha256, whose owner is also 0, the same user reads the image. So an archive has its directories, and is tried as
# another user than root.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download "skopeo=1.9.3*" libgpgme11 libassuan0 libdevmapper1.02.1 && for each in *.deb; do dpkg-deb -x "$each" root; done) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libgpgme.so.11' | head -n 1)"):$(dirname "$(find "$folder/root" -name 'libdevmapper.so.1.02.1' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$folder/root/usr/bin:$PATH
skopeo --version | grep -qx "skopeo version 1.9.3" || { echo "needs skopeo 1.9.3"; exit 2; }
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$folder/policy.json"
chmod 755 "$folder"
FOLDER=$folder python3 - <<'PY'
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

FOLDER = pathlib.Path(os.environ["FOLDER"])
(FOLDER / "tmp").mkdir()
(FOLDER / "tmp").chmod(0o777)
FILES = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}


def blob(content, media_type):
    encoded = hashlib.sha256(content).hexdigest()
    FILES["blobs/sha256/" + encoded] = content
    return {"mediaType": media_type, "digest": "sha256:" + encoded, "size": len(content)}


layer = blob(b"\0" * 1024, "application/vnd.oci.image.layer.v1.tar")
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
config = blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": config,
    "layers": [layer],
}
entry = blob(json.dumps(manifest).encode(), manifest["mediaType"])
FILES["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()


def write(name, directories):
    with tarfile.open(FOLDER / name, "w", format=tarfile.USTAR_FORMAT) as archive:
        for directory in directories:
            member = tarfile.TarInfo(directory)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path, content in FILES.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return FOLDER / name


def inspect(path, *user):
    command = [*user, "env", "HOME=" + str(FOLDER / "tmp"), "PATH=" + os.environ["PATH"],
               "LD_LIBRARY_PATH=" + os.environ["LD_LIBRARY_PATH"], "skopeo", "--policy",
               str(FOLDER / "policy.json"), "--tmpdir", str(FOLDER / "tmp"), "inspect", "--raw", f"oci-archive:{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


is_root = os.geteuid() == 0
user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if is_root else []
bare, whole = write("bare.tar", ()), write("whole.tar", ("blobs", "blobs/sha256"))
wrong = []
refused, read = inspect(bare, *user), inspect(whole, *user)
print(f"without entries for directories, as a user: exit {refused.returncode}, {refused.stderr.strip()[-120:]}")
print(f"with entries for directories, as a user: exit {read.returncode}")
if not refused.returncode or "operation not permitted" not in refused.stderr:
    wrong.append("skopeo reads an archive without entries for directories")
if read.returncode:
    wrong.append(read.stderr)
if is_root:
    done = inspect(bare)
    print(f"without entries for directories, as root: exit {done.returncode}")
    if done.returncode:
        wrong.append(done.stderr)
print("\n".join(wrong))
sys.exit(bool(wrong))
PY
