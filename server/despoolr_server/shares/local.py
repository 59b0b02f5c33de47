"""A share for a service in the process that owns the table: no HTTP, and no privilege either.

The law: a local open is checked like any other, by the same host, with the caller's own role. Only
the lease is spared: a service that shares the table's process cannot vanish without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from despoolr_core.share.contract import OpenFile, ShareError, ShareUnreachable, Watch
from despoolr_core.share.modes import (
    Access,
    CreateOption,
    Disposition,
    NtStatus,
    ShareMode,
    render_access,
    render_options,
    render_share_mode,
)
from despoolr_core.share.wire import Entry, OpenReply, OpenRequest, Problem, lock_request
from despoolr_server.loop.pace import FILES_A_TURN, TurnSpan, turn
from despoolr_server.shares.base.principal import Caller, Content, NotModified, Principal
from despoolr_server.shares.host import ShareHost
from despoolr_server.shares.paths.boxes import TOGETHER_MAX

SMALL_SIZE: Final = 16 * 1024
"""Bytes of a file that is read as one of `TOGETHER_MAX`; a larger one takes as long as several."""


class LocalOpenFile:
    """A granted open of a `LocalShare`."""

    def __init__(self, host: ShareHost, who: Principal, reply: OpenReply) -> None:
        self._host = host
        self._who = who
        self._reply = reply
        self._is_closed = False

    @property
    def handle(self) -> str:
        return self._reply.open

    @property
    def size(self) -> int:
        return self._reply.size

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        data = await self._host.handles.read(self._who, self.handle, offset, length)
        if isinstance(data, Problem):
            if data.nt_status == NtStatus.END_OF_FILE:
                return b""
            raise ShareError(data)
        return data

    async def write(self, data: bytes, offset: int = 0) -> None:
        written = await self._host.handles.write(self._who, self.handle, offset, data)
        if isinstance(written, Problem):
            raise ShareError(written)

    async def set_size(self, size: int) -> None:
        _must(await self._host.file_info.set_size(self._who, self.handle, size))

    async def delete(self) -> None:
        _must(await self._host.file_info.mark_delete(self._who, self.handle, True))

    async def lock(
        self, offset: int, length: int, *, exclusive: bool = True, wait_s: float = 0.0
    ) -> None:
        request = lock_request(offset, length, exclusive=exclusive, wait_s=wait_s)
        locked = await self._host.range_locks.lock(self._who, self.handle, request)
        if isinstance(locked, Problem):
            raise ShareError(locked)

    async def unlock(self, offset: int, length: int) -> None:
        _must(self._host.range_locks.unlock(self._who, self.handle, offset, length))

    async def close(self) -> None:
        """Give the open back; one that its server closed already is closed. Raises `ShareError` for
        any other refusal.
        """
        if self._is_closed:
            return
        self._is_closed = True
        refusal = await self._host.handles.close(self._who, self.handle)
        if refusal is not None and refusal.nt_status not in (
            NtStatus.FILE_CLOSED,
            NtStatus.USER_SESSION_DELETED,
        ):
            raise ShareError(refusal)


class LocalShare:
    """One share of a `ShareHost` as one machine, user and program see it; implements
    `despoolr_core.share.contract.Share`.
    """

    def __init__(self, host: ShareHost, share: str, who: Principal, program: str = "") -> None:
        self._host = host
        self._share = share
        self._who = who
        self._program = program
        self._session = ""

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
    ) -> LocalOpenFile:
        """Open a file and keep it open. Raises `ShareError` with the blockers when another open
        forbids it.
        """
        request = OpenRequest(
            session=self._start(),
            share=self._share,
            path=path,
            access=render_access(access),
            share_mode=render_share_mode(share_mode),
            disposition=disposition.value,
            options=render_options(options),
            program=program,
            purpose=purpose,
        )
        reply = await self._host.handles.open(self._who, request)
        if isinstance(reply, Problem):
            raise ShareError(reply)
        return LocalOpenFile(self._host, self._who, reply)

    async def open_all(
        self,
        paths: Sequence[str],
        access: Access,
        share_mode: ShareMode,
        *,
        program: str = "",
        read: bool = False,
    ) -> tuple[list[OpenFile], ShareError | None]:
        """Open files one after the other; returns those that are open now, and why the next one was
        refused.
        """
        opened: list[OpenFile] = []
        try:
            for path in paths:
                opened.append(await self.open(path, access, share_mode, program=program))
                if read:
                    await opened[-1].read()
        except ShareError as error:
            return opened, error
        return opened, None

    async def read_all(self, paths: Sequence[str]) -> list[bytes | ShareError]:
        """Whole files: the bytes of each, or why not."""
        found: list[bytes | ShareError] = []
        caller, read_now = self._caller(""), self._host.polls.content_or_missing
        in_this_turn = 0
        for path in paths:
            now = read_now(caller, self._share, path, SMALL_SIZE)
            if now is not None:
                found.append(ShareError(now) if isinstance(now, Problem) else now.data)
                in_this_turn += 1
            else:
                try:
                    found.append(await self.read(path))
                except ShareError as error:
                    found.append(error)
                in_this_turn += TOGETHER_MAX // FILES_A_TURN
            if in_this_turn >= TOGETHER_MAX:
                await turn()
                in_this_turn = 0
        return found

    async def create_all(
        self,
        files: Sequence[tuple[str, bytes]],
        *,
        closing: Sequence[OpenFile] = (),
        logoff: bool = False,  # noqa: ARG002 - `Share` gives it by name
    ) -> list[ShareError | None]:
        """Files one after the other, up to the first refusal; safe together. Its session has no
        lease, and ends with `close`.
        """
        for one in closing:
            with suppress(ShareError, ShareUnreachable):
                await one.close()
        return await self._put_all(files, create=True)

    async def write_all(self, files: Sequence[tuple[str, bytes]]) -> list[ShareError | None]:
        """Files: None for each that is written, or why not; safe together."""
        return await self._put_all(files, create=False)

    async def _put_all(
        self, files: Sequence[tuple[str, bytes]], *, create: bool
    ) -> list[ShareError | None]:
        made: list[ShareError | None] = []
        caller, boxes = self._caller(""), self._host.boxes
        at_once = TOGETHER_MAX if create else FILES_A_TURN
        alone_until = 0 if boxes.takes(self._share) else len(files)
        in_this_turn, span = 0, TurnSpan()
        await self._read_ahead(*(path for path, _ in files))
        while len(made) < len(files):
            count = 0
            if len(made) >= alone_until:
                ahead = files[len(made) : len(made) + at_once]
                count = len(boxes.create(caller, self._share, ahead, passing=create))
                alone_until = len(made) + len(ahead)
            made += [None] * count
            if not count:
                path, data = files[len(made)]
                written = await self._host.paths.put(
                    caller, self._share, path, data, create_only=create, sync=False
                )
                made.append(ShareError(written) if isinstance(written, Problem) else None)
                if create and made[-1] is not None:
                    break
            in_this_turn += count or 1
            if await span.breathe(is_full=in_this_turn >= FILES_A_TURN):
                in_this_turn = 0
        _must(await self._host.paths.sync((self._share,)))
        return made

    async def delete_all(self, paths: Sequence[str]) -> list[ShareError | None]:
        """Files: None for each that is gone, or why not; safe together."""
        caller, boxes = self._caller(""), self._host.boxes
        takes = boxes.takes(self._share)
        gone: list[ShareError | None] = []
        in_this_turn = 0
        await self._read_ahead(*paths)
        while len(gone) < len(paths):
            ahead = paths[len(gone) : len(gone) + TOGETHER_MAX]
            count = boxes.delete(caller, self._share, ahead) if takes else 0
            gone += [None] * count
            some = paths[len(gone) : len(gone) + FILES_A_TURN] if not count else ()
            for path in some:
                refusal = await self._host.paths.delete(caller, self._share, path, sync=False)
                gone.append(None if refusal is None else ShareError(refusal))
            in_this_turn += count + len(some)
            if in_this_turn >= FILES_A_TURN:
                await turn()
                in_this_turn = 0
        _must(await self._host.paths.sync((self._share,)))
        return gone

    async def read(self, path: str, *, purpose: str = "") -> bytes:
        caller = self._caller(purpose)
        content: Content | NotModified | Problem | None
        content = self._host.polls.content_now(caller, self._share, path)
        if content is None:
            await self._read_ahead(path)
            content = await self._host.paths.get(caller, self._share, path)
        if isinstance(content, Problem):
            raise ShareError(content)
        assert isinstance(content, Content), "not modified without an ETag"
        return content.data

    async def read_if_changed(self, path: str, etag: str) -> tuple[bytes, str] | None:
        caller = self._caller("")
        content: Content | NotModified | Problem | None
        content = self._host.polls.content_unless(caller, self._share, path, etag)
        if content is None:
            await self._read_ahead(path)
            content = await self._host.paths.get(caller, self._share, path, etag)
        if isinstance(content, Problem):
            raise ShareError(content)
        return (content.data, content.etag) if isinstance(content, Content) else None

    async def write(self, path: str, data: bytes, *, purpose: str = "") -> None:
        await self._read_ahead(path)
        written = await self._host.paths.put(self._caller(purpose), self._share, path, data)
        if isinstance(written, Problem):
            raise ShareError(written)

    async def create(self, path: str, data: bytes, *, purpose: str = "") -> None:
        await self._read_ahead(path)
        written = await self._host.paths.put(
            self._caller(purpose), self._share, path, data, create_only=True
        )
        if isinstance(written, Problem):
            raise ShareError(written)

    async def delete(self, path: str, *, purpose: str = "") -> None:
        await self._read_ahead(path)
        _must(await self._host.paths.delete(self._caller(purpose), self._share, path))

    async def rename(
        self, path: str, new_path: str, *, replace: bool = False, purpose: str = ""
    ) -> None:
        await self._read_ahead(path, new_path)
        _must(
            await self._host.paths.move(
                self._caller(purpose), self._share, path, new_path, replace=replace
            )
        )

    async def list(self, path: str = "") -> list[Entry]:
        entries = await self._host.listings.list_all(self._caller(""), self._share, path)
        if isinstance(entries, Problem):
            raise ShareError(entries)
        return entries

    async def stat(self, path: str) -> Entry | None:
        await self._read_ahead(path)
        found = self._host.listings.stat(self._caller(""), self._share, path)
        if isinstance(found, Problem):
            error = ShareError(found)
            if error.is_missing:
                return None
            raise error
        return found[0]

    def watch(self, paths: Sequence[str]) -> Watch:
        return self._host.watch(self._share, paths)

    async def make_directory(self, path: str) -> None:
        await self._read_ahead(path)
        _must(
            await self._host.paths.make_directory(self._caller(""), self._share, path, parents=True)
        )

    async def end_episode(self, episode: str, reason: str) -> None:
        """Tell the host that this update will not be tried again (`given up`)."""
        _must(self._host.end_episode(self._who, episode, reason))

    async def close(self) -> None:
        """End the session and with it every open this share still has."""
        if self._session:
            self._host.sessions.end(self._who, self._session)
            self._session = ""
            await self._host.sessions.all_closed()

    async def _read_ahead(self, *paths: str) -> None:
        """Before anything is asked about names that may be new."""
        gate = self._host.gate
        directory, is_wary = None, False
        for path in paths:
            above = path.rpartition("/")[0]
            if above != directory:
                directory = above
                is_wary = gate.is_unread(self._share, path, for_any=True)
            if is_wary and gate.is_unread(self._share, path):
                await gate.read_ahead(self._share, path)

    def _caller(self, purpose: str) -> Caller:
        return Caller(self._who, program=self._program, purpose=purpose)

    def _start(self) -> str:
        if not self._session:
            reply = self._host.sessions.start_local(self._who, self._program)
            if isinstance(reply, Problem):
                raise ShareError(reply)
            self._session = reply.session
        return self._session


def _must(refusal: Problem | None) -> None:
    if refusal is not None:
        raise ShareError(refusal)
