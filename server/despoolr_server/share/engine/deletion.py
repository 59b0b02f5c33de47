"""Marking for deletion: `delete-pending` is one flag on the name, not on a handle.

The law ([MS-FSA] 2.1.5.15.3): the flag needs DELETE access on the handle, both to set and to clear; any such handle may
clear it, also after the one that set it closed. READONLY forbids setting it (CANNOT_DELETE), and so does a directory
that is not empty. FILE_DELETE_ON_CLOSE sets the flag when its handle closes, whatever was cleared before; on a directory
with something in it that comes to nothing. The file goes when the last open of any kind closes.
"""

from __future__ import annotations

from despoolr_core.sharing import NtStatus
from despoolr_server.share.engine.conflict import DELETES
from despoolr_server.share.engine.rows import READONLY, FileFacts


def may_mark(access: int, pending: bool, facts: FileFacts, has_children: bool) -> NtStatus | None:
    """Why a handle with this access may not set (`pending`) or clear the flag; None if it may."""
    if not access & DELETES:
        return NtStatus.ACCESS_DENIED
    if not pending:
        return None
    if facts.attributes & READONLY and not facts.directory:
        return NtStatus.CANNOT_DELETE
    if facts.directory and has_children:
        return NtStatus.DIRECTORY_NOT_EMPTY
    return None
