"""Starting a package's program and ending it: its files are opened on the share and stay open in
between.

Nothing here decides anything: which server, whether and when is PCM's (`despoolr_client.pcm`). A
program that may not open a file it needs does not start, and the Win32 code is its launch error.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from despoolr_client.agent.machine.programs import ALL_FILES, ClientProgram
from despoolr_core.share.contract import OpenFile, Share, ShareError, ShareUnreachable
from despoolr_core.share.modes import NtStatus

PACKAGE_FILES_MAX: Final = 20_000
PACKAGE_DEPTH_MAX: Final = 32


class LaunchFailed(Exception):
    """The program did not start. `code` is what PCM prints as `Execution error #20 detected.`
    (Q149672).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def package_files(share: Share, directory: str) -> list[str]:
    """Every file below a package's directory, paths relative to the share, in the order of the
    directories' listings.

    Raises `ShareError`, and `LaunchFailed` (Win32 206 or 14) beyond the stated limits.
    """
    files: list[str] = []
    waiting = [(directory, 0)]
    while waiting:
        place, depth = waiting.pop(0)
        if depth > PACKAGE_DEPTH_MAX:
            raise LaunchFailed(206, f"{place}: directories more than {PACKAGE_DEPTH_MAX} deep")
        for entry in await share.list(place):
            path = f"{place}/{entry.name}" if place else entry.name
            if entry.directory:
                waiting.append((path, depth + 1))
            else:
                files.append(path)
        if len(files) > PACKAGE_FILES_MAX:
            raise LaunchFailed(14, f"{directory}: more than {PACKAGE_FILES_MAX:,} files")
    return files


async def launch(
    share: Share, directory: str, program: ClientProgram, name: str, opens: list[OpenFile]
) -> bool:
    """Open what the program needs of its package; False if the package is not there. Every open is
    put into `opens` at once, and is the caller's to close.

    Raises `LaunchFailed`, `ShareError` (the package cannot be looked into) or `ShareUnreachable`.
    """
    everything: list[str] = []
    if any(use.path == ALL_FILES for use in program.files):
        try:
            everything = await package_files(share, directory)
        except ShareError as error:
            if error.is_missing or error.nt_status is NtStatus.NOT_A_DIRECTORY:
                return False
            raise
    elif (program.launch_error or not program.files) and not await _is_there(share, directory):
        return False
    if program.launch_error:
        raise LaunchFailed(program.launch_error, "the program does not start")
    for (access, share_mode, read), uses in groupby(
        program.files, lambda use: (use.access, use.share_mode, use.read)
    ):
        paths = [
            path
            for use in uses
            for path in (everything if use.path == ALL_FILES else [_below(directory, use.path)])
        ]
        opened, refusal = await share.open_all(paths, access, share_mode, program=name, read=read)
        opens += opened
        if refusal is not None:
            is_astray = refusal.nt_status is NtStatus.OBJECT_PATH_NOT_FOUND and not opens
            if is_astray and not await _is_there(share, directory):
                return False
            raise LaunchFailed(refusal.win32, str(refusal)) from None
    return True


def _below(directory: str, path: str) -> str:
    return "/".join(part for part in (directory, path.replace("\\", "/").strip("/")) if part)


async def _is_there(share: Share, directory: str) -> bool:
    entry = await share.stat(directory)
    return entry is not None and entry.directory


async def close_all(opens: Iterable[OpenFile]) -> None:
    """Give opens back. A server that does not answer, or does not know them any more, has lost them
    already.
    """
    for opened in opens:
        try:
            await opened.close()
        except (ShareError, ShareUnreachable):
            continue
