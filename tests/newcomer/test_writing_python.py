"""A program that is written from README alone pulls, lists, queries, exports and collects."""

import tarfile

from cachedb import Cache
from cachedb.operations.archives import sample_images as sample
from tests.newcomer import readme
from tests.newcomer.readme import Machine
from tests.registry.servers import Served


def test_the_program_of_readme_does_the_job(machine: Machine, hub: Served) -> None:
    sample.write(machine.home)
    with Cache.create(machine.home / "published") as cache:
        cache.import_(machine.home / "app.tar")
        root = cache.find_root(sample.APP)
        cache.push(sample.APP, remote_name=f"{hub.host}/library/alpine:3.20")
    program = machine.home / "program.py"
    program.write_text(readme.block("Use it from Python", "python"))

    told = machine.run(
        "python", str(program), CACHEDB_MIRROR=f"docker.io=http://{hub.host}"
    ).splitlines()

    (listed,) = [line for line in told if line.startswith("docker.io/library/alpine:3.20 ")]
    digest, size = listed.split()[1:]
    assert digest == root.digest
    assert 6_800_000 < int(size) < 6_900_000  # two of three platforms
    assert sum(line.endswith(" 3010560") for line in told) == 2
    assert told[-1] == "0 bytes freed"
    with tarfile.open(machine.home / "alpine.tar") as archive:
        assert "index.json" in archive.getnames()
