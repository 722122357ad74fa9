#!/bin/bash
# opencontainers 0.0.15 ends the whole process when it loads an image manifest that has a mediaType.
#
# The package has Python classes for the documents of image-spec. Manifest().load(document) of a
# manifest with the property `mediaType`, which image-spec 1.1 (manifest.md) says SHOULD be used and
# which docker buildx, buildah and oras write, logs "mediaType is not a valid json attribute" and calls
# sys.exit(1). SystemExit is no Exception: `except Exception` around the call does not catch it, a
# worker ends. The same for `artifactType` and `subject`; for an index with `mediaType` too. One would
# expect the property to be kept, or ignored ("implementations MUST NOT generate an error when
# encountering an unknown property", considerations.md), or an exception that says so.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q opencontainers==0.0.15 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys

from opencontainers.image.v1 import Index, Manifest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}
layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": DIGEST, "size": 2}
image = {"schemaVersion": 2, "config": config, "layers": [layer]}
described = {"mediaType": MANIFEST, "digest": DIGEST, "size": 2}
index = {"schemaVersion": 2, "manifests": [described]}
CASES = [
    ("a manifest without mediaType", Manifest, image, "loaded"),
    ("a manifest with mediaType", Manifest, {**image, "mediaType": MANIFEST}, "SystemExit 1"),
    ("a manifest with artifactType", Manifest, {**image, "artifactType": "application/example"}, "SystemExit 1"),
    ("a manifest with subject", Manifest, {**image, "subject": described}, "SystemExit 1"),
    ("an index without mediaType", Index, index, "loaded"),
    ("an index with mediaType", Index, {**index, "mediaType": "application/vnd.oci.image.index.v1+json"}, "SystemExit 1"),
]
changed = False
for name, document_class, document, expected in CASES:
    try:
        document_class().load(document)
        found = "loaded"
    except Exception as error:
        found = type(error).__name__
    except SystemExit as error:
        found = f"SystemExit {error.code}"
    print(f"{name}: {found}")
    changed |= found != expected
sys.exit(1 if changed else 0)
PY
