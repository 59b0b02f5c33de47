"""Renaming a file or directory that others may have open.

The law is `RENAME_RULES`, in the order of [MS-FSA] 2.1.5.15.12 (Windows 11 / Server 2022 and
earlier): the first rule that holds is the answer, and if none does the rename goes ahead. Other
holders of the source do not matter: their handles follow the file, and so do their locks. A
READONLY source renames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.rules.conflict import DELETES
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.rows import READONLY, FileFacts


class RenameCase(msgspec.Struct, frozen=True, gc=False):
    """What the rules look at. `target` is None when the new name is free or is the source itself (a
    change of case).
    """

    access: int
    directory: bool
    parent_exists: bool
    parent_pending: bool
    parent_held_against: bool
    into_itself: bool
    source_pending: bool
    open_below: bool
    same_name: bool
    replace: bool
    target: FileFacts | None
    target_pending: bool
    target_open: bool


class RenameRule(msgspec.Struct, frozen=True):
    """One rule: when, as a person reads it and as code asks it, and the answer (None: the rename
    goes ahead).
    """

    when: str
    holds: Callable[[RenameCase], bool]
    status: NtStatus | None


RENAME_RULES: Final = (
    RenameRule(
        "the handle has no DELETE access", lambda c: not c.access & DELETES, NtStatus.ACCESS_DENIED
    ),
    RenameRule(
        "the target's directory does not exist",
        lambda c: not c.parent_exists,
        NtStatus.OBJECT_PATH_NOT_FOUND,
    ),
    RenameRule(
        "the target's directory is delete-pending",
        lambda c: c.parent_pending,
        NtStatus.DELETE_PENDING,
    ),
    RenameRule(
        "somebody has the target's directory open with DELETE access, or without sharing WRITE",
        lambda c: c.parent_held_against,
        NtStatus.SHARING_VIOLATION,
    ),
    RenameRule(
        "a directory is moved into itself", lambda c: c.into_itself, NtStatus.SHARING_VIOLATION
    ),
    RenameRule("the source is delete-pending", lambda c: c.source_pending, NtStatus.ACCESS_DENIED),
    RenameRule(
        "the source is a directory with anything open below it",
        lambda c: c.open_below,
        NtStatus.ACCESS_DENIED,
    ),
    RenameRule("the new name is the very same", lambda c: c.same_name, None),
    RenameRule(
        "the new name is free, or the old one in other letters", lambda c: c.target is None, None
    ),
    RenameRule(
        "the target exists and is not to be replaced",
        lambda c: not c.replace,
        NtStatus.OBJECT_NAME_COLLISION,
    ),
    RenameRule("the source is a directory", lambda c: c.directory, NtStatus.ACCESS_DENIED),
    RenameRule(
        "the target is a directory",
        lambda c: c.target is not None and c.target.directory,
        NtStatus.ACCESS_DENIED,
    ),
    RenameRule(
        "the target is READONLY",
        lambda c: c.target is not None and bool(c.target.attributes & READONLY),
        NtStatus.ACCESS_DENIED,
    ),
    RenameRule("the target is delete-pending", lambda c: c.target_pending, NtStatus.DELETE_PENDING),
    RenameRule(
        "anybody has the target open, with whatever access and share mode",
        lambda c: c.target_open,
        NtStatus.ACCESS_DENIED,
    ),
)
"""In this order: the target's directory is opened to add a file to it, sharing READ and WRITE,
before anything else is seen.
"""


def may_rename(case: RenameCase) -> NtStatus | None:
    """Why not, or None if the rename may go ahead."""
    return next((rule.status for rule in RENAME_RULES if rule.holds(case)), None)
