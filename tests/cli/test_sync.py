"""sync mirrors the images that a file lists: beside skopeo sync, and with its own options."""

import json
import random
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachedb.errors import InvalidInput
from cachedb.operations.mirror import sync_file
from cachedb.operations.mirror.version_ranges import in_range
from tests import build
from tests.cli.conftest import Run, succeed
from tests.operations.registries import put
from tests.programs import require
from tests.registry import servers
from tests.registry.scripted import Asked, Reply, scripted
from tests.registry.shelf import shelf

TAGS = ["1.0.0", "1.2.0", "1.2.3", "v1.3.0", "2.0.0-rc1", "2.0.0", "3.12", "latest", "edge-1.2.3"]
IMAGE = build.image()
LONGEST_WAIT = 30
"""Seconds until a request fails that no other one joins."""
LARGE = {
    tag: build.image(build.layer({"large": random.Random(tag).randbytes(1_000_000)}))
    for tag in ("first", "second")
}


@pytest.fixture(scope="module")
def registry(registry: servers.Served) -> servers.Served:
    for tag in TAGS:
        put(registry.host, "team/app", IMAGE, tag=tag)
    put(registry.host, "team/other", IMAGE, tag="1")
    return registry


BY_VERSION = """\
  images-by-semver:
    team/app: "^1.2"
"""


def skopeo_yaml(host: str, by_version: str = "") -> str:
    return f"""
{host}:
  tls-verify: false
  images:
    team/other: []
    team/app: [latest, "{IMAGE.digest}"]
  images-by-tag-regex:
    team/app: ^edge-[0-9.]+$
{by_version}"""


def planned(run: Run, cache: Path, file: Path, *words: str) -> list[str]:
    return succeed(run, cache, "sync", file, "--dry-run", *words).split()


def by_version_if_known() -> str:
    """Return a rule by version if the installed skopeo knows such rules (1.13)."""
    told = subprocess.run(["skopeo", "--version"], check=True, capture_output=True, text=True)
    version = tuple(map(int, re.findall(r"\d+", told.stdout)[:2]))
    return BY_VERSION if version >= (1, 13) else ""


