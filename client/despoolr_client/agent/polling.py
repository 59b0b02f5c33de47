r"""Asking for the instruction file: which logon server, and what it answered. Changes nothing:
where the client stands afterwards is part of the answer.

The current logon server is asked first, then the others: in the order of SMS.INI (Q171589) or at
random (Q153288). The server that answers is the current one from then on, and the results go there
(Q126644). A file that cannot be read as one fails the poll and leaves what was known before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from despoolr_client.pcm import lines
from despoolr_client.pcm.state import Records
from despoolr_core.formats.instructions.winst import WinstError
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.formats.sms_ini import SmsIni
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable

LOGON_SHARE: Final = "SMS_SHR"
INSTRUCTIONS: Final = "PCMINS.BOX"
RESULTS: Final = "DESPOOLR.BOX"

File = tuple[bytes, str]
"""A file and its ETag."""
Read = Callable[[str, str, str], Awaitable[File | None]]
"""`read(server, path, etag)`: a file of a logon share, None while it has that ETag. Raises
`ShareError`, `ShareUnreachable`.
"""


Told = File | ShareError | ShareUnreachable
"""What a server says of a file that has not that ETag."""
Wanted = tuple[str, str, str]
"""Whose question, the file's path, the ETag it is known by."""


class PollResult(StrEnum):
    """What a poll found at the logon servers."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    FAILED = "failed"
    OFF = "off"


class Fetched(msgspec.Struct, frozen=True):
    """What the logon servers answered: `records` for a changed file, `reason` for a failure.

    `server` is the current logon server from now on, `etag` that of the file as it was read last.
    """

    result: PollResult
    server: str
    etag: str
    records: Records = ()
    reason: str = ""


def logon_servers(ini: SmsIni | None, set_up: tuple[str, ...]) -> tuple[str, ...]:
    """The logon servers of a machine, the one first that its SMS.INI calls the current one.
    `set_up` are those that Client Setup wrote.
    """
    if ini is None:
        return set_up
    servers = ini.servers or set_up
    return (ini.current_logon_server, *servers) if ini.current_logon_server else servers


def results_place(ini: SmsIni | None, set_up: str, logon_server: str) -> tuple[str, str, str]:
    """Server, share and directory that a machine's reports go to. `set_up` is what Client Setup
    wrote.
    """
    place = (ini.result_share_point if ini is not None else "") or set_up
    parts = [part for part in place.replace("/", "\\").split("\\") if part]
    if len(parts) < 3:
        return logon_server, LOGON_SHARE, RESULTS
    return fold(parts[0]), fold(parts[1]), fold("/".join(parts[2:]))


async def fetch(
    sms_id: str,
    servers: Sequence[str],
    etag: str,
    read: Read,
    *,
    searches_on_missing_file: bool,
    say: Callable[[str], None],
) -> Fetched:
    """The instruction file, from the first of `servers` that answers.

    The first one is the current logon server, where the file had `etag` when it was read last.
    Raises nothing for what a server answers or fails to answer.
    """
    path = instruction_path(sms_id)
    current, is_missing = servers[0], False
    for server in servers:
        say(lines.looking_for(server, sms_id))
        try:
            got = await read(server, path, etag if server == current else "")
        except ShareUnreachable:
            say(lines.NO_LOGON_SERVER)
            continue
        except ShareError as error:
            if not error.is_missing:
                return Fetched(PollResult.FAILED, current, etag, reason=str(error))
            say(lines.NO_INSTRUCTION_FILE)
            if not is_missing:
                current, etag = server, ""
            is_missing = True
            if searches_on_missing_file:
                continue
            break
        if got is None:
            return Fetched(PollResult.UNCHANGED, server, etag)
        try:
            file = parse_winst(got[0])
        except WinstError as error:
            return Fetched(PollResult.FAILED, server, etag, reason=f"{sms_id}.INS: {error}")
        return Fetched(PollResult.CHANGED, server, got[1], file.records)
    if is_missing:
        return Fetched(PollResult.MISSING, current, etag)
    return Fetched(PollResult.FAILED, current, etag, reason="no logon server answers")


def instruction_path(sms_id: str) -> str:
    """Where a client's instruction file is on a logon share."""
    return f"{INSTRUCTIONS}/{sms_id}.INS"


def alike(told: Told | None, etag: str) -> PollResult | None:
    """The result of a poll that was answered as the last one was, when the file had `etag`; None
    for another answer.
    """
    if told is None:
        return PollResult.UNCHANGED
    if not etag and isinstance(told, ShareError) and told.is_missing:
        return PollResult.MISSING
    return None


async def told_by(read: Read, server: str, path: str, etag: str) -> Told | None:
    """What a server says, or what `read` raises for it."""
    try:
        return await read(server, path, etag)
    except (ShareError, ShareUnreachable) as error:
        return error


def told_first(told: Told | None, read: Read) -> Read:
    """`read`, of which the first answer has come already; None: it has not."""
    first = told

    async def ask(server: str, path: str, etag: str) -> File | None:
        nonlocal first
        answer, first = first, None
        if answer is None:
            return await read(server, path, etag)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def next_poll(due_at: float, now: float, interval_s: float) -> float:
    """The next poll on the same cadence; what was missed is skipped, so that polls stay spread."""
    late_s = max(0.0, now - due_at)
    return due_at + interval_s * (int(late_s // interval_s) + 1)
