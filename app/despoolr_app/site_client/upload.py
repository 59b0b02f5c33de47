r"""A local directory's files, put on a site server's package source share: what a person copied to
the source path with Explorer.

The law: everything is looked at before anything is sent, and what a share of Windows could not hold
(a symbolic link, a name DOS takes for a device, two names that differ in case alone) is an
`UploadError` that names it. An update writes what is new first and only then takes away what is
gone, so that no job finds less than the old or the new package. Every number has its bound.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiofiles
import aiohttp
import msgspec
from aiofiles.threadpool.binary import AsyncBufferedReader

from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.client import ServerAddress, SiteClient, Streamed
from despoolr_app.site_client.errors import SiteError
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import BadName, parse_name
from despoolr_server.site.state.boxes import SOURCE_SHARE

FILES_MAX: Final = 10_000
DEPTH_MAX: Final = 30
"""Directories within each other; the Scheduler reads 32, the package's own among them."""
SIZE_MAX: Final = 60 * 1024 * 1024
"""Bytes of all files: the site packs them into one file, and a share takes 64 MiB."""
AT_ONCE_MAX: Final = 8
"""Files under way at a time."""
UPLOAD_TIMEOUT_S: Final = 60.0
PART_SIZE: Final = 256 * 1024
"""Bytes of a file in memory at a time."""

Progress = Callable[[int, int, str], None]
"""`progress(done, of, file)`."""


