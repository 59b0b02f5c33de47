"""What is asked of a handle before anything is done through it, and how a name is looked up."""

from __future__ import annotations

from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts, Open, Refusal
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.problems import problem


def look_up(
    share: NetworkShare, name: Name, *, keep_spelling: bool = False
) -> tuple[FileFacts | None, bool, Name]:
    """A name's facts, whether its directory exists, and the name with the stored spelling of what
    exists.
    """
    facts = share.store.find(name)
    if facts is not None and not keep_spelling:
        return facts, True, Name(facts.path, name.key)
    parent = share.store.find(name.parent)
    if parent is None or not parent.directory:
        return facts, False, name
    return facts, True, Name(name.child_of(parent.path), name.key)


def denied(row: Open, reason: str) -> Problem:
    return problem(NtStatus.ACCESS_DENIED, row.share, row.path, detail=f"{row.path}: {reason}")


def no_content(row: Open, facts: FileFacts | None, offset: int, length: int) -> Problem | None:
    """Why there are no bytes to speak of at all."""
    if facts is None:
        return problem(NtStatus.OBJECT_NAME_NOT_FOUND, row.share, row.path)
    if facts.directory:
        return problem(NtStatus.FILE_IS_A_DIRECTORY, row.share, row.path)
    if offset < 0 or length < 0:
        return problem(
            NtStatus.INVALID_PARAMETER,
            row.share,
            row.path,
            detail="an offset or length is below zero",
        )
    return None


def too_large(gate: Gate, row: Open, size: int) -> Problem | None:
    """Why a file may not have so many bytes; goes on record."""
    if size <= gate.limits.file_size_max:
        return None
    reason = f"{size} bytes are more than the limit of {gate.limits.file_size_max}"
    return gate.refusals.refuse_open(row, Refusal(NtStatus.FILE_TOO_LARGE, reason=reason))
