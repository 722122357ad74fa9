"""Platforms: parsing, printing, and what runs what, as containerd/platforms has it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.errors import InvalidPlatform
from cachedb.oci import Platform
from cachedb.oci.json_fields import Fields
from cachedb.oci.platform import match, variants
from cachedb.oci.platform.model import this_machine
from tests.oci.table import Table

TABLE = Table(
    "platform_containerd",
    {
        "wildcard_unsupported/*": "skipped upstream too: a selector with a star is no platform",
        "cpu_variant_from_uname/*": "Python's platform.machine() says what machine we run on",
        "cpu_variant_from_cpuinfo/*": "Python's platform.machine() says what machine we run on",
    },
)
MATCHERS = {
    "only": match.only,
    "only_strict": match.only_strict,
    "only_os": match.only_os,
    "ordered": lambda platform: match.Ordered(wanted=(platform,)),
    "any": lambda platform: match.AnyOf(wanted=(platform,)),
}


def here(text: str) -> str:
    machine = this_machine()
    variant = machine.variant if machine.variant != "v7" else ""
    for token, value in [("os", machine.os), ("arch", machine.architecture), ("variant", variant)]:
        text = text.replace("{" + token + "}", value)
    return text


def from_json(document: dict[str, Any]) -> Platform:
    return Platform.from_fields(
        Fields({key: here(v) if isinstance(v, str) else v for key, v in document.items()})
    )


@pytest.mark.parametrize("row", TABLE.rows("parse"))
def test_platforms_parse(row: Any) -> None:
    expect = row["expect"]
    if not expect["valid"]:
        with pytest.raises(InvalidPlatform):
            Platform.parse(row["input"])
        return
    platform = Platform.parse(row["input"])
    assert platform == from_json(expect["platform"])
    printed = platform.full if expect["format"] == "all" else str(platform)
    assert printed == here(expect["formatted"])
    for each in expect["matches"]:
        assert match.only_strict(platform).matches(from_json(each)), each


@pytest.mark.parametrize("row", TABLE.rows("format_all"))
def test_platforms_print_in_full(row: Any) -> None:
    platform = from_json(row["platform"])
    assert platform.full == row["expect"]["formatted"]
    if row["expect"]["round_trip"]:
        assert Platform.parse(platform.full) == platform


@pytest.mark.parametrize("row", TABLE.rows("match_only", "match_only_strict", "match_only_os"))
def test_a_matcher_takes_what_runs(row: Any) -> None:
    want, have = Platform.parse(row["want"]), Platform.parse(row["have"])
    assert MATCHERS[row["matcher"]](want).matches(have) is row["expect"]["match"]
    if row["matcher"] == "only":
        assert (want.rank(have) is not None) is row["expect"]["match"]
    if row["matcher"] == "only_strict":
        assert want.covers(have) is row["expect"]["match"]


@pytest.mark.parametrize("row", TABLE.rows("order"))
def test_the_best_platform_comes_first(row: Any) -> None:
    for name in row["matchers"]:
        matcher = MATCHERS[name](Platform.parse(row["want"]))
        found = sorted(map(Platform.parse, row["input"]), key=matcher.key)
        assert [each.full for each in found] == row["expect"]["order"], name


@pytest.mark.parametrize("row", TABLE.rows("windows_host_match"))
def test_a_windows_host_runs_its_own_build(row: Any) -> None:
    assert from_json(row["want"]).covers(from_json(row["have"])) is row["expect"]["match"]


@pytest.mark.parametrize("row", TABLE.rows("windows_build_compat"))
def test_newer_windows_hosts_run_older_builds(row: Any) -> None:
    runs = variants.windows_runs(f"10.0.{row['host_build']}", f"10.0.{row['image_build']}")
    assert runs is row["expect"]["runs"]


@pytest.mark.parametrize("row", TABLE.rows("windows_order"))
def test_the_newest_windows_comes_first(row: Any) -> None:
    matcher = match.only(from_json(row["want"]))
    found = sorted(map(from_json, row["input"]), key=matcher.key)
    assert found == [from_json(each) for each in row["expect"]["order"]]


@pytest.mark.parametrize("row", TABLE.rows("windows_pick"))
def test_windows_picks_its_own_release(row: Any) -> None:
    matcher = match.only(from_json(row["host"]))
    assert min(map(from_json, row["input"]), key=matcher.key) == from_json(row["expect"]["first"])


def test_every_row_of_the_table_is_applied_or_listed() -> None:
    TABLE.check()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("linux/*", id="star"),
        pytest.param("linux/amd64/v1/x", id="four-words"),
        pytest.param("nope", id="one-unknown-word"),
        pytest.param("amd64(1)", id="architecture-with-a-version"),
        pytest.param("windows(%zz)", id="bad-escape"),
        pytest.param("windows(%ff)", id="escape-of-no-utf-8"),
        pytest.param("linux\n", id="newline"),
        pytest.param("linux/amd64\n", id="newline-at-the-end"),
        pytest.param("linux/\uff11", id="full-width-digit"),
    ],
)
def test_nothing_else_is_a_platform(text: str) -> None:
    with pytest.raises(InvalidPlatform) as caught:
        Platform.parse(text)
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("armv7l", "linux/arm/v7"),
        ("armv6l", "linux/arm/v6"),
        ("aarch64", "linux/arm64"),
        ("x86_64", "linux/amd64"),
        ("i686", "linux/386"),
        ("loongarch64", "linux/loong64"),
    ],
)
def test_this_machine_has_the_name_that_go_gives_it(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert str(this_machine()) == name


def test_a_hostile_variant_makes_no_long_list() -> None:
    for architecture in ("amd64", "arm", "arm64"):
        platform = Platform(os="linux", architecture=architecture, variant="v999999999999")
        assert len(list(platform.runnable())) < 10


def test_a_platform_without_a_system_prints_as_unknown() -> None:
    assert str(Platform(os="", architecture="amd64")) == "unknown/amd64"
    assert Platform.parse("unknown/unknown").is_unknown


WORDS = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
OPTIONS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
GIVEN = st.builds(
    Platform,
    os=WORDS | st.just("windows"),
    architecture=WORDS | st.sampled_from(["arm", "arm64", "armhf", "amd64", "x86_64", "i386"]),
    variant=st.just("") | WORDS | st.sampled_from(["v1", "v7", "v8", "7"]),
    os_version=st.just("") | OPTIONS,
    os_features=st.lists(OPTIONS, max_size=2, unique=True).map(sorted).map(tuple),
)


@given(GIVEN)
def test_parsing_what_was_printed_gives_the_same(given: Platform) -> None:
    platform = Platform.parse(given.full)
    assert Platform.parse(platform.full) == platform
    assert platform.is_same_as(given)
    assert platform.os_version == given.os_version
    assert platform.os_features == given.os_features


@given(GIVEN)
def test_a_platform_runs_itself_best(platform: Platform) -> None:
    assert platform.normalized().normalized() == platform.normalized()
    assert platform.rank(platform) == 0
    assert platform.is_same_as(platform)


@given(GIVEN, GIVEN)
def test_being_the_same_has_no_direction(one: Platform, other: Platform) -> None:
    assert one.is_same_as(other) == other.is_same_as(one)
