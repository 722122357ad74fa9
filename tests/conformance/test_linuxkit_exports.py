"""What linuxkit made of the recorded archives, made again through a real cache.

README §"Require equality": config, sboms, find_descriptor, the entries and the manifest.json of
export_docker, the blobs of export_oci, and for file systems what the image-spec asks for.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cachedb.errors import AmbiguousName, CacheError, InvalidManifest, PlatformNotFound
from cachedb.feedback.progress import UNWATCHED
from cachedb.linuxkit import Provider
from cachedb.oci import Platform
from cachedb.oci.names.containerd_name import ContainerdName
from cachedb.operations.archives.import_ import ImportOptions
from tests import recorded
from tests.archive import build
from tests.archive.test_flatten import record, tree
from tests.conformance.test_linuxkit_archives import REFUSED

pytestmark = pytest.mark.recorded

VERSIONS = ("seed", "head")

# What linuxkit refuses or gets wrong, and we answer: the reasons are in design/linuxkit.md.
WE_ANSWER = {
    "ix-nested": "children of nested indexes cannot be reached in linuxkit (§4 F5)",
    "ix-nested-mixed": "the same",
    "ix-noplatform": "no platform in the index: the config says it (linuxkit panics, §2)",
    "ix-refname-only": "the same; and a bare tag is expanded to a name on docker.io by export",
    "tar-docker-save": "docker's archives are read here",
    "tar-gzipped": "compressed archives are read here",
}
# What linuxkit exports although it is wrong.
WE_REFUSE = {
    ("im-docker", "arm64"): "the image is for amd64 (§4 F2)",
    (
        "ix-missing-layer",
        "amd64",
    ): "a layer is missing: linuxkit ends with 0 and a cut tar (§4 G2)",
}


def recording(case: str, version: str) -> dict[str, Any]:
    path = recorded.root() / "linuxkit" / version / f"{case}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


# One name of two images: linuxkit imports the last and finds the first of the two; cachedb imports
# both, and an answer about the name is refused with the choices.
TWO_OF_ONE_NAME = "ix-dup-names"


def recorded_answers(version: str) -> Iterator[tuple[str, str, Any]]:
    """Yield case, name and what linuxkit answered about it."""
    for path in sorted((recorded.root() / "linuxkit" / version).glob("*.json")):
        if path.stem != TWO_OF_ONE_NAME:
            for name, answers in json.loads(path.read_text())["names"].items():
                yield path.stem, name, answers


@recorded.parameters(4)
def questions(*, only_images: bool = True) -> list[Any]:
    """Return every name that was asked about, in every case, by each version of linuxkit."""
    found = []
    for version in VERSIONS:
        for case, name, answers in recorded_answers(version):
            archs = answers["archs"] if only_images else {"": {}}
            for arch, answer in archs.items():
                told = answer if only_images else answers
                mark = f"{version}-{case}-{name.rpartition('/')[2]}-{arch}".rstrip("-")
                found.append(pytest.param(case, name, arch, told, id=mark))
    return found


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Provider]]:
    """One cache a case, with what its archive holds; none of those that are refused."""
    opened: dict[str, Provider] = {}
    for path in sorted((recorded.root() / "linuxkit" / "inputs").glob("*.tar")):
        provider = Provider(tmp_path_factory.mktemp(path.stem) / "cache")
        with path.open("rb") as stream:
            try:
                provider.cache.import_archive(stream, path.name, ImportOptions(), UNWATCHED)
            except CacheError:
                assert path.stem in REFUSED
        opened[path.stem] = provider
    yield opened
    for provider in opened.values():
        provider.close()


@pytest.mark.parametrize(("case", "name", "_arch", "answers"), questions(only_images=False))
def test_find_descriptor_answers_as_linuxkit_does(
    case: str, name: str, _arch: str, answers: Any, providers: dict[str, Provider]
) -> None:
    provider = providers[case]
    found = provider.find_descriptor(ContainerdName.parse(name))
    expected = answers["find_descriptor"].get("descriptor")
    if case in REFUSED:
        assert found is None
    elif expected is None and case in WE_ANSWER:
        assert found is not None
    else:
        assert (None if found is None else found.to_json()) == expected


@pytest.mark.parametrize(("case", "name", "_arch", "answers"), questions(only_images=False))
def test_find_root_tells_an_image_from_an_index(
    case: str, name: str, _arch: str, answers: Any, providers: dict[str, Provider]
) -> None:
    expected = answers["find_root"]
    if case in REFUSED or (case in WE_ANSWER and "kind" not in expected):
        return
    found = providers[case].find_root(name)
    kind = "index" if expected["kind"] == "index" else "image"
    assert (found.image_index() if kind == "index" else found.image()) is not None
    assert str(found.digest()) == expected["digest"]


@pytest.mark.parametrize(("case", "name", "arch", "answer"), questions())
def test_the_config_is_the_one_that_linuxkit_reads(
    case: str, name: str, arch: str, answer: Any, providers: dict[str, Provider]
) -> None:
    source = providers[case].new_source(name, Platform(os="linux", architecture=arch))
    if case in REFUSED:
        with pytest.raises(CacheError):
            source.config()
        return
    expected = answer["config"].get("config")
    if expected is None and case in WE_ANSWER:
        source.config()
        return
    if expected is None or (case, arch) == ("im-docker", "arm64"):
        with pytest.raises(PlatformNotFound):
            source.config()
        return
    # Older versions do not know ArgsEscaped; both lose what the image-spec does not name.
    lost = {"ArgsEscaped"} - expected.keys() | set(source.config()) - LINUXKIT_FIELDS
    found = {key: value for key, value in source.config().items() if value and key not in lost}
    assert found == expected


LINUXKIT_FIELDS = {
    "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels",
    "StopSignal", "ArgsEscaped",
}  # fmt: skip


def test_nothing_of_a_config_is_lost(providers: dict[str, Provider]) -> None:
    name = "example.com/golden/im-config-full:v1"
    config = providers["im-config-full"].new_source(name).config()
    assert config["Healthcheck"]["Retries"] == 4
    assert config["Shell"] == ["/bin/sh", "-c"]
    assert config["X-Unknown"] == 1


@pytest.mark.parametrize(("case", "name", "arch", "answer"), questions())
def test_the_sboms_are_those_that_linuxkit_finds(
    case: str, name: str, arch: str, answer: Any, providers: dict[str, Provider]
) -> None:
    source = providers[case].new_source(name, Platform(os="linux", architecture=arch))
    if case in REFUSED:
        with pytest.raises(CacheError):
            source.sboms()
        return
    expected = answer["sboms"].get("sboms", [] if case in WE_ANSWER else None)
    if expected is None:
        with pytest.raises(PlatformNotFound):
            source.sboms()
        return
    assert [each.decode() for each in source.sboms()] == [each["text"] for each in expected]


def test_one_recorded_case_has_an_sbom() -> None:
    some = {
        parameter.values[0]
        for parameter in questions()
        if parameter.values[3]["sboms"].get("sboms")
    }
    assert some == {"ix-att-dangling"}


# What linuxkit's ValidateImage says of an image is not what it is worth; what we say and why.
WE_VALIDATE = {
    "fs-dup-in-layer": "the same path twice is allowed in a tar (§4 F3)",
    "fs-mislabelled": "layers need not be compressed with gzip (§4 F3)",
    "fs-mixed-compression": "the same",
    "fs-uncompressed": "the same",
    "ix-unknown-child": "a child of an unknown type is none of the platforms asked for",
} | WE_ANSWER
WE_FIND_INVALID = {
    ("im-docker", "arm64"): "the image is for amd64 (§4 F2)",
    ("ix-missing-layer", "amd64"): "the layers of an index are never looked at in linuxkit (§2)",
}


@pytest.mark.parametrize(("case", "name", "arch", "answer"), questions())
def test_an_image_is_valid_as_linuxkit_has_it(
    case: str, name: str, arch: str, answer: Any, providers: dict[str, Provider]
) -> None:
    is_valid = answer["validate"].get("ok", False)
    if case in WE_VALIDATE:
        is_valid = True
    if case in REFUSED or (case, arch) in WE_FIND_INVALID:
        is_valid = False
    platform = Platform(os="linux", architecture=arch)
    if not is_valid:
        with pytest.raises(CacheError):
            providers[case].validate_image(name, [platform])
        return
    found = providers[case].validate_image(name, [platform]).descriptor()
    assert found is not None
    assert found.digest == providers[case].find_root(name).digest()


def test_a_layer_that_is_not_the_one_of_the_config_is_found_as_linuxkit_finds_it(
    providers: dict[str, Provider],
) -> None:
    name = "example.com/golden/bad-diffid:v1"
    told = recording("bad-diffid", "seed")["names"][name]["archs"]["amd64"]["validate"]["error"]
    with pytest.raises(InvalidManifest, match=told.rpartition(" ")[2]):
        providers["bad-diffid"].validate_image(name)


@pytest.mark.parametrize(("case", "name", "arch", "answer"), questions())
def test_an_image_is_in_the_cache_as_linuxkit_has_it(
    case: str, name: str, arch: str, answer: Any, providers: dict[str, Provider]
) -> None:
    is_there = answer["in-cache"].get("result", False)
    if case in WE_ANSWER:
        is_there = True
    if case in REFUSED or (case, arch) == ("im-docker", "arm64"):
        is_there = False
    platform = Platform(os="linux", architecture=arch)
    assert providers[case].image_in_cache(name, platform) == is_there


@recorded.parameters(4)
def exports(kind: str, *versions: str) -> list[Any]:
    """Return the recorded exports that linuxkit ended with 0, and what they hold."""
    return [each for version in versions for each in exports_of(kind, version)]


def exports_of(kind: str, version: str) -> Iterator[Any]:
    for case, name, answers in recorded_answers(version):
        for arch, answer in answers["archs"].items():
            export = answer.get(kind)
            if export is not None and export["rc"] == 0:
                mark = f"{version}-{case}-{name.rpartition('/')[2]}-{arch}"
                yield pytest.param(case, name, arch, export["tar"]["entries"], id=mark)


def test_two_images_of_one_name_are_both_there_and_the_choice_is_refused(
    providers: dict[str, Provider],
) -> None:
    provider = providers[TWO_OF_ONE_NAME]
    first, second = provider.cache.list()
    assert first.name == second.name
    assert first.digest != second.digest
    assert first.name is not None
    with pytest.raises(AmbiguousName) as caught:
        provider.cache.find_root(first.name)
    assert set(caught.value.candidates) == {
        f"{first.name}@{each.digest}" for each in (first, second)
    }
    for candidate in caught.value.candidates:
        found = provider.cache.find_root(candidate)
        assert candidate == f"{first.name}@{found.digest}"


@pytest.mark.parametrize(
    ("case", "name", "arch", "listed"),
    exports("export_docker", *VERSIONS),
)
def test_an_export_for_docker_is_the_one_that_linuxkit_writes(
    case: str, name: str, arch: str, listed: list[Any], providers: dict[str, Provider]
) -> None:
    source = providers[case].new_source(name, Platform(os="linux", architecture=arch))
    if case in REFUSED or (case, arch) in WE_REFUSE:
        with pytest.raises(CacheError):
            source.v1_tar_reader()
        return
    with source.v1_tar_reader() as reader:
        written = reader.read()
    expected = [{k: v for k, v in e.items() if k not in {"json", "text"}} for e in listed]
    assert build.entries(written) == expected
    assert list(build.members(written))[-1][1].decode() == listed[-1]["text"]


@pytest.mark.parametrize(("case", "name", "arch", "listed"), exports("export_oci", "head"))
def test_an_oci_export_of_one_platform_has_the_blobs_that_linuxkit_writes(
    case: str, name: str, arch: str, listed: list[Any], providers: dict[str, Provider]
) -> None:
    source = providers[case].new_source(name, Platform(os="linux", architecture=arch))
    if case in REFUSED or (case, arch) in WE_REFUSE:
        with pytest.raises(CacheError):
            source.oci_tar_reader()
        return
    with source.oci_tar_reader() as reader:
        written = reader.read()
    names = [each["name"] for each in listed]
    assert [each["name"] for each in build.entries(written)] == list(dict.fromkeys(names))
    with tarfile.open(fileobj=io.BytesIO(written)) as archive:
        member = archive.extractfile("index.json")
        assert member is not None
        (entry,) = json.load(member)["manifests"]
    (theirs,) = listed[-1]["json"]["manifests"]
    assert (entry["digest"], entry["size"]) == (theirs["digest"], theirs["size"])
    # linuxkit calls a manifest an index, which is why others refuse its archives (§4 G3).
    assert theirs["mediaType"].endswith("image.index.v1+json")
    assert "manifest" in entry["mediaType"]


@recorded.parameters()
def flat_cases() -> list[Any]:
    folder = recorded.root() / "linuxkit" / "flat"
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.json"))]


@pytest.mark.parametrize("path", flat_cases())
def test_a_file_system_is_what_the_spec_asks_for(
    path: Path, providers: dict[str, Provider]
) -> None:
    source = providers[path.stem].new_source(f"example.com/golden/{path.stem}:v1")
    with source.tar_reader() as reader:
        found = tree(reader.read())
    found.pop(".", None)
    expected = json.loads(path.read_text())
    assert {name: record(node) for name, node in found.items()} == expected["entries"]


def test_every_difference_is_one_of_those_that_are_explained() -> None:
    cases = {path.stem for path in (recorded.root() / "linuxkit" / "seed").iterdir()}
    assert set(WE_ANSWER) | {case for case, _ in WE_REFUSE} | set(REFUSED) <= cases
