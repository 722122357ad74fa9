"""Output of --format json follows the published JSON Schemas."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cachedb import Cache
from cachedb.cli.app import _COMMANDS
from cachedb.operations.archives import sample_images as sample
from scripts import json_schemas
from tests import build
from tests.cli.conftest import Run, succeed
from tests.registry.servers import docker_registry

SAME = "same " * 300
RULES = """
[rules.none]
query = "refs"
help = "Remove them."

[rules.many]
query = "refs"
expect = "500.."
"""
LISTED = "example.com/listed:1"
CHANGED = "example.com/changed:1"
_LINES = {
    "ls": ["ls", "ls is:pinned"],
    "find-root": [f"find-root {sample.APP}"],
    "history": [f"history {sample.TOOL}"],
    "files": [f"files {sample.APP} --platform linux/amd64"],
    "why": ["why sha256:9d9e1145cc86747e2ea6be42da2fe086446fa5bdcb1beebf7ae4d0b0e9a115ce"],
    "validate": ["validate"],
    "verify": ["verify"],
    "verify --repair": ["verify --repair --offline --from INTACT"],
    "doctor": ["doctor"],
    "log": ["log"],
    "config": ["config list"],
    "cache": ["cache dir"],
    "sample": ["sample FOLDER/again"],
    "import": ["import --name example.com/new:1 FOLDER/tool.tar"],
    "export": [f"export {sample.APP} -o FOLDER/out.tar"],
    "rm": [f"rm {sample.TOOL}", f"rm --dry-run {sample.APP}"],
    "clean": ["clean --dry-run", "clean --yes"],
    "pin": [f"pin {sample.TOOL}"],
    "unpin": [f"pin {sample.TOOL}; unpin {sample.TOOL}"],
    "tag": [f"tag {sample.TOOL} example.com/tool:3"],
    "untag": [f"untag {sample.TOOL}"],
    "sbom": [f"sbom {LISTED}"],
    "show": [f"show {sample.APP}", f"show {LISTED}"],
    "inspect": [f"inspect {sample.APP}", f"inspect {LISTED}", "inspect HOST/app:1 --remote"],
    "tree": [f"tree {sample.APP}", f"tree {LISTED}"],
    "diff": [f"diff {LISTED} {CHANGED}", f"diff {LISTED} {LISTED}"],
    "du": ["du", f"du {sample.APP}"],
    "du --group-by": ["du --group-by platform", "du --group-by repository"],
    "du --tree": ["du --tree", f"du --tree {sample.APP}"],
    "waste": [f"waste {LISTED}"],
    "check": ["check FOLDER/rules.toml"],
    "index files": ["index files --all"],
    "query": ["query refs", "query packages", "query blobs group kind show kind,count,sum.size"],
    "pull": ["pull HOST/app:1", "pull HOST/app:1 HOST/absent:1"],
    "sync": ["sync FOLDER/images.txt"],
    "sync --dry-run": [
        "sync --dry-run FOLDER/images.txt", "sync --dry-run --prune FOLDER/images.txt"
    ],
    "push": [
        f"push {LISTED} --remote-name HOST/listed:1",
        f"push {sample.TOOL} --remote-name HOST/bad:1",
    ],
    "copy": ["copy HOST/app:1 HOST/app:2"],
    "prune": ["prune --dry-run --drop tag:2", "prune --yes --drop tag:2 --grace 0"],
    "policy apply": ["policy apply --dry-run", "policy apply --yes"],
    "gc": [
        f"gc --dry-run --drop {LISTED}", f"gc --dry-run --grace 0 --drop {LISTED}",
        f"gc --grace 0 --drop {LISTED}",
    ],
    "tags": ["tags HOST/app"],
}  # fmt: skip
"""Commands by their schema; FOLDER, INTACT and HOST stand for the folder, a cache, a registry."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A cache with images, SBOMs, a damaged blob, waste and leftovers, and a registry."""
    folder = tmp_path_factory.mktemp("schemas")
    sample.write(folder)
    (folder / "rules.toml").write_text(RULES)
    (folder / "policy.toml").write_text('version = 1\ndrop = ["tag:2"]\n')
    below, above = {"etc/a": "1", "etc/b": SAME, "etc/c": SAME}, {"etc/a": "22", "etc/.wh.b": ""}
    image = build.image(build.layer(below), build.layer(above))
    other = build.image(build.layer({**below, "etc/a": "333"}), env=["NEW=1"])
    listed = build.index(image, build.sbom(image, {"openssl": "3.0.2"}))
    changed = build.index(other, build.sbom(other, {"openssl": "3.0.3", "zlib": "1.3"}))
    archive = folder / "listed.tar"
    archive.write_bytes(build.archive({LISTED: listed, CHANGED: changed}))
    with docker_registry(folder / "registry") as served:
        with Cache.create(folder / "intact") as cache:
            for name in ("app.tar", "tool.tar", "listed.tar"):
                cache.import_(folder / name)
            cache.push(sample.APP, remote_name=f"{served.host}/app:1")
            layer = cache.query(f"layers blobs({sample.TOOL}) sort size limit 1")[0].digest
        (folder / "images.txt").write_text(f"{served.host}/app:1\n{served.host}/absent:1\n")
        shutil.copytree(folder / "intact", folder / "cache")
        tree = build.Tree(folder / "cache")
        tree.put(build.layer({"orphan": "1"}))
        (tree.path / "oci-put-blob1").write_bytes(b"half")
        path = tree.blob_path(layer)
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)
        shutil.copy(folder / "policy.toml", tree.path / ".cachedb")
        yield folder, served.host


@pytest.fixture
def folder(made: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that folder."""
    target = tmp_path / "folder"
    shutil.copytree(made[0], target, ignore=shutil.ignore_patterns("registry", "intact"))
    return target


def validated(name: str, text: str) -> object:
    """Validate output against the schema of a command, and that the schema names every field."""
    found = json.loads(text)
    schema = json_schemas.schema(name)
    for each in (schema, complete(schema)):
        jsonschema.Draft202012Validator(each, format_checker=jsonschema.FormatChecker()).validate(
            found
        )
    return found


def complete(schema: Any) -> Any:
    """Return a schema that refuses fields that it does not name."""
    if isinstance(schema, list):
        return [complete(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {key: complete(value) for key, value in schema.items()} | closed


def test_every_schema_has_an_output() -> None:
    of_fleets = {"fleet", "du --fleet", "report --fleet"}  # test_fleet
    assert _LINES.keys() == set(json_schemas.NAMES) - of_fleets


def test_every_command_that_prints_json_has_a_schema() -> None:
    described = {name.split()[0] for name in (*json_schemas.NAMES, *json_schemas.ELSEWHERE)}
    # `cat` prints a file as it is, and refuses formats.
    assert described == _COMMANDS.keys() - {"cat"}


@pytest.mark.parametrize("name", json_schemas.NAMES)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schemas.schema(name))


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in _LINES.items() for line in lines]
)
def test_the_output_of_a_command_follows_its_schema(
    run: Run, made: tuple[Path, str], folder: Path, name: str, line: str
) -> None:
    places = {"FOLDER": str(folder), "HOST": made[1], "INTACT": str(made[0] / "intact")}
    for place, text in places.items():
        line = line.replace(place, text)
    *before, last = (part.split() for part in line.split(";"))
    for words in before:
        succeed(run, folder / "cache", *words)
    done = run(folder / "cache", *last, "--format", "json")
    found = validated(name, done.out)
    rows = next(iter(found.values())) if isinstance(found, dict) else found
    assert rows or line == "ls is:pinned"