def test_the_yaml_of_skopeo_selects_what_skopeo_sync_copies(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    require("skopeo")
    file, folder = tmp_path / "sync.yml", tmp_path / "copied"
    rule = by_version_if_known()
    file.write_text(skopeo_yaml(registry.host, rule))
    folder.mkdir()
    command = ["skopeo", "sync", "--src", "yaml", "--dest", "dir", "--scoped", file, folder]
    subprocess.run(command, check=True, capture_output=True)

    copied = {str(path.parent.relative_to(folder)) for path in folder.rglob("manifest.json")}
    assert set(planned(run, tmp_path / "cache", file)) == copied
    assert len(copied) == (7 if rule else 4)


def test_a_rule_by_version_selects_beside_the_other_rules(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    file = tmp_path / "sync.yml"
    file.write_text(skopeo_yaml(registry.host))
    without = set(planned(run, tmp_path / "cache", file))
    file.write_text(skopeo_yaml(registry.host, BY_VERSION))

    more = set(planned(run, tmp_path / "cache", file)) - without

    assert {each.rpartition(":")[2] for each in more} == {"1.2.0", "1.2.3", "v1.3.0"}


@pytest.mark.parametrize(
    ("versions", "tags"),
    [
        (">= 1.2.0, < 2", ["1.2.0", "1.2.3", "v1.3.0"]),
        ("^1.2", ["1.2.0", "1.2.3", "v1.3.0"]),
        ("~1.2.1", ["1.2.3"]),
        ("1.2.x", ["1.2.0", "1.2.3"]),
        (">= 3.12.0", ["3.12"]),
        (">=2.0.0-0 <2.1-0", ["2.0.0-rc1", "2.0.0"]),
        (">=2.0.0-0 <2.1", ["2.0.0"]),
        ("1.2 - 1.3", ["1.2.0", "1.2.3", "v1.3.0"]),
        ("^1 || ^3, != 1.2.3", ["1.0.0", "1.2.0", "1.2.3", "v1.3.0", "3.12"]),
        ("!= 1.2.3 >1.0 <2", ["1.2.0", "v1.3.0"]),
    ],
)
def test_ranges_of_versions_select_tags_that_are_versions(versions: str, tags: list[str]) -> None:
    is_in = in_range(versions)
    assert [tag for tag in TAGS if is_in(tag)] == tags


def test_lines_are_references_and_patterns_of_tags(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    file = tmp_path / "images.txt"
    file.write_text(
        f"# mine\n{registry.host}/team/app:1.*  # old\n\n{registry.host}/team/other:1\n"
    )

    found = planned(run, tmp_path / "cache", file)
    assert [each.rpartition("/")[2] for each in found] == [
        "app:1.0.0", "app:1.2.0", "app:1.2.3", "other:1"
    ]  # fmt: skip
    assert not (tmp_path / "cache").exists()


def test_sync_pulls_and_prunes_and_prints_one_summary(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file = tmp_path / "cache", tmp_path / "images.txt"
    file.write_text(f"{registry.host}/team/app:1.2.*\n{registry.host}/team/other:1\n")
    told = json.loads(succeed(run, cache, "sync", file, "--format", "json"))
    assert [item["state"] for item in told["items"]] == ["new"] * 3
    assert told["summary"]["images"] == 3

    file.write_text(f"{registry.host}/team/app:1.2.3\n")
    done = run(cache, "sync", file, "--prune")
    assert done.code == 0
    assert f"removed {registry.host}/team/app:1.2.0" in done.err
    names = succeed(run, cache, "ls", "--format", "{name}").split()
    assert names == [f"{registry.host}/team/app:1.2.3", f"{registry.host}/team/other:1"]


def test_sync_applies_the_policy_of_the_cache_and_collects(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file, rules = tmp_path / "cache", tmp_path / "images.txt", tmp_path / "policy.toml"
    file.write_text(f"{registry.host}/team/app:1.2.*\n")
    rules.write_text('version = 1\ndrop = ["refs tag:1.2.0"]\nkeep = ["refs tag:1.2.3"]\n')
    refused = run(cache, "sync", file, "--policy")
    assert (refused.code, refused.err.splitlines()[0]) == (3, "cachedb: this cache has no policy")
    succeed(run, cache, "policy", "edit", rules)

    done = run(cache, "sync", file, "--policy")

    assert done.code == 0
    assert f"removed {registry.host}/team/app:1.2.0" in done.err
    assert "freed " in done.err
    names = succeed(run, cache, "ls", "--format", "{name}").split()
    assert names == [f"{registry.host}/team/app:1.2.3"]


def removals(run: Run, cache: Path, file: Path, *words: str) -> set[str]:
    """Return the tags that a dry run would remove, and check that it changes no file."""
    before = {
        path: path.read_bytes()
        for path in cache.rglob("*")
        if path.is_file() and path.name != "index.db"  # which opening a cache brings up to date
    }
    told = json.loads(succeed(run, cache, "sync", file, "--dry-run", "--format", "json", *words))
    after = {path: path.read_bytes() for path in before if path.exists()}
    assert after == before
    there = {path for path in cache.rglob("*") if path.is_file() and path.name != "index.db"}
    assert there == before.keys()
    items = [item for item in told["items"] if item["state"] == "would remove"]
    assert told["summary"]["removed"] == len(items)
    return {item["name"].rpartition(":")[2] for item in items}


def left(run: Run, cache: Path) -> set[str]:
    return {
        name.rpartition(":")[2] for name in succeed(run, cache, "ls", "--format", "{name}").split()
    }


@pytest.fixture(params=["in a file", "in a server"])
def catalog(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the catalogs of a test in files, or in a PostgreSQL server."""
    if request.param == "in a server":
        monkeypatch.setenv("CACHEDB_CATALOG", request.getfixturevalue("server").url())


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("rules", "removed"),
    [
        pytest.param('drop = ["refs tag:1.2.0"]', {"1.2.0"}, id="an arriving name"),
        pytest.param('drop = ["refs arch:amd64"]\nkeep = ["refs tag:1.2.3"]', {"1.0.0", "1.2.0"},
                     id="by a config that arrives"),
        pytest.param("keep-last = 1", {"1.0.0"}, id="the number of tags of a repository"),
        pytest.param('drop = ["refs is:listed"]\nkeep = ["refs tag:1.2.3"]', {"1.0.0", "1.2.0"},
                     id="by the index of files"),
        pytest.param('drop = ["everything"]\nkeep = ["refs is:pinned"]', {"1.2.0", "1.2.3"},
                     id="by a pin"),
    ],
)  # fmt: skip
def test_a_dry_run_lists_what_retention_removes_after_the_pulls(
    run: Run, tmp_path: Path, registry: servers.Served, rules: str, removed: set[str]
) -> None:
    cache, file, policy = tmp_path / "cache", tmp_path / "images.txt", tmp_path / "policy.toml"
    file.write_text(f"{registry.host}/team/app:1.0.0\n")
    succeed(run, cache, "sync", file)
    succeed(run, cache, "index", "files", "--all")
    if "pinned" in rules:
        succeed(run, cache, "pin", f"{registry.host}/team/app:1.0.0")
    policy.write_text(f"version = 1\n{rules}\n")
    succeed(run, cache, "policy", "edit", policy)
    file.write_text(f"{registry.host}/team/app:1.2.0\n{registry.host}/team/app:1.2.3\n")

    planned_removals = removals(run, cache, file, "--policy")
    names_before = left(run, cache)
    done = run(cache, "sync", file, "--policy")

    assert names_before == {"1.0.0"}
    assert done.code == 0, done.err
    assert {"1.0.0", "1.2.0", "1.2.3"} - left(run, cache) == planned_removals == removed


def test_a_dry_run_counts_the_sizes_of_layers_that_have_not_arrived(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file, policy = tmp_path / "cache", tmp_path / "images.txt", tmp_path / "policy.toml"
    for tag, image in LARGE.items():
        put(registry.host, "team/large", image, tag=tag)
    file.write_text(f"{registry.host}/team/large:first\n")
    succeed(run, cache, "sync", file)
    file.write_text(f"{registry.host}/team/large:second\n")
    for limit, removed in (("3M", set()), ("1500k", {"first"})):
        policy.write_text(f'version = 1\nmax-size = "{limit}"\n')
        succeed(run, cache, "policy", "edit", policy)
        assert removals(run, cache, file, "--policy") == removed

    succeed(run, cache, "sync", file, "--policy")

    assert left(run, cache) == {"second"}


def test_a_dry_run_lists_names_that_the_file_lists_no_longer(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file = tmp_path / "cache", tmp_path / "images.txt"
    file.write_text(f"{registry.host}/team/app:1.2.0\n{registry.host}/team/other:1\n")
    assert planned(run, cache, file, "--prune")[:1] == ["NAME"]  # there is no cache yet
    succeed(run, cache, "sync", file)
    file.write_text(f"{registry.host}/team/app:1.2.3\n")

    assert removals(run, cache, file, "--prune") == {"1.2.0"}
    table = succeed(run, cache, "sync", file, "--prune", "--dry-run").splitlines()
    assert [line.split()[0].rpartition(":")[2] for line in table[1:]] == ["1.2.3", "1.2.0"]
    assert "would remove" in table[2]
    assert "not in the file" in table[2]
    succeed(run, cache, "sync", file, "--prune")
    assert left(run, cache) == {"1.2.3", "1"}


def test_a_dry_run_removes_nothing_where_a_pull_would_fail(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file = tmp_path / "cache", tmp_path / "images.txt"
    file.write_text(f"{registry.host}/team/app:1.2.0\n")
    succeed(run, cache, "sync", file)
    file.write_text(f"{registry.host}/team/app:1.2.3\n{registry.host}/team/app:absent\n")

    done = run(cache, "sync", file, "--prune", "--dry-run")

    assert done.code == 3
    assert "would remove nothing" in done.err
    assert "would remove" not in done.out


def test_a_failure_undoes_no_other_image_and_prunes_nothing(
    run: Run, tmp_path: Path, registry: servers.Served
) -> None:
    cache, file = tmp_path / "cache", tmp_path / "images.txt"
    file.write_text(f"{registry.host}/team/app:latest\n")
    succeed(run, cache, "sync", file)
    file.write_text(f"{registry.host}/team/app:1.0.0\n{registry.host}/team/none:1\n")

    done = run(cache, "sync", file, "--prune", "--format", "json")
    assert done.code == 3
    assert [item["state"] for item in json.loads(done.out)["items"]] == ["new", "failed"]
    assert "removed nothing" in done.err
    assert len(succeed(run, cache, "ls", "-q").split()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host:\n  image: {}\n", "unknown key 'image'"),
        ("host:\n  images: [a]\n", "images has to be a mapping"),
        ("host:\n  images: {a: latest}\n", "a: expected a list of tags"),
        ("host:\n  images-by-semver: {a: 'one'}\n", "invalid range of versions 'one'"),
        ("host:\n  images-by-tag-regex: {a: '('}\n", "invalid pattern '('"),
        ("host:\n  credentials: {username: u}\n", "credentials need username and password"),
        ("host:\n  images: {a: [\n", "(line 3)"),
        ("alpine latest\n", "line 1: expected one reference"),
        ("alpine\nUPPER\n", "line 2: "),
    ],
)
def test_a_malformed_file_is_reported_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "sync.yml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=re.escape(said)) as caught:
        sync_file.read(str(file))
    assert str(caught.value).startswith(f"{file}: ")


class Overlapping:
    """Holds the first two requests of a kind back, until both are open at once."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.paths: list[str] = []
        self._both = threading.Barrier(2)
        self._lock = threading.Lock()

    def __call__(self, asked: Asked, reply: Reply) -> Reply:
        if self.kind in asked.path:
            with self._lock:
                is_held = len(self.paths) < 2
                self.paths.append(asked.path)
            if is_held:
                self._both.wait(LONGEST_WAIT)
        return reply


@pytest.mark.parametrize("jobs", [[], ["--jobs", "2"]])
@pytest.mark.parametrize("kind", ["/manifests/", "/blobs/"])
def test_images_are_mirrored_at_the_same_time(
    run: Run, tmp_path: Path, kind: str, jobs: list[str]
) -> None:
    images = {name: build.image(build.layer({name: name})) for name in ("one", "two")}
    overlapping, file = Overlapping(kind), tmp_path / "images.txt"
    with shelf(images, overlapping) as served:
        file.write_text("".join(f"{served.host}/team/{name}:{name}\n" for name in images))
        done = run(tmp_path / "cache", "sync", file, "--format", "json", *jobs)

    assert done.code == 0, done.err
    assert len(set(overlapping.paths[:2])) == 2
    assert json.loads(done.out)["summary"]["images"] == 2


def test_tags_of_repositories_are_listed_at_the_same_time(run: Run, tmp_path: Path) -> None:
    overlapping, file = Overlapping("/tags/list"), tmp_path / "images.txt"

    def answer(asked: Asked) -> Reply:
        name = asked.path.removeprefix("/v2/").partition("/tags/")[0]
        body = json.dumps({"name": name, "tags": ["1", "2"]}).encode()
        return overlapping(asked, Reply(body=body))

    with scripted(answer) as served:
        file.write_text(f"{served.host}/team/one:*\n{served.host}/team/two:*\n")
        found = planned(run, tmp_path / "cache", file)

    assert [each.rpartition("/")[2] for each in found] == ["one:1", "one:2", "two:1", "two:2"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[servers.Served, Path]]:
    """Run a registry with TLS that asks for a password and a client certificate."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = servers.make_authority(folder / "tls")
    certificates = folder / "certs.d"
    certificates.mkdir()
    for source, name in (
        (authority.ca, "ca.crt"),
        (authority.certificate, "client.cert"),
        (authority.key, "client.key"),
    ):
        (certificates / name).write_bytes(source.read_bytes())
    with servers.docker_registry(folder / "registry") as plain:
        put(plain.host, "team/app", IMAGE, tag="1")
    settings = {
        **authority.environment,
        **servers.htpasswd(folder),
        "REGISTRY_HTTP_TLS_CLIENTCAS": f"[{authority.ca}]",
    }
    with servers.docker_registry(folder / "registry", **settings) as served:
        yield served, certificates


def guarded_yaml(host: str, **settings: object) -> str:
    return json.dumps({host: {"images": {"team/app": ["1"]}, **settings}})


LOGIN = {"username": servers.USER, "password": servers.PASSWORD}


def test_a_registry_is_opened_with_credentials_and_cert_dir_of_the_file(
    run: Run, tmp_path: Path, guarded: tuple[servers.Served, Path]
) -> None:
    served, certificates = guarded
    file = tmp_path / "sync.yml"
    file.write_text(
        guarded_yaml(served.host, credentials=LOGIN, **{"cert-dir": str(certificates)})
    )

    told = json.loads(succeed(run, tmp_path / "cache", "sync", file, "--format", "json"))

    assert [item["name"] for item in told["items"]] == [f"{served.host}/team/app:1"]


@pytest.mark.parametrize("missing", ["credentials", "cert-dir"])
def test_a_registry_refuses_without_what_the_file_states(
    run: Run, tmp_path: Path, guarded: tuple[servers.Served, Path], missing: str
) -> None:
    served, certificates = guarded
    settings = {"credentials": LOGIN, "cert-dir": str(certificates)}
    del settings[missing]
    file = tmp_path / "sync.yml"
    file.write_text(guarded_yaml(served.host, **settings))

    done = run(tmp_path / "cache", "sync", file)

    assert done.code != 0
    assert "Traceback" not in done.err


def test_credentials_of_the_file_are_in_no_text(tmp_path: Path) -> None:
    file = tmp_path / "sync.yml"
    file.write_text("host.example:\n  credentials: {username: me, password: hunter2}\n")
    (source,) = sync_file.read(str(file))

    assert source.login == ("me", "hunter2")
    assert "hunter2" not in repr(source)
