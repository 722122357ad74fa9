"""The version constant, which is cheaper to read than the metadata of the distribution."""

from importlib.metadata import version

from cachedb.version import VERSION


def test_the_version_is_that_of_the_distribution() -> None:
    assert version("cachedb") == VERSION
