"""The tar writer: the same bytes for the same members, and every reader reads them."""

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachedb.archive.tar import reader, writer
from cachedb.archive.tar.reader import Member, MemberKind
from cachedb.errors import InvalidArchive
from tests.archive import build
from tests.programs import require


def write(*members: tuple[Member, bytes]) -> bytes:
    entries = [writer.entry(member, [c[:3], c[3:]]) for member, c in members]
    return b"".join(chunk for entry in entries for chunk in entry) + writer.END


def regular(path: str, content: bytes = b"", **fields: object) -> tuple[Member, bytes]:
    member = Member(path=path, kind=MemberKind.FILE, size=len(content))
    return member._replace(**fields), content


TEXT = st.text(
    st.characters(exclude_characters="\0")
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    min_size=1,
    max_size=130,
).map(
    lambda text: text.encode(
        "utf-8", "replace" if _has_other_surrogates(text) else "surrogateescape"
    ).decode("utf-8", "surrogateescape")
)


def _has_other_surrogates(text: str) -> bool:
    return any(0xD800 <= ord(each) < 0xDC80 or 0xDD00 <= ord(each) < 0xE000 for each in text)


PATH = TEXT.filter(lambda text: not text.endswith("/"))
MEMBER = st.builds(
    Member,
    path=PATH,
    kind=st.sampled_from(
        [MemberKind.SYMLINK, MemberKind.HARD_LINK, MemberKind.FIFO, MemberKind.FILE]
    ),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**40),
    gid=st.integers(0, 2**40),
    user=TEXT,
    group=TEXT,
    modified_ns=st.integers(-(2**70), 2**70) | st.integers(0, 2**31).map(lambda s: s * 10**9),
    target=TEXT,
    xattrs=st.dictionaries(st.sampled_from(["user.a", "security.b"]), st.binary(max_size=20)),
)


@given(st.lists(st.tuples(MEMBER, st.binary(max_size=1100)), max_size=4))
def test_what_was_written_reads_the_same(given: list[tuple[Member, bytes]]) -> None:
    expected = [
        (member._replace(size=len(content)), content)
        if member.kind is MemberKind.FILE
        else (member, b"")
        for member, content in given
    ]
    archive = write(*expected)
    found = [
        (each.member, each.body.read()) for each in reader.read(io.BytesIO(archive), name="x")
    ]
    assert found == expected
    assert write(*expected) == archive


@given(st.lists(st.tuples(MEMBER, st.binary(max_size=600)), max_size=3))
def test_the_standard_library_reads_it(given: list[tuple[Member, bytes]]) -> None:
    members = [
        (member._replace(size=len(content)), content)
        if member.kind is MemberKind.FILE
        else (member, b"")
        for member, content in given
    ]
    found = list(build.members(write(*members)))
    assert [info.name for info, _ in found] == [member.path for member, _ in members]
    assert [content for _, content in found] == [content for _, content in members]
    assert [info.linkname for info, _ in found] == [member.target for member, _ in members]
    assert [info.uid for info, _ in found] == [member.uid for member, _ in members]


def test_devices_and_directories_are_written() -> None:
    archive = write(
        (Member(path="d", kind=MemberKind.DIRECTORY, mode=0o1777, size=99), b""),
        (Member(path="c", kind=MemberKind.CHARACTER, device=(1, 3)), b""),
        (Member(path="b", kind=MemberKind.BLOCK, device=(259, 2**20)), b""),
    )
    (directory, _), (character, _), (block, _) = build.members(archive)
    assert (directory.isdir(), directory.mode, directory.size) == (True, 0o1777, 0)
    assert (character.devmajor, character.devminor) == (1, 3)
    assert (block.devmajor, block.devminor) == (259, 2**20)


def test_a_device_that_no_header_holds_is_refused() -> None:
    with pytest.raises(InvalidArchive):
        write((Member(path="b", kind=MemberKind.BLOCK, device=(1, 2**21)), b""))


@pytest.mark.parametrize("content", [b"ab", b"abcd", b""])
def test_content_has_to_have_its_size(content: bytes) -> None:
    member = Member(path="f", kind=MemberKind.FILE, size=3)
    with pytest.raises(InvalidArchive, match="not of 3 bytes"):
        write((member, content))


@pytest.mark.parametrize("tool", ["tar", "bsdtar"])
def test_tools_extract_it(tool: str, tmp_path: Path) -> None:
    require(tool)
    long = "d" * 150
    archive = write(
        (Member(path=long, kind=MemberKind.DIRECTORY, mode=0o755), b""),
        regular(f"{long}/" + "é" * 80, b"content", mode=0o640, modified_ns=1_234_567_890 * 10**9),
        (Member(path="s", kind=MemberKind.SYMLINK, target=long + "/x" * 30), b""),
        regular("\udcff\udcfe", b"raw name"),
        regular("\udcff" * 120, b"long raw name"),
        (Member(path="h", kind=MemberKind.HARD_LINK, target=f"{long}/" + "é" * 80), b""),
    )
    subprocess.run([tool, "-C", tmp_path, "-xf", "-"], input=archive, check=True)
    extracted = tmp_path / long / ("é" * 80)
    assert extracted.read_bytes() == b"content"
    assert extracted.stat().st_mode & 0o777 == 0o640
    assert extracted.stat().st_mtime == 1_234_567_890
    assert (tmp_path / "h").samefile(extracted)
    assert (tmp_path / "s").readlink() == Path(long + "/x" * 30)
    assert (tmp_path / "\udcff\udcfe").read_bytes() == b"raw name"
    assert (tmp_path / ("\udcff" * 120)).read_bytes() == b"long raw name"
