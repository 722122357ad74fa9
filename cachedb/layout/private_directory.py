"""cachedb's own directory in a layout, ``.cachedb``: trust, files, journal, leases, reserve."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cachedb.errors import CacheError, NotALayout, StorageFailed
from cachedb.layout import fingerprint
from cachedb.layout.directories import (
    closing,
    make_directory,
    open_directory,
    open_file,
    read_whole,
    storing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from cachedb.layout import journal
    from cachedb.limits import Limit

PRIVATE = ".cachedb"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_A_FOLDER_IS_THERE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST})
# Recording a use must not hold up a command whose result does not depend on it.
_JOURNAL_SECONDS = 0.5


class PrivateDirectory:
    """Read and write ``.cachedb`` of a layout, by the descriptor of the layout's directory.

    It is trusted when no other user can write it. It is created by the first write.
    """

    def __init__(self, root: Path, descriptor: int) -> None:
        self.root = root
        self._root = descriptor

    @property
    def private(self) -> Path:
        """Return the path of cachedb's own directory."""
        return self.root / PRIVATE

    def read_own(self, name: str, limit: Limit) -> bytes | None:
        """Read a file of ``.cachedb``; None if there is none, or ``.cachedb`` is not trusted.

        Raises:
            LimitExceeded: It is longer than `limit`, in bytes.
            StorageFailed: It cannot be read.
        """
        if not self.is_private_trusted:
            return None
        try:
            with (
                closing(open_directory(self._root, PRIVATE)) as private,
                closing(open_file(private, name)) as descriptor,
            ):
                content = read_whole(descriptor, limit.value)
        except FileNotFoundError:
            return None
        limit.check(len(content), f"{PRIVATE}/{name}")
        return content

    def is_own_trusted(self, name: str) -> bool:
        """Return whether a file of ``.cachedb`` is ours or root's, and no other user can write it.

        A file that does not exist is trusted.
        """
        if not self.is_private_trusted:
            return False
        try:
            with (
                closing(open_directory(self._root, PRIVATE)) as private,
                closing(open_file(private, name)) as descriptor,
            ):
                found = os.fstat(descriptor)
        except FileNotFoundError:
            return True
        except (NotALayout, StorageFailed):
            return False
        return found.st_uid in {os.geteuid(), 0} and not found.st_mode & _OTHERS_WRITE

    def is_own_seen(self, name: str) -> bool:
        """Return whether a file of ``.cachedb`` exists, and this user may open the directory."""
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                os.stat(name, dir_fd=private, follow_symlinks=False)
        except (FileNotFoundError, PermissionError, NotALayout, StorageFailed):
            return False
        return True

    def replace_own(self, name: str, content: bytes) -> None:
        """Write a file of ``.cachedb``, atomically and durably.

        Raises:
            StorageFailed: The file cannot be written; the old one stays.
            NotALayout: Other users can write the directory.
        """
        from cachedb.layout.atomic import replace_file

        with self._private() as private:
            replace_file(private, private, name, content)

    def append_journal(self, record: Mapping[str, Any]) -> bool:
        """Append a record without fsync; return whether to rewrite it: `journal.append`."""
        from cachedb.layout import journal

        with self._private() as private:
            return journal.append(private, record, timeout=_JOURNAL_SECONDS)

    def append_journal_durably(self, record: Mapping[str, Any]) -> None:
        """Append a record that survives a power loss: `journal.append_durably`."""
        from cachedb.layout import journal

        with self._private() as private:
            journal.append_durably(private, record)

    def may_have_records_behind(self, position: str) -> bool:
        """Return whether the journal is another file, or has grown, since `position` was its end.

        `position` is the text of a `journal.Position`, or ''. Costs four system calls, and does
        not parse the journal, so that a command on a cache that is up to date needs no JSON.
        """
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                return fingerprint.may_have_records_behind(private, position)
        except FileNotFoundError:
            return False

    def read_journal(self, position: journal.Position | None = None) -> journal.Tail | None:
        """Read the journal behind a position: `journal.read`; None if there is none to trust."""
        from cachedb.layout import journal

        if not self.is_private_trusted:
            return None
        try:
            private = open_directory(self._root, PRIVATE)
        except FileNotFoundError:
            return None
        with closing(private):
            return journal.read(private, position)

    def rewrite_journal(
        self, rewritten: Callable[[journal.Tail], Iterable[Mapping[str, Any]]]
    ) -> journal.Position | None:
        """Replace the journal by the records that `rewritten` derives from all of its records.

        Atomic and durable; records that other processes append meanwhile wait for it. Returns the
        position behind them, or None if there is no journal.
        """
        from cachedb.layout import journal, locks

        with self._private() as private, locks.journal(private):
            whole = journal.read(private, None)
            return None if whole is None else journal.rewrite(private, rewritten(whole))

    def set_aside(self, name: str) -> None:
        """Rename a file of ``.cachedb`` to ``NAME.bak``, which replaces an older one.

        Raises:
            StorageFailed: It cannot be renamed.
        """
        with self._private() as private, storing(f"rename {name}"):
            try:
                os.rename(name, f"{name}.bak", src_dir_fd=private, dst_dir_fd=private)
            except OSError as error:
                if error.errno not in _A_FOLDER_IS_THERE:
                    raise
                aside = f"{name}.bak.{os.urandom(4).hex()}"
                os.rename(name, aside, src_dir_fd=private, dst_dir_fd=private)

    @property
    def is_writable(self) -> bool:
        """Return whether this process may change the layout and trusts its ``.cachedb``."""
        return self._refusal() is None

    @property
    def is_private_trusted(self) -> bool:
        """Return whether ``.cachedb`` is a directory that other users cannot write."""
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                return not os.fstat(private).st_mode & _OTHERS_WRITE
        except FileNotFoundError:
            return True
        except (NotALayout, StorageFailed):
            return False

    @contextmanager
    def leasing(self) -> Iterator[str]:
        """Hold a lease, which shows that this operation is running; yields its id."""
        from cachedb.layout import leases

        with self._private() as private, leases.holding(private) as key:
            yield key

    def active_leases(self) -> set[str]:
        """Return the ids of the leases that running processes hold."""
        from cachedb.layout import leases

        with self._private() as private:
            return leases.active(private)

    def remove_stale_leases(self) -> None:
        """Remove the files of leases whose process has ended."""
        from cachedb.layout import leases

        with self._private() as private:
            leases.remove_stale(private)

    def allocate_reserve(self) -> None:
        """Allocate the reserved space for a collection on a full disk, if there is room."""
        from cachedb.layout import ballast

        with self._private() as private:
            ballast.allocate(private)

    def release_reserve(self) -> bool:
        """Free the reserved space; return False if there was none."""
        from cachedb.layout import ballast

        with self._private() as private:
            return ballast.release(private)

    @contextmanager
    def _private(self) -> Iterator[int]:
        self._check_writable()
        with closing(make_directory(self._root, PRIVATE, mode=0o700)) as descriptor:
            yield descriptor

    def _check_writable(self) -> None:
        # Creating the first temporary file would fail too, with a message that names that file.
        refusal = self._refusal()
        if refusal is not None:
            raise refusal

    def _refusal(self) -> CacheError | None:
        """Return why this process must not change the layout; None if it may."""
        if not os.access(".", os.W_OK, dir_fd=self._root, effective_ids=True):
            return StorageFailed(f"the cache {str(self.root)!r} is read-only")
        try:
            with closing(open_directory(self._root, PRIVATE)) as private:
                if os.fstat(private).st_mode & _OTHERS_WRITE:
                    return NotALayout(
                        str(self.private),
                        "it is writable by other users",
                        hint=f"chmod go-w {_shell_word(self.private)}",
                    )
                if not os.access(".", os.W_OK, dir_fd=private, effective_ids=True):
                    return self._not_ours()
        except FileNotFoundError:
            return None
        except NotALayout as refusal:
            return refusal
        except StorageFailed:
            return self._not_ours()
        return None

    def _not_ours(self) -> StorageFailed:
        return StorageFailed(
            f"cannot write {str(self.private)!r}: permission denied",
            hint=f"chown -R {os.geteuid()} {_shell_word(self.private)} (as root)",
        )

    def _has(self, name: str) -> bool:
        return self._stat(name) is not None

    def _stat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return None


def _shell_word(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
