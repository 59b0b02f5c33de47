"""What an open does to a name, before anybody else's opens are looked at.

The law is two tables: what each disposition does to a name that exists and to one that does not.
OVERWRITE and SUPERSEDE count as wanting WRITE_DATA and DELETE *while sharing is checked* and are
not held afterwards ([MS-FSA] 2.1.5.1.2). The checks come in the specification's order: options,
path, directory-ness, CREATE on an existing name, attributes and rights; sharing comes last and is
not decided here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.share.modes import Access, CreateAction, CreateOption, Disposition, NtStatus
from despoolr_server.engine.rows import HIDDEN, READONLY, SYSTEM, Ask, FileFacts

EXISTING: Final[dict[Disposition, CreateAction | NtStatus]] = {
    Disposition.SUPERSEDE: CreateAction.SUPERSEDED,
    Disposition.OPEN: CreateAction.OPENED,
    Disposition.CREATE: NtStatus.OBJECT_NAME_COLLISION,
    Disposition.OPEN_IF: CreateAction.OPENED,
    Disposition.OVERWRITE: CreateAction.OVERWRITTEN,
    Disposition.OVERWRITE_IF: CreateAction.OVERWRITTEN,
}
MISSING: Final[dict[Disposition, CreateAction | NtStatus]] = {
    Disposition.SUPERSEDE: CreateAction.CREATED,
    Disposition.OPEN: NtStatus.OBJECT_NAME_NOT_FOUND,
    Disposition.CREATE: CreateAction.CREATED,
    Disposition.OPEN_IF: CreateAction.CREATED,
    Disposition.OVERWRITE: NtStatus.OBJECT_NAME_NOT_FOUND,
    Disposition.OVERWRITE_IF: CreateAction.CREATED,
}
IMPLIED: Final[dict[CreateAction, int]] = {
    CreateAction.OPENED: 0,
    CreateAction.CREATED: 0,
    CreateAction.OVERWRITTEN: int(Access.WRITE_DATA),
    CreateAction.SUPERSEDED: int(Access.DELETE),
}
"""The access an action counts as wanting while sharing and rights are checked."""

GENERIC: Final[dict[int, int]] = {
    int(Access.GENERIC_READ): 0x120089,
    int(Access.GENERIC_WRITE): 0x120116,
    int(Access.GENERIC_EXECUTE): 0x1200A0,
    int(Access.GENERIC_ALL): 0x1F01FF,
}
"""What the generic rights of a file map to ([MS-SMB2] 2.2.13.1.1)."""

BEFORE_DELETE_PENDING: Final = frozenset(
    [
        NtStatus.INVALID_PARAMETER,
        NtStatus.FILE_IS_A_DIRECTORY,
        NtStatus.NOT_A_DIRECTORY,
        NtStatus.OBJECT_NAME_COLLISION,
    ]
)
"""What an open of a delete-pending name is answered all the same; anything else is
DELETE_PENDING.
"""

STAYS: Final = "it is one of the site's own directories, and stays where it is"
"""Why a fixed directory is not deleted, renamed or replaced."""

_SPECIAL: Final = 0xF2000000
_TRUNCATING: Final = frozenset(
    [Disposition.SUPERSEDE, Disposition.OVERWRITE, Disposition.OVERWRITE_IF]
)
_WRITES: Final = int(Access.WRITE_DATA | Access.APPEND_DATA)
_DIRECTORY_FILE: Final = int(CreateOption.DIRECTORY_FILE)
_NON_DIRECTORY_FILE: Final = int(CreateOption.NON_DIRECTORY_FILE)
_DELETE_ON_CLOSE: Final = int(CreateOption.DELETE_ON_CLOSE)
_DELETE: Final = int(Access.DELETE)
_MAXIMUM_ALLOWED: Final = int(Access.MAXIMUM_ALLOWED)


class Plan(msgspec.Struct, frozen=True, gc=False):
    """An open that may go ahead if sharing allows: what it does, the access it will hold, the
    access its action implies.
    """

    action: CreateAction
    access: int
    implied: int
    directory: bool


def expand(access: int, allowed: int) -> int:
    """An access without generic bits; MAXIMUM_ALLOWED is everything in `allowed`."""
    if not access & _SPECIAL:
        return access
    if access & _MAXIMUM_ALLOWED:
        access |= allowed
    for generic, specific in GENERIC.items():
        if access & generic:
            access |= specific
    return access & ~_SPECIAL


def decide(ask: Ask, facts: FileFacts | None, parent_exists: bool) -> Plan | NtStatus:
    """What an open would do to a name with these facts (None: no such name), or why it cannot."""
    options = ask.options
    if options:
        if options & _DIRECTORY_FILE and (
            options & _NON_DIRECTORY_FILE or ask.disposition in _TRUNCATING
        ):
            return NtStatus.INVALID_PARAMETER
        if options & _DELETE_ON_CLOSE and not expand(ask.access, ask.allowed) & _DELETE:
            return NtStatus.INVALID_PARAMETER
    if not ask.allowed:
        return NtStatus.ACCESS_DENIED
    return _decide_missing(ask, parent_exists) if facts is None else _decide_existing(ask, facts)


def _decide_missing(ask: Ask, parent_exists: bool) -> Plan | NtStatus:
    if not parent_exists:
        return NtStatus.OBJECT_PATH_NOT_FOUND
    action = MISSING[ask.disposition]
    if isinstance(action, NtStatus):
        return action
    if ask.attributes & READONLY and ask.delete_on_close:
        return NtStatus.CANNOT_DELETE
    access = expand(ask.access, ask.allowed)
    if (access | _WRITES) & ~ask.allowed or (ask.fixed and not ask.options & _DIRECTORY_FILE):
        return NtStatus.ACCESS_DENIED
    return Plan(action, access, 0, bool(ask.options & _DIRECTORY_FILE))


def _decide_existing(  # noqa: C901 - a decision table, in the order that Windows asks
    ask: Ask, facts: FileFacts
) -> Plan | NtStatus:
    action = EXISTING[ask.disposition]
    if facts.directory and ask.options & _NON_DIRECTORY_FILE:
        return NtStatus.FILE_IS_A_DIRECTORY
    if isinstance(action, NtStatus):
        return action
    if facts.directory and ask.disposition in _TRUNCATING:
        return NtStatus.FILE_IS_A_DIRECTORY
    if not facts.directory and ask.options & _DIRECTORY_FILE:
        return NtStatus.NOT_A_DIRECTORY
    stays = not ask.name.key or (ask.fixed and facts.directory)
    allowed = ask.allowed & ~_DELETE if stays else ask.allowed
    attributes = facts.attributes
    if attributes & READONLY and ask.delete_on_close:
        return NtStatus.CANNOT_DELETE
    if attributes and not facts.directory:
        if attributes & READONLY:
            if (
                action is CreateAction.OVERWRITTEN
                or expand(ask.access, allowed & ~_WRITES) & _WRITES
            ):
                return NtStatus.ACCESS_DENIED
            if ask.access & _MAXIMUM_ALLOWED:
                allowed &= ~_WRITES
        if action is not CreateAction.OPENED and attributes & ~ask.attributes & (HIDDEN | SYSTEM):
            return NtStatus.ACCESS_DENIED
    access = expand(ask.access, allowed)
    implied = IMPLIED[action]
    if (access | implied) & ~allowed or (stays and ask.delete_on_close):
        return NtStatus.ACCESS_DENIED
    return Plan(action, access, implied, facts.directory)
