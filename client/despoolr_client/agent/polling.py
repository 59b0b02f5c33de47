r"""Asking for the instruction file: which logon server, and what it answered. Changes nothing but
where the agent stands.

The current logon server is asked first, then the others: in the order of SMS.INI (Q171589) or at
random (Q153288). The server that answers is the current one from then on, and the results go there
(Q126644). A file that cannot be read as one fails the poll and leaves what was known before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from despoolr_client.pcm import lines
from despoolr_client.pcm.state import Records
from despoolr_core.formats.winst import WinstError, parse_winst
from despoolr_core.share.contract import ShareError, ShareUnreachable

if TYPE_CHECKING:
    from despoolr_client.agent.agent import PcmAgent

LOGON_SHARE: Final = "SMS_SHR"
INSTRUCTIONS: Final = "PCMINS.BOX"


class PollResult(StrEnum):
    """What a poll found."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    FAILED = "failed"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the logon servers answered: `records` for a changed file, `reason` for a failure."""

    result: PollResult
    records: Records = ()
    reason: str = ""


def logon_servers(agent: PcmAgent) -> tuple[str, ...]:
    """The logon servers of a machine, the one first that its SMS.INI calls the current one."""
    ini = agent.own_ini
    if ini is None:
        return agent.settings.logon_servers
    servers = ini.servers or agent.settings.logon_servers
    return (ini.current_logon_server, *servers) if ini.current_logon_server else servers


async def fetch(agent: PcmAgent) -> Fetched:
    """The instruction file, from the first logon server that answers."""
    path = f"{INSTRUCTIONS}/{agent.sms_id}.INS"
    is_missing = False
    for server in _in_order(agent):
        agent.say(lines.looking_for(server, agent.sms_id))
        try:
            etag = agent.etag if server == agent.logon_server else ""
            got = await agent.share(server, LOGON_SHARE).read_if_changed(path, etag)
        except ShareUnreachable:
            agent.say(lines.NO_LOGON_SERVER)
            continue
        except ShareError as error:
            if not error.is_missing:
                return Fetched(PollResult.FAILED, reason=str(error))
            agent.say(lines.NO_INSTRUCTION_FILE)
            if not is_missing:
                agent.logon_server, agent.etag = server, ""
            is_missing = True
            if agent.behaviour.search_on_missing_file:
                continue
            break
        agent.logon_server = server
        return Fetched(PollResult.UNCHANGED) if got is None else _read(agent, *got)
    return (
        Fetched(PollResult.MISSING)
        if is_missing
        else Fetched(PollResult.FAILED, reason="no logon server answers")
    )


def _read(agent: PcmAgent, data: bytes, etag: str) -> Fetched:
    try:
        file = parse_winst(data)
    except WinstError as error:
        return Fetched(PollResult.FAILED, reason=f"{agent.sms_id}.INS: {error}")
    agent.etag = etag
    return Fetched(PollResult.CHANGED, tuple(map(agent.settings.interner.intern, file.records)))


def _in_order(agent: PcmAgent) -> list[str]:
    others = [server for server in logon_servers(agent) if server != agent.logon_server]
    if agent.behaviour.random_logon_server_search:
        agent.dice("logon server").shuffle(others)
    return [agent.logon_server, *others]


def next_poll(due_at: float, now: float, interval_s: float) -> float:
    """The next poll on the same cadence; what was missed is skipped, so that polls stay spread."""
    late_s = max(0.0, now - due_at)
    return due_at + interval_s * (int(late_s // interval_s) + 1)