class UploadError(ValueError):
    """A directory that cannot be a package's source; the message names what is in the way. Who must
    act: its owner.
    """


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A directory as it will lie on the share: relative paths with `/`, each file's local path, all
    in order.
    """

    files: dict[str, Path]
    directories: tuple[str, ...]
    size: int


def read_source(directory: Path) -> SourceTree:
    """Look at a directory, without reading what is in its files. Raises `UploadError`."""
    if not directory.is_dir():
        what = "is a file: name the directory it is in" if directory.exists() else "is not there"
        raise UploadError(f"{directory} {what}")
    files: dict[str, Path] = {}
    directories: list[str] = []
    taken: dict[str, str] = {}
    size = 0
    pending = [("", directory)]
    while pending:
        below, place = pending.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise UploadError(f"cannot read {place}: {error.strerror}") from None
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            _check(path, entry, taken)
            if entry.is_dir(follow_symlinks=False):
                directories.append(path)
                pending.append((path, Path(entry.path)))
                continue
            files[path] = Path(entry.path)
            size += entry.stat(follow_symlinks=False).st_size
            if len(files) > FILES_MAX:
                raise UploadError(
                    f"{directory} has more than {FILES_MAX:,} files, which is the limit of "
                    "one package"
                )
            if size > SIZE_MAX:
                raise UploadError(
                    f"the files of {directory} are larger than {SIZE_MAX // 1024**2} MiB, the "
                    "limit of one package"
                )
    if not files:
        raise UploadError(f"{directory} has no files: a package has at least one")
    return SourceTree(dict(sorted(files.items())), tuple(sorted(directories)), size)


def _check(path: str, entry: os.DirEntry[str], taken: dict[str, str]) -> None:
    name = parse_name(path)
    if isinstance(name, BadName) or "\\" in path:
        reason = (
            name.reason if isinstance(name, BadName) else f"{entry.name!r} contains a backslash"
        )
        raise UploadError(f"{entry.path!r} cannot lie on a share: {reason}; rename it")
    if entry.is_symlink():
        raise UploadError(
            f"{entry.path} is a symbolic link, and a share has none: put what it points at in "
            "its place"
        )
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        raise UploadError(f"{entry.path} is neither a file nor a directory")
    if path.count("/") >= DEPTH_MAX:
        raise UploadError(
            f"{entry.path} lies more than {DEPTH_MAX} directories deep, which is the limit of "
            "one package"
        )
    other = taken.setdefault(fold(path), path)
    if other != path:
        raise UploadError(
            f"{path!r} and {other!r} differ in case alone, and a share takes them for one: "
            "rename one"
        )


class SourceShare:
    """The package source share of one site server."""

    def __init__(self, server: ServerAddress) -> None:
        self._server = server

    def make(self, name: str, source: SourceTree, progress: Progress) -> None:
        """Make a new directory of these files. What was begun is taken back if it fails. Raises
        `SiteError`, `UploadError`.
        """
        if self.tree(name) is not None:
            raise UploadError(
                f"there is a directory {name} on {SOURCE_SHARE} already: give the package "
                "another name, "
                f"or change its files with `despoolr package update`"
            )
        try:
            self._write(name, source, progress)
        except BaseException:
            self.remove(name)
            raise

    def replace(self, name: str, source: SourceTree, progress: Progress) -> int:
        """Bring a directory to exactly these files; how many others were taken away. Raises
        `SiteError`, `UploadError`.
        """
        there = self.tree(name) or ([], [])
        self._write(name, source, progress)
        wanted = {fold(path) for path in (*source.files, *source.directories)}
        gone = [path for path in there[0] if fold(path) not in wanted]
        for path in gone:
            self._ask("DELETE", f"{name}/{path}")
        for path in sorted(there[1], reverse=True):  # the deepest first
            if fold(path) not in wanted:
                self._ask("DELETE", f"{name}/{path}")
        return len(gone)

    def remove(self, name: str) -> None:
        """Take a directory away as far as that is possible."""
        try:
            files, directories = self.tree(name) or ([], [])
            for path in [*files, *sorted(directories, reverse=True)]:
                self._ask("DELETE", f"{name}/{path}")
            self._ask("DELETE", name)
        except SiteError:
            return

    def tree(self, name: str) -> tuple[list[str], list[str]] | None:
        """The files and the directories in a directory, or None where there is none. Raises
        `SiteError`.
        """
        top = self._entries("")
        if fold(name) not in {fold(entry["name"]) for entry in top if entry.get("directory")}:
            return None
        files: list[str] = []
        directories: list[str] = []
        pending = [""]
        while pending:
            below = pending.pop()
            for entry in self._entries(f"{name}/{below}" if below else name):
                path = f"{below}/{entry['name']}" if below else entry["name"]
                if entry.get("directory"):
                    directories.append(path)
                    pending.append(path)
                else:
                    files.append(path)
        return files, directories

    def _write(self, name: str, source: SourceTree, progress: Progress) -> None:
        for directory in ("", *source.directories):
            self._ask("MKCOL", f"{name}/{directory}" if directory else name, query="?parents=true")
        asyncio.run(self._put_all(name, source, progress))

    async def _put_all(self, name: str, source: SourceTree, progress: Progress) -> None:
        """Send the files, each in parts as it is read. A server makes a file durable before it
        answers; several at a time share that wait.
        """
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        async with aiohttp.ClientSession() as http:
            client = SiteClient(aiohttp_transport(http), self._server, timeout_s=UPLOAD_TIMEOUT_S)

            async def put(path: str, local: Path) -> None:
                async with limit, _opened(local) as file:
                    body = Streamed(os.fstat(file.fileno()).st_size, _parts(file, local))
                    await client.send("PUT", f"/{SOURCE_SHARE}/{quote(f'{name}/{path}')}", body)

            tasks = [asyncio.create_task(put(*entry)) for entry in source.files.items()]
            try:
                for number, (task, path) in enumerate(zip(tasks, source.files, strict=True), 1):
                    await task
                    progress(number, len(tasks), path)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _entries(self, path: str) -> list[dict[str, Any]]:
        found = msgspec.json.decode(self._ask("GET", f"{path}/" if path else ""))
        return list(found["entries"])

    def _ask(self, method: str, path: str, body: bytes | None = None, query: str = "") -> bytes:
        return call(
            self._server,
            method,
            f"/{SOURCE_SHARE}/{quote(path)}{query}",
            body,
            timeout_s=UPLOAD_TIMEOUT_S,
        )


@asynccontextmanager
async def _opened(local: Path) -> AsyncIterator[AsyncBufferedReader]:
    try:
        file = await aiofiles.open(local, "rb")
    except OSError as error:
        raise UploadError(f"cannot read {local}: {error.strerror}") from None
    try:
        yield file
    finally:
        await file.close()


async def _parts(file: AsyncBufferedReader, local: Path) -> AsyncIterator[bytes]:
    try:
        while part := await file.read(PART_SIZE):
            yield part
    except OSError as error:
        raise UploadError(f"cannot read {local}: {error.strerror}") from None
