"""A real SMB client (smbprotocol) on a Samba: opens as they are asked for on the wire, and a share
as `despoolr_core.share.contract` has it, so that what copies files here copies them there.

The law: what the server answers is told by its NT status and nothing is mended. An address of the
loopback net stands for a machine.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import smbprotocol.connection
from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.file_info import (
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileInformationClass,
    FileRenameInformation,
)
from smbprotocol.header import NtStatus as WireStatus
from smbprotocol.open import (
    CreateDisposition,
    ImpersonationLevel,
    LockFlags,
    Open,
    SMB2LockElement,
    SMB2LockRequest,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session
from smbprotocol.transport import Tcp
from smbprotocol.tree import TreeConnect

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import (
    HTTP_STATUS,
    WIN32_CODE,
    Access,
    CreateOption,
    Disposition,
    NtStatus,
    ShareMode,
)
from despoolr_core.share.wire import Entry, Problem
from worlds.samba import LOOPBACK, PASSWORD, SHARE, Samba

ATTRIBUTES: Final = 0x100080
"""SYNCHRONIZE and READ_ATTRIBUTES: what conflicts with nothing."""
NON_DIRECTORY: Final = 0x40
DIRECTORY: Final = 0x1
_MORE: Final = {
    0xC0000054: NtStatus.FILE_LOCK_CONFLICT,
    0xC0000055: NtStatus.LOCK_NOT_GRANTED,
    0xC0000056: NtStatus.DELETE_PENDING,
    0xC0000121: NtStatus.CANNOT_DELETE,
}
"""Statuses for which smbprotocol has no name."""


def nt_status(error: SMBResponseException) -> NtStatus:
    """The status of an answer by its name. Raises the error itself where ours have no such name."""
    code = error.status
    for name, known in vars(WireStatus).items():
        if known == code and name in NtStatus._value2member_map_:
            return NtStatus(name)
    if code in _MORE:
        return _MORE[code]
    raise error


@contextmanager
def answered(path: str) -> Iterator[None]:
    """A refusal on the wire as `ShareError`."""
    try:
        yield
    except SMBResponseException as error:
        status = nt_status(error)
        raise ShareError(
            Problem(
                type="",
                title=status.value,
                status=HTTP_STATUS[status],
                nt_status=status.value,
                win32=WIN32_CODE[status],
                share=SHARE,
                path=path,
            )
        ) from error


class Machine:
    """A machine with a session of its own on a Samba's share."""

    def __init__(self, samba: Samba, name: str, address: str, user: str) -> None:
        self.name = name
        self.address = address
        before = smbprotocol.connection.Tcp, os.environ.get("NETBIOS_COMPUTER_NAME")
        smbprotocol.connection.Tcp = lambda server, port, timeout: _TcpFrom(
            address, server, port, timeout
        )
        os.environ["NETBIOS_COMPUTER_NAME"] = name
        try:
            self._connection = Connection(
                uuid.uuid5(uuid.NAMESPACE_DNS, name), LOOPBACK, samba.port
            )
            self._connection.connect()
            session = Session(self._connection, user, PASSWORD, require_encryption=False)
            session.connect()
        finally:
            smbprotocol.connection.Tcp = before[0]
            if before[1] is None:
                del os.environ["NETBIOS_COMPUTER_NAME"]
            else:
                os.environ["NETBIOS_COMPUTER_NAME"] = before[1]
        self._tree = TreeConnect(session, rf"\\{LOOPBACK}\{SHARE}")
        self._tree.connect(require_secure_negotiate=False)

    def open(
        self,
        path: str,
        access: int = Access.READ,
        share_mode: int = ShareMode.READ,
        disposition: Disposition = Disposition.OPEN,
        options: int = NON_DIRECTORY,
    ) -> SmbOpen:
        """Open a file and keep it open. Raises `ShareError`."""
        one = Open(self._tree, path.replace("/", "\\"))
        with answered(path):
            one.create(
                ImpersonationLevel.Impersonation,
                int(access) | ATTRIBUTES,
                0x80,
                int(share_mode),
                getattr(CreateDisposition, f"FILE_{disposition.value}"),
                options,
            )
        return SmbOpen(self._tree, one, path)

    def share(self) -> SmbShare:
        """The share as copy strategies know one."""
        return SmbShare(self)

    def leave(self) -> None:
        """End the connection, with whatever is open on it."""
        self._connection.disconnect(close=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.leave()


class SmbOpen:
    """A granted open; an `OpenFile` of the contract."""

    def __init__(self, tree: TreeConnect, one: Open, path: str) -> None:
        self._tree = tree
        self._open = one
        self._path = path
        self._is_closed = False

    @property
    def handle(self) -> str:
        return str(self._open.file_id.hex())

    @property
    def size(self) -> int:
        return int(self._open.end_of_file)

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        wanted = max(0, self.size - offset) if length is None else length
        if not wanted:
            return b""
        with answered(self._path):
            return bytes(self._open.read(offset, wanted))

    async def write(self, data: bytes, offset: int = 0) -> None:
        if data:
            with answered(self._path):
                self._open.write(data, offset)

    async def set_size(self, size: int) -> None:
        end = FileEndOfFileInformation()
        end["end_of_file"] = size
        self.set_info(end)

    async def delete(self) -> None:
        gone = FileDispositionInformation()
        gone["delete_pending"] = True
        self.set_info(gone)

    async def lock(
        self, offset: int, length: int, *, exclusive: bool = True, wait_s: float = 0.0
    ) -> None:
        assert not wait_s, "nobody waits here"
        kind = LockFlags.SMB2_LOCKFLAG_EXCLUSIVE_LOCK if exclusive else 1
        self._lock(offset, length, kind | LockFlags.SMB2_LOCKFLAG_FAIL_IMMEDIATELY)

    async def unlock(self, offset: int, length: int) -> None:
        self._lock(offset, length, LockFlags.SMB2_LOCKFLAG_UNLOCK)

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            with answered(self._path):
                self._open.close()

    def rename(self, new_path: str, *, replace: bool) -> None:
        """Rename the file of this open."""
        renamed = FileRenameInformation()
        renamed["replace_if_exists"] = replace
        renamed["file_name"] = new_path.replace("/", "\\")
        self.set_info(renamed)

    def set_info(self, info: Any) -> None:
        """Set what the server knows of the file. Raises `ShareError`."""
        request = SMB2SetInfoRequest()
        request["info_type"] = info.INFO_TYPE
        request["file_info_class"] = info.INFO_CLASS
        request["file_id"] = self._open.file_id
        request["buffer"] = info
        with answered(self._path):
            self._send(request)

    def _lock(self, offset: int, length: int, flags: int) -> None:
        element = SMB2LockElement()
        element["offset"], element["length"], element["flags"] = offset, length, flags
        request = SMB2LockRequest()
        request["file_id"] = self._open.file_id
        request["locks"] = [element]
        with answered(self._path):
            self._send(request)

    def _send(self, request: Any) -> None:
        connection = self._open.connection
        sent = connection.send(request, self._tree.session.session_id, self._tree.tree_connect_id)
        connection.receive(sent)


class SmbShare:
    """A share over SMB, each path operation an open, the work and a close, in the modes that the
    contract says; implements what copy strategies use of `despoolr_core.share.contract.Share`.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

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
    ) -> SmbOpen:
        return self._machine.open(path, access, share_mode, disposition)

    async def read(self, path: str, *, purpose: str = "") -> bytes:
        opened = await self.open(path)
        try:
            return await opened.read()
        finally:
            await opened.close()

    async def write(self, path: str, data: bytes, *, purpose: str = "") -> None:
        opened = await self.open(path, Access.WRITE, disposition=Disposition.OVERWRITE_IF)
        try:
            await opened.write(data)
        finally:
            await opened.close()

    async def delete(self, path: str, *, purpose: str = "") -> None:
        opened = self._machine.open(path, Access.DELETE, ShareMode.ALL, options=0)
        try:
            await opened.delete()
        finally:
            await opened.close()

    async def rename(
        self, path: str, new_path: str, *, replace: bool = False, purpose: str = ""
    ) -> None:
        opened = self._machine.open(path, Access.DELETE, ShareMode.ALL, options=0)
        try:
            opened.rename(new_path, replace=replace)
        finally:
            await opened.close()

    async def list(self, path: str = "") -> list[Entry]:
        opened = self._machine.open(path, Access.READ, ShareMode.ALL, options=DIRECTORY)
        entries = []
        try:
            with answered(path):
                found = opened._open.query_directory(
                    "*", FileInformationClass.FILE_DIRECTORY_INFORMATION
                )
        finally:
            await opened.close()
        for one in found:
            name = one["file_name"].get_value().decode("utf-16-le")
            if name not in (".", ".."):
                attributes = one["file_attributes"].get_value()
                entries.append(
                    Entry(name, one["end_of_file"].get_value(), directory=bool(attributes & 0x10))
                )
        return sorted(entries, key=lambda entry: entry.name.lower())

    async def stat(self, path: str) -> Entry | None:
        try:
            opened = self._machine.open(path, Access.READ_ATTRIBUTES, ShareMode.ALL, options=0)
        except ShareError as error:
            if error.is_missing:
                return None
            raise
        await opened.close()
        return Entry(path.rpartition("/")[2], opened.size)

    async def make_directory(self, path: str) -> None:
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            opened = self._machine.open(
                above, Access.READ_ATTRIBUTES, ShareMode.ALL, Disposition.OPEN_IF, DIRECTORY
            )
            await opened.close()

    async def end_episode(self, episode: str, reason: str) -> None:
        """A server of SMB knows no episodes."""

    def watch(self, paths: Sequence[str]) -> Any:
        raise NotImplementedError


class _TcpFrom(Tcp):  # type: ignore[misc]
    """A connection from an address of its own."""

    def __init__(self, address: str, server: str, port: int, timeout: float | None) -> None:
        super().__init__(server, port, timeout)
        self._address = address

    def connect(self) -> None:
        self._sock = socket.create_connection(
            (self.server, self.port), timeout=self.timeout, source_address=(self._address, 0)
        )
        self._sock.settimeout(None)
        self.connected = True
