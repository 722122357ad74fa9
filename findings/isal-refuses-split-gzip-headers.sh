#!/bin/bash
# isal 1.9.1 (PyPI): a gzip header with two optional fields cannot be read in pieces.
#
# RFC 1952 section 2.3 lets a member have an extra field, a file name, a comment and a checksum of
# its header, in any combination. isal_zlib.decompressobj(wbits=31), which otherwise is used as
# zlib's, reads each of the sixteen combinations if the header arrives whole. If it arrives in
# pieces, as from a socket, it reads those with at most one field and no checksum, and raises
# IsalError for all others ("Invalid deflate block found", "Incorrect checksum found"): it forgets
# which field it was in. zlib reads all of them in pieces of any size. A reader that feeds isal from
# a stream has to fall back to zlib for a header with other flags than 0 and FNAME.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
(python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q --only-binary :all: isal==1.9.1) >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import gzip
import sys
import zlib

from isal import isal_zlib

CONTENT = b"content " * 50
CHECKSUM, FIELDS = 2, {4: b"\x04\x00abcd", 8: b"name\0", 16: b"comment\0"}


def member(flags):
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    header += b"".join(field for flag, field in FIELDS.items() if flags & flag)
    if flags & CHECKSUM:
        header += (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little")
    return header + gzip.compress(CONTENT)[10:]


def reads(library, flags, step):
    data = member(flags)
    inflating = library.decompressobj(31)
    try:
        found = b"".join(inflating.decompress(data[at : at + step]) for at in range(0, len(data), step))
    except library.error as error:
        print(f"{library.__name__}, flags {flags:05b}, pieces of {step}: {error}")
        return False
    return found == CONTENT and inflating.eof


ALL = range(0, 32, 2)
whole = {flags for flags in ALL if reads(isal_zlib, flags, 10_000)}
pieces = {flags for flags in ALL if reads(isal_zlib, flags, 7)}
of_zlib = {flags for flags in ALL if reads(zlib, flags, 7)}
print(f"isal, whole: {len(whole)} of 16; isal, in pieces: {sorted(pieces)}; zlib, in pieces: {len(of_zlib)} of 16")
sys.exit(0 if whole == of_zlib == set(ALL) and pieces == {0, 4, 8, 16} else 1)
PY
case $? in
  0) echo "observed: isal reads a gzip header with two optional fields only if it arrives whole"; exit 0 ;;
  *) echo "the behaviour changed"; exit 1 ;;
esac
