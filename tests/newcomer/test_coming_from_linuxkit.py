"""A user of linuxkit opens its cache, pulls, exports, removes and collects, as README says."""

import json
import subprocess

from cachedb import Cache
from cachedb.operations.archives import sample_images as sample
from tests import build
from tests.newcomer import readme
from tests.newcomer.readme import Machine
from tests.programs import require
from tests.registry.servers import Served

_LAYER = build.layer({"etc/os-release": "linuxkit"})
_KERNEL = build.image(_LAYER, build.layer({"kernel": "6.6"}))
_INIT = build.image(_LAYER, build.layer({"init": "1"}))


def test_the_commands_of_readme_do_the_job(machine: Machine, hub: Served) -> None:
    require("skopeo")
    linuxkit = machine.home / ".linuxkit" / "cache"
    linuxkit.parent.mkdir()
    tree = build.layout(
        linuxkit, {"docker.io/linuxkit/kernel:6.6": _KERNEL, "docker.io/linuxkit/init:1": _INIT}
    )
    sample.write(machine.home)
    with Cache.create(machine.home / "published") as cache:
        cache.import_(machine.home / "app.tar")
        cache.push(sample.APP, remote_name=f"{hub.host}/library/alpine:3.20")

    told = readme.run_shell(
        machine,
        readme.block("Coming from linuxkit", "sh"),
        CACHEDB_MIRROR=f"docker.io=http://{hub.host}",
    )

    assert "docker.io/linuxkit/kernel:6.6" in told
    listed = machine.run("cachedb", "--cache", str(linuxkit), "ls", "--format", "{name}")
    assert listed.split() == ["docker.io/linuxkit/init:1", "docker.io/linuxkit/kernel:6.6"]
    for image in (_KERNEL, _INIT):
        assert all(tree.blob_path(digest).exists() for digest in image.digests)
    archive = f"docker-archive:{machine.home / 'alpine.tar'}"
    exported = json.loads(subprocess.check_output(["skopeo", "inspect", archive]))
    assert exported["Architecture"] == "arm64"
    assert not (machine.home / ".cache" / "cachedb" / "layout").exists()
