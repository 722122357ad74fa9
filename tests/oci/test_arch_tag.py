"""Tags for single platforms: linuxkit's where they are safe, longer ones where they are not."""

import pytest

from cachedb.errors import InvalidReference
from cachedb.oci import Descriptor, Digest, MediaType, Platform, Reference
from cachedb.oci.names.arch_tag import arch_tags, suffix_of
from tests import build

TARGET = Reference.parse("example.com/app:1")


def descriptor(platform: Platform | None, content: str = "") -> Descriptor:
    digest = Digest.of(f"{platform}{content}".encode())
    kind = MediaType(build.OCI_MANIFEST)
    return Descriptor(media_type=kind, digest=digest, size=1, platform=platform)


@pytest.mark.parametrize(
    ("platform", "suffix"),
    [
        pytest.param(Platform(os="linux", architecture="amd64"), "amd64", id="amd64"),
        pytest.param(Platform(os="linux", architecture="x86_64"), "amd64", id="alias"),
        pytest.param(
            Platform(os="linux", architecture="amd64", variant="v3"), "amd64-v3", id="amd64/v3"
        ),
        pytest.param(
            Platform(os="linux", architecture="arm64", variant="v8"), "arm64", id="arm64/v8"
        ),
        pytest.param(Platform(os="linux", architecture="arm"), "arm-v7", id="arm"),
        pytest.param(
            Platform(os="linux", architecture="arm", variant="v6"), "arm-v6", id="arm/v6"
        ),
        pytest.param(Platform(os="freebsd", architecture="amd64"), "freebsd-amd64", id="freebsd"),
        pytest.param(
            Platform(os="windows", architecture="amd64", os_version="10.0.17763.1817"),
            "windows-amd64-10.0.17763",
            id="windows",
        ),
        pytest.param(Platform(os="linux", architecture="a/b c"), "a_b_c", id="no tag"),
    ],
)
def test_a_platform_has_one_suffix(platform: Platform, suffix: str) -> None:
    assert suffix_of(platform) == suffix


def test_what_is_no_image_gets_no_tag() -> None:
    unknown = Platform(os="unknown", architecture="unknown")
    nothing = Platform(os="", architecture="")
    found, nameless = arch_tags(TARGET, map(descriptor, (None, unknown, nothing)))
    assert (found, nameless) == ({}, ())


def test_of_two_images_for_one_platform_the_first_is_named() -> None:
    amd = Platform(os="linux", architecture="amd64")
    first, second = descriptor(amd), descriptor(amd, "second")
    found, nameless = arch_tags(TARGET, (first, second, first))
    assert found == {Reference.parse("example.com/app:1-amd64"): first}
    assert nameless == (second,)


def test_a_tag_that_would_be_too_long_is_refused() -> None:
    target = Reference.parse(f"example.com/app:{'x' * 125}")
    with pytest.raises(InvalidReference):
        arch_tags(target, [descriptor(Platform(os="linux", architecture="amd64"))])
