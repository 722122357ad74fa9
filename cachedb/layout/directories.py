"""Directories and files opened by descriptor, without following symbolic links.

Other users and other tools can put any file into a cache. A path that is resolved by name can lead
outside of it through a link; opening relative to the parent's descriptor with O_NOFOLLOW cannot.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cachedb.errors import CacheError, NotALayout, StorageFailed
from cachedb.system_calls import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cachedb.oci.digest import Digest

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ_SAFELY = _FILE | _SAFELY
_ALGORITHMS = ("sha256", "sha384", "sha512")
_NOT_OURS = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.ENXIO})


def open_directory(parent: int, name: str) -> int:
    """Open a subdirectory; the caller closes the descriptor.

    Raises:
        NotALayout: `name` is a symbolic link, or no directory.
        FileNotFoundError: There is no `name`.
        StorageFailed: Permission is denied.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _NOT_OURS:
            raise NotALayout(name, _why_no_directory(parent, name)) from error
        raise StorageFailed.of(error, f"open {name}") from error


def _why_no_directory(parent: int, name: str) -> str:
    with suppress(OSError):
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            return "it is a symbolic link, which is not followed"
    return "it is not a directory"


def make_directory(parent: int, name: str, *, mode: int = 0o777) -> int:
    """Open a subdirectory; create it durably if it is not there.

    A new one belongs to the owner of `parent`; its entry is synced. The caller closes the
    descriptor. Another process may create it at the same time.

    Raises:
        NotALayout: A link or another kind of file has the name.
        StorageFailed: It cannot be created or opened.
    """
    try:
        return open_directory(parent, name)
    except FileNotFoundError:
        with storing(f"create the directory {name}"):
            try:
                os.mkdir(name, mode, dir_fd=parent)
            except FileExistsError:
                pass
            else:
                sync(parent)
                with closing(open_directory(parent, name)) as made:
                    inherit_owner(made, parent)
    return open_directory(parent, name)


def inherit_owner(descriptor: int, parent: int) -> None:
    """Change the owner of a file or directory that root has just created to that of `parent`.

    Root may work in the cache of another user, who has to be able to change the cache afterwards.
    Never call it for a file that existed: it could be a hard link to a file outside of the cache.
    """
    if os.geteuid() == 0:
        owner = os.fstat(parent)
        if owner.st_uid != 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def open_file(parent: int, name: str) -> int:
    """Open a regular file for reading; the caller closes the descriptor.

    Raises:
        NotALayout: `name` is a symbolic link, a directory, a FIFO or a device.
        FileNotFoundError: There is no `name`.
        StorageFailed: Permission is denied.
    """
    return open_regular(parent, name, _FILE)


