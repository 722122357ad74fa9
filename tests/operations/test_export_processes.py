"""An export in a process of its own that is interrupted: no file, and nothing left beside it."""

import time
from pathlib import Path

import pytest

from tests import build
from tests.operations.processes import finished, interrupt, running

_PATIENCE = 30


@pytest.fixture(scope="module")
def image() -> build.Thing:
    """An image that takes so long to write that there is time to interrupt it."""
    return build.image(build.layer({"big": bytes(100 << 20)}, media_type=build.OCI_LAYER))


@pytest.mark.parametrize("form", ["oci", "docker", "filesystem"])
def test_an_interrupted_export_leaves_nothing(
    image: build.Thing, tmp_path: Path, form: str
) -> None:
    tree = build.layout(tmp_path / "cache", {"example.com/big:1": image})
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["export", "--format", form, "-o", str(out / "image.tar"), "example.com/big:1"]
    with running(tree.path, *arguments) as process:
        give_up = time.monotonic() + _PATIENCE
        while not any(path.stat().st_size for path in out.iterdir()):
            assert time.monotonic() < give_up
            time.sleep(0.001)
        interrupt(process)
        code, told, err = finished(process)
    assert (code, told) == (130, "")
    assert "Traceback" not in err
    assert list(out.iterdir()) == []
