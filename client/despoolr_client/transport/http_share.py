"""One share of a server on another machine, and the files that are open there.

A path operation is one round trip; several files at one time are one for each chain of them
(`despoolr_core.share.chain`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from despoolr_client.transport.calls import encode, known_error, query
from despoolr_client.transport.replies import Reply
from despoolr_client.transport.server_session import ServerSession
from despoolr_core.rules.memory import remembered
from despoolr_core.share.chain import (
    BYTES_MAX,
    CALLS_MAX,
    ChainDelete,
    ChainGet,
    ChainOpen,
    ChainPut,
    ChainResult,
)
from despoolr_core.share.contract import OpenFile, Share, ShareError, Watch
from despoolr_core.share.modes import (
    WIN32_CODE,
    Access,
    CreateOption,
    Disposition,
    NtStatus,
    ShareMode,
    render_access,
    render_options,
    render_share_mode,
)
from despoolr_core.share.wire import (
    Entry,
    Listing,
    OpenChange,
    OpenRequest,
    Problem,
    lock_request,
)

RIDING_MAX: Final = CALLS_MAX // 2
"""Handles that one chain gives back beside what it is for; who has more open gives back the others
before.
"""


@remembered(256, 256, len)
def _root_of(share: str) -> str:
    """The path of a share; they are few, and made anew for whatever a client does there."""
    return f"/{quote(share, safe='')}/"


class HttpShare(Share):
    """A share of one server, as the machine and user of a session see it."""

    __slots__ = ("_caller", "_name", "_root", "_session")

    def __init__(self, session: ServerSession, name: str) -> None:
        self._session = session
        self._caller = session.caller
        self._name = name
        self._root = _root_of(name)

    async def open(
        self,
        path: str,
        access: Access = Access.READ,
        share_mode: ShareMode = ShareMode.READ,
        disposition: Disposition = Disposition.OPEN,
        options: CreateOption = CreateOption.NONE,
        *,
        program: str = "",
        purpose: str = "",
    ) -> OpenFile:
        """Open a file and keep it open, logging on first if need be."""
        self._target(path)  # refuses what no JSON text can carry
        request = OpenRequest(
            session="",
            share=self._name,
            path=path,
            access=render_access(access),
            share_mode=render_share_mode(share_mode),
            disposition=disposition.value,
            options=render_options(options),
            program=program,
            purpose=purpose,
        )
        reply = await self._session.open(request)
        return HttpOpen(self._session, reply.open, reply.size)

    async def open_all(
        self,
        paths: Sequence[str],
        access: Access,
        share_mode: ShareMode,
        *,
        program: str = "",
        read: bool = False,
    ) -> tuple[list[OpenFile], ShareError | None]:
        """Open files one after the other (and read each), in few round trips."""
        opened: list[OpenFile] = []
        words = {
            "access": render_access(access),
            "share_mode": render_share_mode(share_mode),
            "program": program,
        }
        session, done = self._session, 0
        try:
            while done < len(paths):
                some = [
                    OpenRequest("", self._name, self._named(path), **words)
                    for path in paths[done : done + CALLS_MAX]
                ]
                results = await session.open_all([ChainOpen(request, read) for request in some])
                for result in results:
                    if result.open is not None:
                        opened.append(HttpOpen(session, result.open.open, result.open.size))
                        if read and result.data is None and result.problem is None:
                            await opened[-1].read()
                    if result.problem is not None:
                        return opened, known_error(result.problem)
                done += len(results)
        except ShareError as error:
            return opened, error
        except BaseException:
            for one in opened:
                await one.close()
            raise
        return opened, None

    async def read_all(self, paths: Sequence[str]) -> list[bytes | ShareError]:
        """Whole files, in few round trips."""
        found: list[bytes | ShareError] = []
        while len(found) < len(paths):
            some = [
                ChainGet(self._name, self._named(path))
                for path in paths[len(found) : len(found) + CALLS_MAX]
            ]
            for result in await self._caller.chain(some):
                found.append(
                    known_error(result.problem)
                    if result.problem is not None
                    else result.data or b""
                )
        return found

    async def create_all(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        closing: Sequence[OpenFile] = (),
        logoff: bool = False,
    ) -> list[ShareError | None]:
        """Files one after the other, up to the first refusal; what ends with them goes in the same
        round trips.
        """
        riding = await self._give_back_others(closing, logoff=logoff)
        made: list[ShareError | None] = []
        while len(made) < len(files):
            some = self._puts(
                files[len(made) : len(made) + CALLS_MAX - len(riding) - 1], create=True
            )
            if some:
                is_last = len(made) + len(some) == len(files)
                results = await self._session.close_and_call(
                    riding, some, logoff=logoff and is_last
                )
                riding = []
                made += map(_error_of, results)
            else:
                made.append(await _refusal_of(self.create(*files[len(made)])))
            if made and made[-1] is not None:
                break
        return made

    async def _give_back_others(
        self, closing: Sequence[OpenFile], *, logoff: bool
    ) -> list[HttpOpen]:
        """Give back what the next chain cannot: what is open on other servers, and what is too
        much; the rest rides on it.
        """
        by_session: dict[ServerSession, list[HttpOpen]] = {}
        for one in closing:
            if isinstance(one, HttpOpen) and not one.is_closed:
                by_session.setdefault(one.session, []).append(one)
        ours = by_session.pop(self._session, [])
        for session, opens in by_session.items():
            await session.close_all(opens, logoff=logoff)
        await self._session.close_all(ours[RIDING_MAX:], logoff=False)
        return ours[:RIDING_MAX]

    async def write_all(self, files: Sequence[tuple[str, bytes]]) -> list[ShareError | None]:
        """Files, in few round trips."""
        made: list[ShareError | None] = []
        while len(made) < len(files):
            some = self._puts(files[len(made) : len(made) + CALLS_MAX], create=False)
            if some:
                made += map(_error_of, await self._caller.chain(some))
            else:
                made.append(await _refusal_of(self.write(*files[len(made)])))
        return made

    def _puts(self, files: Sequence[tuple[str, bytes]], *, create: bool) -> list[ChainPut]:
        """As many of them, from the first on, as one chain carries."""
        some: list[ChainPut] = []
        size = 0
        for path, data in files:
            size += len(data)
            if size > BYTES_MAX:
                break
            some.append(ChainPut(self._name, self._named(path), data, create=create))
        return some

    async def delete_all(self, paths: Sequence[str]) -> list[ShareError | None]:
        """Files, in few round trips."""
        gone: list[ShareError | None] = []
        while len(gone) < len(paths):
            some = [
                ChainDelete(self._name, self._named(path))
                for path in paths[len(gone) : len(gone) + CALLS_MAX]
            ]
            gone += [_error_of(result) for result in await self._caller.chain(some)]
        return gone

    def _named(self, path: str) -> str:
        """The path, if a JSON text can carry it. Raises `ShareError`."""
        if not path.isascii():
            self._target(path)
        return path

    async def read(self, path: str, *, purpose: str = "") -> bytes:
        return (await self._call("GET", path, purpose=purpose)).body

    async def read_if_changed(self, path: str, etag: str) -> tuple[bytes, str] | None:
        """The file and its ETag, or None when it still has `etag`: a conditional GET."""
        reply = await self._call("GET", path, {"If-None-Match": etag} if etag else None)
        return None if reply.status == 304 else (reply.body, reply.etag)

    async def write(self, path: str, data: bytes, *, purpose: str = "") -> None:
        """Replace or create the whole file."""
        await self._call("PUT", path, data=data, purpose=purpose)

    async def create(self, path: str, data: bytes, *, purpose: str = "") -> None:
        """Create the whole file; an existing name is refused."""
        await self._call("PUT", path, {"If-None-Match": "*"}, data=data, purpose=purpose)

    async def delete(self, path: str, *, purpose: str = "") -> None:
        """Delete a file or an empty directory."""
        await self._call("DELETE", path, {"Depth": "0"}, purpose=purpose)

    async def rename(
        self, path: str, new_path: str, *, replace: bool = False, purpose: str = ""
    ) -> None:
        headers = {
            "Depth": "0",
            "Destination": self._target(new_path),
            "Overwrite": "T" if replace else "F",
        }
        await self._call("MOVE", path, headers, purpose=purpose)

    async def list(self, path: str = "") -> list[Entry]:
        """The names in a directory, sorted case-insensitively."""
        target = self._target(path)
        return (
            await self._caller.call_json(
                "GET", target if target.endswith("/") else target + "/", Listing
            )
        ).entries

    async def stat(self, path: str) -> Entry | None:
        """One name's facts, or None if there is no such name."""
        try:
            return await self._caller.call_json("GET", self._target(path) + "?stat=true", Entry)
        except ShareError as error:
            if error.is_missing:
                return None
            raise

    def watch(self, paths: Sequence[str]) -> Watch:
        """Of a server on another machine, whoever carries the calls may know."""
        return self._caller.watch(self._name, paths)

    async def make_directory(self, path: str) -> None:
        """Make a directory and those above it that are missing."""
        await self._caller.call("MKCOL", self._target(path) + "?parents=true")

    async def end_episode(self, episode: str, reason: str) -> None:
        """Tell the server that this update will not be tried again."""
        await self._caller.end_episode(episode, reason)

    def _target(self, path: str) -> str:
        try:
            return self._root + quote(path.replace("\\", "/").strip("/"))
        except UnicodeEncodeError:
            raise ShareError(_not_a_name(self._name, path)) from None

    async def _call(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        data: bytes | None = None,
        purpose: str = "",
    ) -> Reply:
        if purpose:
            headers = {**(headers or {}), "Despoolr-Purpose": quote(purpose, errors="replace")}
        return await self._caller.call(method, self._target(path), data, headers)


