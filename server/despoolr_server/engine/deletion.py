"""Marking for deletion: `delete-pending` is one flag on the name, not on a handle.

The law ([MS-FSA] 2.1.5.15.3) is `MARK_RULES` for setting the flag and its first rule for clearing
it: any handle with DELETE access may clear it, also after the one that set it closed.
FILE_DELETE_ON_CLOSE sets the flag when its handle closes, whatever was cleared before; on a
directory with something in it that comes to nothing. The file goes when the last open of any kind
closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.rules.conflict import DELETES
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.rows import READONLY, FileFacts


class MarkCase(msgspec.Struct, frozen=True, gc=False):
    """What the rules look at: the handle's access, the file, whether a directory has anything in
    it.
    """

    access: int
    facts: FileFacts
    has_children: bool


class MarkRule(msgspec.Struct, frozen=True):
    """One rule: when, as a person reads it and as code asks it, the answer, and whether it forbids
    clearing the flag too.
    """

    when: str
    holds: Callable[[MarkCase], bool]
    status: NtStatus
    forbids_clearing: bool = False


MARK_RULES: Final = (
    MarkRule(
        "the handle has no DELETE access",
        lambda c: not c.access & DELETES,
        NtStatus.ACCESS_DENIED,
        True,
    ),
    MarkRule(
        "the file or directory is READONLY",
        lambda c: bool(c.facts.attributes & READONLY),
        NtStatus.CANNOT_DELETE,
    ),
    MarkRule(
        "the directory has something in it, delete-pending or not",
        lambda c: c.facts.directory and c.has_children,
        NtStatus.DIRECTORY_NOT_EMPTY,
    ),
)


def may_mark(access: int, pending: bool, facts: FileFacts, has_children: bool) -> NtStatus | None:
    """Why a handle with this access may not set (`pending`) or clear the flag; None if it may."""
    case = MarkCase(access, facts, has_children)
    return next(
        (
            rule.status
            for rule in MARK_RULES
            if (pending or rule.forbids_clearing) and rule.holds(case)
        ),
        None,
    )
