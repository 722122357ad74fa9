"""SBOMs are found where linuxkit finds them, byte for byte, in every recorded case."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cachedb.cache import Cache
from cachedb.errors import PlatformNotFound
from cachedb.oci import Platform
from cachedb.operations.import_ import ImportOptions
from cachedb.operations.progress import UNWATCHED
from tests import conformance_data
from tests.conformance.test_linuxkit_archives import REFUSED

# Where linuxkit finds no manifest and there is one: it does not look into indexes inside of
# indexes, nor into the config of a manifest whose platform no index states.
WE_FIND_MORE = {("ix-nested-mixed", "arm64"), ("ix-noplatform", "amd64")}


# What linuxkit was asked, and what it said: version, name, architecture, answer.
Asked = tuple[str, str, str, Any]


def recorded(case: str) -> list[Asked]:
    folder = conformance_data.root() / "linuxkit"
    return [
        (version, name, arch, answers["sboms"])
        for version in ("seed", "head")
        for name, found in json.loads((folder / version / f"{case}.json").read_text())
        .get("names", {})
        .items()
        for arch, answers in found.get("archs", {}).items()
        if "sboms" in answers
    ]


def cases() -> list[str]:
    if not conformance_data.is_here():
        return []
    folder = conformance_data.root() / "linuxkit" / "seed"
    return [path.stem for path in sorted(folder.glob("*.json")) if recorded(path.stem)]


def take_in(cache: Cache, case: str) -> None:
    path: Path = conformance_data.root() / "linuxkit" / "inputs" / f"{case}.tar"
    with path.open("rb") as stream:
        cache.import_archive(stream, path.name, ImportOptions(), UNWATCHED)


def answer(cache: Cache, name: str, platform: Platform) -> Any:
    """Ask for SBOMs, and write the answer as the record does."""
    try:
        found = list(cache.sboms(name, platform))
    except PlatformNotFound:
        return "no manifest found"
    assert all(sbom.platform and platform.is_same_as(sbom.platform) for sbom in found)
    return [
        {
            "sha256": hashlib.sha256(sbom.content).hexdigest(),
            "size": len(sbom.content),
            "text": sbom.content.decode(),
        }
        for sbom in found
    ]


@pytest.mark.parametrize("case", [case for case in cases() if case not in REFUSED])
def test_sboms_are_those_of_linuxkit(case: str, tmp_path: Path) -> None:
    with Cache.create(tmp_path / "cache") as cache:
        take_in(cache, case)
        for version, name, arch, said in recorded(case):
            found = answer(cache, name, Platform.parse(f"linux/{arch}"))
            if (case, arch) in WE_FIND_MORE:
                assert found == [], version
            elif "error" in said:
                assert str(found) in said["error"], version
            else:
                assert found == said["sboms"], version


@pytest.mark.parametrize("case", [case for case in cases() if case in REFUSED])
def test_what_is_not_taken_in_had_none(case: str) -> None:
    assert all(said == {"sboms": []} for _, _, _, said in recorded(case))


def test_one_recorded_case_has_an_sbom() -> None:
    some = {case for case in cases() for *_, said in recorded(case) if said.get("sboms")}
    assert some == {"ix-att-dangling"}