class HttpOpen(OpenFile):
    """A handle of a session on a server."""

    __slots__ = ("_handle", "_is_closed", "_session", "_size")

    def __init__(self, session: ServerSession, handle: str, size: int) -> None:
        self._session = session
        self._handle = handle
        self._size = size
        self._is_closed = False

    @property
    def handle(self) -> str:
        """The open's id on its server."""
        return self._handle

    @property
    def size(self) -> int:
        """Bytes in the file when it was opened."""
        return self._size

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes from `offset`; fewer at the end of the file."""
        if length == 0:
            return b""
        asked = query(
            offset=str(offset) if offset else "", length="" if length is None else str(length)
        )
        try:
            return (await self._session.caller.call("GET", self._content + asked)).body
        except ShareError as error:
            if error.problem.nt_status == NtStatus.END_OF_FILE:
                return b""
            raise

    async def write(self, data: bytes, offset: int = 0) -> None:
        """Put bytes at `offset`, growing the file as needed."""
        await self._session.caller.call(
            "PUT", self._content + query(offset=str(offset) if offset else ""), data
        )

    async def set_size(self, size: int) -> None:
        await self._change(OpenChange(size=size))

    async def delete(self) -> None:
        await self._change(OpenChange(delete=True))

    async def _change(self, change: OpenChange) -> None:
        await self._session.caller.call("PATCH", f"/api/v1/opens/{self._handle}", encode(change))

    async def lock(
        self, offset: int, length: int, *, exclusive: bool = True, wait_s: float = 0.0
    ) -> None:
        """Lock bytes against other opens, at once or within `wait_s` site seconds."""
        request = lock_request(offset, length, exclusive=exclusive, wait_s=wait_s)
        await self._session.caller.call("POST", self._locks, encode(request))

    async def unlock(self, offset: int, length: int) -> None:
        await self._session.caller.call("DELETE", f"{self._locks}?offset={offset}&length={length}")

    async def stands(self) -> bool:
        """Whether the server still has it open. Raises `ShareUnreachable` for no answer,
        `ShareError` for one about else.
        """
        if self._is_closed:
            return False
        try:
            await self._session.caller.call("GET", f"/api/v1/opens/{self._handle}")
        except ShareError as error:
            if error.problem.status == HTTPStatus.NOT_FOUND:
                return False
            raise  # a server that is too busy has it open all the same
        return True

    @property
    def session(self) -> ServerSession:
        """The session in which the file is open."""
        return self._session

    @property
    def is_closed(self) -> bool:
        """Whether it was given back."""
        return self._is_closed

    def mark_closed(self) -> None:
        """Take note that a chain has closed it."""
        self._is_closed = True

    async def close(self) -> None:
        """Give the open back. Closing twice is harmless, and so is closing what the server has
        closed already.
        """
        if not self._is_closed:
            self._is_closed = True
            await self._session.close(self._handle)

    @property
    def _content(self) -> str:
        return f"/api/v1/opens/{self._handle}/content"

    @property
    def _locks(self) -> str:
        return f"/api/v1/opens/{self._handle}/locks"


def _error_of(result: ChainResult) -> ShareError | None:
    return None if result.problem is None else known_error(result.problem)


async def _refusal_of(work: Awaitable[None]) -> ShareError | None:
    try:
        await work
    except ShareError as error:
        return error
    return None


def _not_a_name(share: str, path: str) -> Problem:
    status = NtStatus.OBJECT_NAME_INVALID
    shown = ascii(path)[1:-1]
    detail = f"{shown} has half a surrogate pair, which no file name has. Ask for another name."
    return Problem(
        "about:blank",
        "No file can have this name",
        400,
        detail,
        status,
        WIN32_CODE[status],
        share,
        shown,
    )
