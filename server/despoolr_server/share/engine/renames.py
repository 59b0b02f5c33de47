"""Renaming a file or directory that others may have open.

The law, in the order of [MS-FSA] 2.1.5.15.12 (Windows 11 / Server 2022 and earlier):

1. without DELETE access on the handle: ACCESS_DENIED;
2. the target's directory is opened to add a file, sharing READ and WRITE: whoever holds it with DELETE, or without sharing
   WRITE, makes it SHARING_VIOLATION (a directory moved into itself meets its own handle there);
3. a source that is delete-pending: ACCESS_DENIED;
4. a directory with anything open below it, at any depth, by anybody: ACCESS_DENIED;
5. the very same name: nothing to do;
6. a target that exists: not replacing, OBJECT_NAME_COLLISION; a directory or READONLY, or the source is a directory,
   ACCESS_DENIED; delete-pending, DELETE_PENDING; open by anybody, however shared, ACCESS_DENIED.

Other holders of the source do not matter: their handles follow the file. A READONLY source renames.
"""

from __future__ import annotations

import msgspec

from despoolr_core.sharing import NtStatus
from despoolr_server.share.engine.conflict import DELETES
from despoolr_server.share.engine.rows import READONLY, FileFacts


class RenameCase(msgspec.Struct, frozen=True, gc=False):
    """What the rules look at. `target` is None when the new name is free or is the source itself (a change of case)."""

    access: int
    directory: bool
    parent_exists: bool
    parent_held_against: bool
    into_itself: bool
    source_pending: bool
    open_below: bool
    same_name: bool
    replace: bool
    target: FileFacts | None
    target_pending: bool
    target_open: bool


def may_rename(case: RenameCase) -> NtStatus | None:
    """Why not, or None if the rename may go ahead."""
    if not case.access & DELETES:
        return NtStatus.ACCESS_DENIED
    if not case.parent_exists:
        return NtStatus.OBJECT_PATH_NOT_FOUND
    if case.parent_held_against or case.into_itself:
        return NtStatus.SHARING_VIOLATION
    if case.source_pending or case.open_below:
        return NtStatus.ACCESS_DENIED
    if case.same_name or case.target is None:
        return None
    if not case.replace:
        return NtStatus.OBJECT_NAME_COLLISION
    if case.directory or case.target.directory or case.target.attributes & READONLY:
        return NtStatus.ACCESS_DENIED
    if case.target_pending:
        return NtStatus.DELETE_PENDING
    if case.target_open:
        return NtStatus.ACCESS_DENIED
    return None
