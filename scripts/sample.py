"""Sample archives: ``python -m scripts.sample [DIR]`` writes ``app.tar`` and ``tool.tar``.

``app.tar`` contains an image for three platforms with provenance, ``tool.tar`` an image that
shares its base layer. Their bytes are the same in every run; only Python is needed.
"""

import random
import sys
from pathlib import Path

from tests import build

APP, TOOL = "example.com/app:1", "example.com/tool:2"
_BASE_BYTES, _OWN_BYTES = 3_000_000, 400_000


def write(folder: Path) -> None:
    """Write both archives to a directory."""
    base = {arch: _layer(f"base for {arch}", _BASE_BYTES) for arch in ("amd64", "arm64", "arm")}
    images = [
        build.image(
            base[arch],
            _layer(f"app for {arch}", _OWN_BYTES),
            arch=arch,
            variant=variant,
            labels={"org.opencontainers.image.title": "app"},
            env=["PATH=/usr/bin:/bin"],
            entrypoint=["/app"],
        )
        for arch, variant in (("amd64", ""), ("arm64", "v8"), ("arm", "v7"))
    ]
    app = build.index(*images, *map(build.attestation, images))
    tool = build.image(base["amd64"], _layer("tool", _OWN_BYTES), entrypoint=["/tool"])
    (folder / "app.tar").write_bytes(build.archive({APP: app}))
    (folder / "tool.tar").write_bytes(build.archive({TOOL: tool}))


def _layer(name: str, size: int) -> build.Blob:
    # Uncompressed: the output of compressors, and so the digest, differs between Pythons.
    content = random.Random(name).randbytes(size)
    return build.layer({name: content}, media_type=build.OCI_LAYER)


if __name__ == "__main__":
    write(Path(*sys.argv[1:2]))
