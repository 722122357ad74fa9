"""An export in a process of its own that is interrupted: no file, and nothing left beside it."""

import time
from pathlib import Path

import pytest

from tests import build
from tests.operations.processes import finished, interrupt, running

_PATIENCE = 30


IMAGE = build.image(build.layer({"big": bytes(2 << 20)}, media_type=build.OCI_LAYER))
# Writes a part of an archive, and then nothing more until it is interrupted.
STOPPING = """
import signal
from cachedb.cli.app import main
from cachedb.archive import output_file
write = output_file.write
def stopping(chunks):
    written = 0
    for chunk in chunks:
        yield chunk
        written += len(chunk)
        if written > 1 << 20:
            signal.pause()
output_file.write = lambda path, chunks: write(path, stopping(chunks))
main()
"""


@pytest.mark.parametrize("form", ["oci", "docker", "filesystem"])
def test_an_interrupted_export_leaves_nothing(tmp_path: Path, form: str) -> None:
    tree = build.layout(tmp_path / "cache", {"example.com/big:1": IMAGE})
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["export", "--format", form, "-o", str(out / "image.tar"), "example.com/big:1"]
    with running(tree.path, *arguments, program=["-c", STOPPING]) as process:
        give_up = time.monotonic() + _PATIENCE
        while not any(path.stat().st_size for path in out.iterdir()):
            assert time.monotonic() < give_up
            time.sleep(0.001)
        interrupt(process)
        code, told, err = finished(process)
    assert (code, told) == (130, "")
    assert "Traceback" not in err
    assert list(out.iterdir()) == []
