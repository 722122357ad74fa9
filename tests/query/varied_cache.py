"""A small cache in which most questions have an answer, and different ones different answers."""

import random
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from tests import attested, build
from tests.packages import sboms

NAMES = (
    "docker.io/library/alpine:3.19",
    "docker.io/library/alpine:3.20",
    "docker.io/library/nginx:1.25",
    "ghcr.io/acme/api:v1.2.0",
    "quay.io/team/db:2",
)
BASE = build.layer(
    {
        "etc/passwd": "root",
        "etc/a.conf": "x",
        "bin/sh": "sh",
        "usr/lib/libc.so": random.Random(1).randbytes(20_000),
    },
    media_type=build.OCI_LAYER,  # not compressed: its digest is the same with each zlib
)
LAYER = BASE.digest[:19]
"""Prefix of the digest of the layer that most images share."""
_SECONDS_TO_MAKE = 60
"""Time after which the cache has been made and indexed."""


def make(path: Path) -> build.Tree:
    """Write a layout of twelve names: labels, SBOMs, signatures, a broken image and garbage.

    One image was created now. Shortly before midnight UTC, wait for the next day, on which that
    image is still of today when it is indexed.
    """
    _start.cache_clear()
    tree = build.layout(path, _images())
    alpine = _alpine()
    for about, document in (
        (alpine, _sbom("apk/alpine", openssl="3.1.4-r0", musl="1.2.4-r1")),
        (_nginx(), _sbom("deb/debian", openssl="1.1.1w-0", bash="5.2.15", nginx="1.25.0")),
        (_redis(), _sbom("pypi", openssl="3.0.2", log4j="2.0")),
    ):
        tree.add(attested.referrer(about, document))
    tree.add(build.signature(_api()))
    broken = build.image(build.layer({"z": "1"}), created="2025-01-01T00:00:00Z")
    tree.add(broken, "example.com/team/broken:dev")
    tree.delete(broken.parts[-1].digest)
    unreferenced = build.image(_noise("old", 1_100_000, 9), arch="arm64")
    tree.put(*unreferenced.blobs, *(build.layer({"garbage": str(n)}) for n in range(3)))
    return tree


def _images() -> dict[str, build.Thing]:
    second = build.layer({"etc/passwd": "other", "bin/sh": "sh2", "etc/apk/world": "w"})
    old = build.image(second, created="2022-03-01T00:00:00Z", labels={"maintainer": "bob"})
    web = build.image(second, _server(), created="2025-12-25T00:00:00Z", arch="arm64")
    data, when = _noise("data", 2_500_000, 2), "2023-01-15T00:00:00Z"
    database = build.index(
        build.image(data, created=when, arch="arm", variant="v7"),
        build.image(data, build.layer({"a": "b"}), created=when),
    )
    kernel = build.image(_noise("kernel", 30_000, 5), arch="arm64", created=_ago())
    windows = build.layer({"Files/x": "w"})
    return {
        "docker.io/library/alpine:3.19": old,
        "docker.io/library/alpine:3.20": _alpine(),
        "docker.io/library/alpine:latest": _alpine(),
        "docker.io/library/nginx:1.25": _nginx(),
        "docker.io/library/nginx:latest": _nginx(),
        "docker.io/library/redis:7": _redis(),
        "ghcr.io/acme/api:v1.2.0": _api(),
        "ghcr.io/acme/web:dev": web,
        "quay.io/team/db:2": database,
        "mcr.example.com/win:1": build.image(
            windows, os="windows", created="2021-01-01T00:00:00Z"
        ),
        "docker.io/linuxkit/kernel:6.6.13": kernel,
    }


def _alpine() -> build.Thing:
    when = "2023-06-01T00:00:00Z"
    labels = {"maintainer": "bob", "foo": "bar"}
    return build.index(
        build.image(BASE, created=when, labels=labels, env=["PATH=/bin"]),
        build.image(
            BASE,
            build.layer({"arch": "arm64"}),
            arch="arm64",
            variant="v8",
            created=when,
            labels={"maintainer": "bob"},
        ),
    )


def _nginx() -> build.Thing:
    debian = build.layer(
        {"etc/passwd": "debian", "bin/bash": "b", "etc/nginx.conf": "y", "usr/bin/ls": "ls"}
    )
    return build.index(
        build.image(
            debian,
            _server(),
            created=build.CREATED,
            labels={"team": "web", "maintainer": "eve"},
            env=["PATH=/bin", "env=prod"],
            entrypoint=["/bin/sh"],
        ),
        build.image(
            debian, _server(), build.layer({"a": "b"}), arch="arm64", created=build.CREATED
        ),
    )


def _redis() -> build.Thing:
    layers = (BASE, *(build.layer({"r": content}) for content in "123"))
    return build.image(*layers, created=_ago(days=10), labels={"app": "web", "env": "prod"})


def _api() -> build.Thing:
    data = _noise("data", 2_500_000, 2)
    return build.image(BASE, data, created=_ago(hours=2), labels={"team": "red", "foo": "bar"})


def _server() -> build.Blob:
    return _noise("usr/sbin/nginx", 1_200_000, 3)


def _noise(path: str, size: int, seed: int) -> build.Blob:
    """Make a layer that no compression would make smaller."""
    return build.layer({path: random.Random(seed).randbytes(size)}, media_type=build.OCI_LAYER)


def _sbom(kind: str, **versions: str) -> build.Blob:
    packages = (attested.package(name, version, kind) for name, version in versions.items())
    return attested.blob(sboms.spdx(*packages), build.SPDX)


@cache
def _start() -> datetime:
    now = datetime.now(UTC)
    left = timedelta(days=1) - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    if left.total_seconds() <= _SECONDS_TO_MAKE:
        time.sleep(left.total_seconds())
        now = datetime.now(UTC)
    return now


def _ago(**ages: int) -> str:
    return (_start() - timedelta(**ages)).strftime("%Y-%m-%dT%H:%M:%SZ")
