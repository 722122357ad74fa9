"""Output of --format json follows the published JSON Schemas."""

import json
from pathlib import Path

import jsonschema
import pytest

from cachedb import Cache
from cachedb.operations.archives import sample_images as sample
from scripts import json_schemas
from tests import build
from tests.cli.conftest import Run
from tests.registry.servers import docker_registry

_LINES = {
    "ls": "ls",
    "find-root": f"find-root {sample.APP}",
    "history": f"history {sample.TOOL}",
    "files": f"files {sample.APP} --platform linux/amd64",
    "why": "why sha256:9d9e1145cc86747e2ea6be42da2fe086446fa5bdcb1beebf7ae4d0b0e9a115ce",
    "validate": "validate",
    "verify": "verify",
    "doctor": "doctor",
    "log": "log",
    "config": "config list",
    "cache": "cache dir",
    "sample": "sample FOLDER/again",
    "import": "import --name example.com/new:1 FOLDER/tool.tar",
    "export": f"export {sample.APP} -o FOLDER/out.tar",
    "rm": f"rm {sample.TOOL}",
    "clean": "clean --dry-run",
    "pin": f"pin {sample.TOOL}",
    "unpin": f"unpin {sample.TOOL}",
    "tag": f"tag {sample.TOOL} example.com/tool:3",
    "untag": f"untag {sample.TOOL}",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache with the sample, a damaged blob and something of another tool."""
    sample.write(tmp_path)
    with Cache.create(tmp_path / "cache") as cache:
        cache.import_(tmp_path / "app.tar")
        cache.import_(tmp_path / "tool.tar")
        layer = cache.query(f"layers blobs({sample.TOOL}) sort size limit 1")[0].digest
    tree = build.Tree(tmp_path / "cache")
    path = tree.blob_path(layer)
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    return tmp_path


def validated(name: str, text: str) -> object:
    found = json.loads(text)
    jsonschema.Draft202012Validator(
        json_schemas.schema(name), format_checker=jsonschema.FormatChecker()
    ).validate(found)
    return found


def test_every_schema_has_an_output() -> None:
    assert {*_LINES, "tags"} == {*json_schemas.ROWS, *json_schemas.ACTIONS}


@pytest.mark.parametrize("name", [*json_schemas.ROWS, *json_schemas.ACTIONS])
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schemas.schema(name))


@pytest.mark.parametrize("name", _LINES)
def test_the_output_of_a_command_follows_its_schema(run: Run, folder: Path, name: str) -> None:
    words = _LINES[name].replace("FOLDER", str(folder)).split()
    done = run(folder / "cache", *words, "--format", "json")
    found = validated(name, done.out)
    keys = json_schemas.ROWS.get(name)
    rows = found if isinstance(found, list) else found["items"]  # type: ignore[index]
    if keys is not None and rows:
        assert [set(row) - set(keys) for row in rows] == [set()] * len(rows)


def test_the_output_of_tags_follows_its_schema(run: Run, folder: Path) -> None:
    with docker_registry(folder / "registry") as served, Cache.open(folder / "cache") as cache:
        cache.push(sample.APP, remote_name=f"{served.host}/app:1")
        done = run(folder / "cache", "tags", f"{served.host}/app", "--format", "json")
    assert validated("tags", done.out) == [{"tag": "1"}]
