"""What a store asks of an open file, on every system it runs on.

The law: data that was synced survives a power cut. Linux's `fdatasync` says so; macOS has none, and
its `fsync` stops at the drive's cache, so there it is `F_FULLFSYNC` (fcntl(2) of macOS). Where
neither is, `fsync` is what there is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

_DIRECTORY: Final[int] = os.O_RDONLY | sum(
    getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY")
)


def open_directory(path: str) -> int:
    """A descriptor of a directory that is no symbolic link. Raises `OSError`."""
    return os.open(path, _DIRECTORY)


def mount_of(descriptor: int) -> tuple[int, int]:
    """What tells where no file is renamed to from elsewhere, of an open directory: its mount
    (Linux), for a file system may be mounted twice, and its device, for one mount may have several
    (subvolumes of btrfs). Raises `OSError`.
    """
    device = os.fstat(descriptor).st_dev
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
            return int(file.read().partition(b"mnt_id:")[2].split(None, 1)[0]), device
    except (FileNotFoundError, IndexError, ValueError):
        return 0, device


@contextmanager
def opened_directory(path: str) -> Iterator[int | None]:
    """A directory to look from at what is in it: the way there is then walked once, not for each
    name (an eighth of a look at 1,000 files). None where it has gone.
    """
    try:
        descriptor = open_directory(path)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_at(descriptor: int, offset: int, data: bytes) -> None:
    """Put all of `data` at `offset`. Raises `OSError`; part of it may be there then."""
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        offset, view = offset + count, view[count:]


def find_odd(directory: str) -> str:
    """The path of what is neither a file nor a directory in or below one (a pipe, say, whose
    opening would wait for ever); `""` if there is none. Raises `OSError`.
    """
    ahead = [directory]
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
                elif not entry.is_file() and not entry.is_symlink():
                    return entry.path
    return ""


def why_no_server(platform: str) -> str:
    """Why no server can run on a system (as `sys.platform` names it), as one line; `""` if one
    can.
    """
    if platform == "win32":
        return (
            "servers need Linux or macOS: on Windows an answered upload could not be made "
            "safe; use WSL, or a container"
        )
    return ""


def choose_sync(system: object, control: object) -> Callable[[int], object]:
    """The strongest sync of a file's data that `system` (as `os`) and `control` (as `fcntl`, or
    None) offer.
    """
    fdatasync: Callable[[int], object] | None = getattr(system, "fdatasync", None)
    if fdatasync is not None:
        return fdatasync
    full: int | None = getattr(control, "F_FULLFSYNC", None)
    if full is None:
        return system.fsync  # type: ignore[attr-defined, no-any-return]

    def full_sync(descriptor: int) -> None:
        try:
            control.fcntl(descriptor, full)  # type: ignore[attr-defined]
        except OSError:  # a file system that does not know it
            system.fsync(descriptor)  # type: ignore[attr-defined]

    return full_sync


def _control() -> object:
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return None
    return fcntl


_sync: Final = choose_sync(os, _control())


def sync_data(descriptor: int) -> None:
    """Return when a file's data are safe. Raises `OSError`."""
    _sync(descriptor)


def sync_all_data(descriptors: Iterable[int]) -> None:
    """Return when the data of several files are safe. Raises `OSError`."""
    for descriptor in descriptors:
        sync_data(descriptor)


def sync_path(path: str) -> None:
    """Return when a file or a directory is safe, its metadata too. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(files: Iterable[Path]) -> None:
    """Return when files are safe, and the directories they may be new in. Raises `OSError`."""
    for file in files:
        for path in (file, file.parent):
            if path.exists():
                sync_path(str(path))


def sync_file_system(path: str) -> None:
    """Return when everything of the file system that a path is on is safe (Linux's `syncfs`); of
    all of them where that is not to be had. Raises `OSError`.
    """
    import ctypes  # noqa: PLC0415 - a run in virtual time has no disk

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await work that must not be left half done, or that a thread is in the middle of: a
    cancelled caller waits for its end before it goes.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def in_thread(threads: bool, work: Callable[[T], None], argument: T) -> None:
    """Do work that waits for the disk: in a thread, or in the loop where there are none."""
    if threads:
        await asyncio.get_running_loop().run_in_executor(None, work, argument)
    else:
        work(argument)


def read_whole(descriptor: int, offset: int, length: int | None) -> bytes:
    """Bytes from `offset` on, however often the system must be asked; None: to the end."""
    if length is None:
        length = max(0, os.fstat(descriptor).st_size - offset)
    first = os.pread(descriptor, length, offset)
    if len(first) == length or not first:
        return first
    pieces = [first]
    done = len(first)
    while done < length and (piece := os.pread(descriptor, length - done, offset + done)):
        pieces.append(piece)
        done += len(piece)
    return b"".join(pieces)


def write_whole(descriptor: int, data: bytes) -> None:
    """All of it, however often the system must be asked."""
    count = os.write(descriptor, data) if data else 0
    while count < len(data):
        count += os.write(descriptor, memoryview(data)[count:])


def replace_whole(file: Path, data: bytes, temporary: Path) -> None:
    """Put a file in the place of another when all of it is safe; one that cannot be written leaves
    nothing. Raises `OSError`.
    """
    try:
        with temporary.open("wb", buffering=0) as out:
            write_whole(out.fileno(), data)
            os.fsync(out.fileno())  # or a power cut could leave the name with nothing in it
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