def open_regular(parent: int, name: str, flags: int, mode: int = 0o600) -> int:
    """Open a regular file, or create it if `flags` hold O_CREAT (with the owner of `parent`).

    Raises:
        NotALayout: `name` is a symbolic link, a directory, a FIFO or a device.
        FileNotFoundError: There is no `name`.
        StorageFailed: The file system refused.
    """
    try:
        # Examined before the opening as well, which on some devices has an effect of its own.
        if not _is_regular(os.stat(name, dir_fd=parent, follow_symlinks=False)):
            raise NotALayout(name, "it is not a regular file")
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        descriptor = _create(parent, name, flags, mode)
        if descriptor is not None:
            return descriptor
    try:
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        descriptor = os.open(name, flags | _SAFELY, mode, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _NOT_OURS:
            raise NotALayout(name, "it is not a regular file") from error
        raise StorageFailed.of(error, f"open {name}") from error
    if not _is_regular(os.fstat(descriptor)):
        os.close(descriptor)
        raise NotALayout(name, "it is not a regular file")
    return descriptor


def _create(parent: int, name: str, flags: int, mode: int) -> int | None:
    """Create a file; None if another process has just done so and `flags` hold no O_EXCL."""
    try:
        descriptor = os.open(name, flags | os.O_EXCL | _SAFELY, mode, dir_fd=parent)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise StorageFailed(f"cannot create {name}: it exists") from None
        return None
    except OSError as error:
        raise StorageFailed.of(error, f"create {name}") from error
    inherit_owner(descriptor, parent)
    return descriptor


def is_named(parent: int, name: str, descriptor: int) -> bool:
    """Return whether `name` is still a name of the open file."""
    try:
        named = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def link_over(source: int, name: str, directory: int, target: str) -> None:
    """Hard-link a file of the directory `source` to `target`, which is replaced atomically.

    Raises:
        OSError: The file system has no hard links, or refused.
    """
    try:
        os.link(name, target, src_dir_fd=source, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        ours = os.stat(name, dir_fd=source, follow_symlinks=False)
        theirs = os.stat(target, dir_fd=directory, follow_symlinks=False)
        if os.path.samestat(ours, theirs):  # rename(2) does nothing between links of one file
            return
        second = f"{name}.swap"
        with suppress(FileNotFoundError):
            os.unlink(second, dir_fd=source)
        os.link(name, second, src_dir_fd=source, dst_dir_fd=source, follow_symlinks=False)
        os.rename(second, target, src_dir_fd=source, dst_dir_fd=directory)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close a descriptor at the end of the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened(root: int, path: str) -> Iterator[int]:
    """Open the directory `path` below `root` for the time of the block; "" is `root` itself.

    Raises:
        NotALayout: A component of the path is a symbolic link, or no directory.
        FileNotFoundError: A component does not exist.
        StorageFailed: Permission is denied.
    """
    here = os.dup(root)
    try:
        for name in path.split("/") if path else ():
            below = open_directory(here, name)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


@contextmanager
def storing(doing: str) -> Iterator[None]:
    """Convert an OSError (disk full, read-only, permission denied) into StorageFailed.

    `doing` completes the message "cannot ...".

    Raises:
        StorageFailed: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StorageFailed.of(error, doing) from error


@contextmanager
def skipping_unreadable() -> Iterator[None]:
    """End the block if a directory does not exist, is a link, or denies access to this user."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError, NotALayout):
            yield
    except StorageFailed as error:
        if not isinstance(error.__cause__, PermissionError):
            raise


def read_whole(descriptor: int, at_most: int) -> bytes:
    """Read a file whole, or its first `at_most` + 1 bytes if it is longer.

    A result of more than `at_most` bytes tells the caller that the file is longer.

    Raises:
        OSError: The file cannot be read.
    """
    parts: list[bytes] = []
    left = at_most + 1
    while left and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write every byte; continue after a short write. Nothing is synced.

    Raises:
        OSError: The bytes cannot be written; a part of them may be.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def intact_blobs(
    opened: Callable[[str], int], digests: Iterable[str], most: int
) -> Iterator[tuple[bytes, os.stat_result] | None]:
    """Yield content and stat of intact blobs of at most `most` bytes; None for others.

    `opened` returns the descriptor of the directory of an algorithm, which stays open, and raises
    what opening it raises. One loop for all, since a call for each costs as much as reading it.
    """
    import hashlib  # noqa: PLC0415  (loads OpenSSL: 3 ms, which a listing does not need)

    # Half the time of hashlib.new.
    hashers = {name: getattr(hashlib, name) for name in _ALGORITHMS}
    known, directory, hasher = "", -1, hashlib.sha256
    for digest in digests:
        algorithm, _, encoded = digest.partition(":")
        try:
            if algorithm != known:
                directory, hasher = opened(algorithm), hashers[algorithm]
                known = algorithm
            descriptor = os.open(encoded, _READ_SAFELY, dir_fd=directory)
        except (OSError, CacheError, KeyError):  # KeyError: an algorithm without files
            yield None
            continue
        try:
            found = os.fstat(descriptor)
            is_small = stat.S_ISREG(found.st_mode) and found.st_size <= most
            content = os.read(descriptor, found.st_size + 1) if is_small else None
        except OSError:
            content = None
        finally:
            os.close(descriptor)
        if content is None or hasher(content).hexdigest() != encoded:
            yield None
        else:
            yield content, found


def are_blobs_unchanged(
    opened: Callable[[str], int], stamps: Iterable[tuple[str, int, int | None]]
) -> bool:
    """Return whether blobs are regular files with the size in bytes and the time of each.

    Costs one `stat` a blob, and ends at the first that differs.
    """
    known, directory = "", -1
    for digest, size, touched_ns in stamps:
        algorithm, _, encoded = digest.partition(":")
        try:
            if algorithm != known:
                known, directory = algorithm, opened(algorithm)
            found = os.stat(encoded, dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotALayout):
            return False
        touched = max(found.st_mtime_ns, found.st_ctime_ns)
        if (found.st_size, touched) != (size, touched_ns) or not stat.S_ISREG(found.st_mode):
            return False
    return True


def move_blobs_out(
    opened: Callable[[str], int],
    digests: Iterable[Digest],
    target: int,
    name_of: Callable[[Digest], str],
) -> int:
    """Move regular files into the directory `target`, in their order; return their number.

    Costs a listing of each directory, with a `stat` a file only where listings have no types, and
    one system call a blob.

    Raises:
        StorageFailed: A file cannot be moved; those before it are.
    """
    moved = 0
    places: dict[str, tuple[int, set[str]]] = {}
    for digest in digests:
        algorithm, _, encoded = digest.partition(":")
        if algorithm not in places:
            places[algorithm] = _regular_files(opened, algorithm)
        directory, files = places[algorithm]
        if encoded not in files:
            continue
        try:
            os.rename(encoded, name_of(digest), src_dir_fd=directory, dst_dir_fd=target)
        except FileNotFoundError:  # another tool has removed it
            continue
        except OSError as error:
            doing = f"move blobs/{algorithm}/{encoded} to the quarantine"
            raise StorageFailed.of(error, doing) from error
        moved += 1
    return moved


def _is_regular(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode)


def _regular_files(opened: Callable[[str], int], algorithm: str) -> tuple[int, set[str]]:
    try:
        directory = opened(algorithm)
    except FileNotFoundError:
        return -1, set()
    with os.scandir(directory) as entries:
        return directory, {e.name for e in entries if e.is_file(follow_symlinks=False)}
