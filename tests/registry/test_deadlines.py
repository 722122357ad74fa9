"""How a socket is read: all that is there at once, and nothing is waited for twice."""

import io
import ssl

import pytest

from cachedb.registry.http.deadlines import _DeadlineReader
from cachedb.registry.http.response import CHUNK_BYTES

_RECORD = 16 * 1024


class _Socket:
    """A socket that has some records, one a read as TLS gives them, and then something else."""

    def __init__(self, records, then):
        self._records = list(records)
        self._then = then

    def gettimeout(self):
        return 30

    def settimeout(self, seconds):
        self._may_wait = seconds > 0

    def makefile(self, _mode, **_options):
        return self

    def readinto(self, buffer):
        assert self._may_wait
        return self.recv_into(buffer)

    def recv_into(self, buffer):
        if self._records:
            record = self._records.pop(0)
            buffer[: len(record)] = record
            return len(record)
        if isinstance(self._then, OSError):
            raise self._then
        return 0


def _body_of(records, then):
    reader = _DeadlineReader(_Socket(records, then), minimum_speed=1, speed_seconds=60)
    reader.start_body()
    return reader


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(BlockingIOError(), id="more comes later"),
        pytest.param(ssl.SSLWantReadError(), id="more comes later by TLS"),
        pytest.param(None, id="the end"),
        pytest.param(ConnectionResetError(), id="a reset"),
    ],
)
def test_all_that_is_there_is_taken_at_once(then):
    records = [bytes([number]) * _RECORD for number in range(9)]
    buffer = bytearray(CHUNK_BYTES)
    assert _body_of(records, then).readinto(buffer) == 9 * _RECORD
    assert buffer[: 9 * _RECORD] == b"".join(records)


def test_no_more_is_taken_than_was_asked_for():
    reader = _body_of([b"a" * 10, b"b" * 10, b"c" * 10], None)
    buffer = bytearray(20)
    assert (reader.readinto(buffer), bytes(buffer)) == (20, b"a" * 10 + b"b" * 10)
    assert (reader.readinto(buffer), bytes(buffer[:10])) == (10, b"c" * 10)


def test_what_came_before_a_reset_is_kept_and_the_reset_is_told_next():
    reader = _body_of([b"a" * 10, b"b" * 10], ConnectionResetError("reset"))
    assert reader.readinto(bytearray(100)) == 20
    with pytest.raises(ConnectionResetError):
        reader.readinto(bytearray(100))


def test_headers_that_end_too_early_are_no_headers():
    reader = _DeadlineReader(_Socket([b"HTTP/1.1 200 OK\r\n"], None), 1, 60)
    lines = io.BufferedReader(reader)
    assert lines.readline() == b"HTTP/1.1 200 OK\r\n"
    with pytest.raises(ConnectionError):
        lines.readline()
