"""What the user of one machine holds open: a program on it opens a file, and keeps it until it is
closed or the machine goes.

That is all it takes to block an update. A user whom the site warns that files will be closed by
force (Q128458) ignores it, saves and closes, or the machine crashes (`when_warned`).
"""

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.connections import UserHold, same_path
from despoolr_client.agent.settings import MESSAGES_EVERY_S, WhenWarned
from despoolr_core.records.kinds.client import MessageRead
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, ShareMode


async def hold(
    agent: PcmAgent,
    server: str,
    share: str,
    path: str,
    *,
    program: str = "WINWORD.EXE",
    access: Access = Access.READ,
    share_mode: ShareMode = ShareMode.READ,
    disposition: Disposition = Disposition.OPEN,
    for_s: float | None = None,
) -> UserHold:
    """Open a file and keep it open, for a span or until `release`. Raises `ShareError` if the open
    is refused, `ShareUnreachable` if nobody answers, `ValueError` if the machine is off or, for a
    span, if nobody drives it.
    """
    if not agent.is_on:
        raise ValueError(f"{agent.machine} is switched off")
    if for_s is not None and agent.spawn is None:
        raise ValueError("a hold for a span needs somebody who drives the agent: `run` or a fleet")
    try:
        with agent.connections as connections:
            opened = await agent.share(server, share).open(
                path, access, share_mode, disposition, program=program
            )
            held = UserHold(server, share, path, opened)
            connections.holds.append(held)
    finally:
        await agent.disconnect_if_idle()
    if for_s is not None and agent.spawn is not None:
        agent.spawn(_release_later(agent, held, for_s))
    if agent.settings.when_warned is not WhenWarned.IGNORE and agent.spawn is not None:
        agent.spawn(_listen(agent, held))
    return held


async def _listen(agent: PcmAgent, held: UserHold) -> None:
    """Look for messages while a file is held open, and do what this user does when one
    comes.
    """
    while True:
        await agent.settings.clock.sleep(MESSAGES_EVERY_S)
        if not agent.is_connected or held not in agent.connections.holds:
            return
        server = agent.connections.server(held.server)
        try:
            texts = await server.messages() if server is not None else []
        except (ShareUnreachable, ShareError):
            continue
        for text in texts:
            agent.record(
                MessageRead(server=held.server, text=text, does=agent.settings.when_warned.value)
            )
        if texts and agent.settings.when_warned is WhenWarned.CLOSE:
            await release(agent, held)
            return
        if texts:
            await agent.power_off()
            return


async def release(agent: PcmAgent, held: UserHold | None = None, *, path: str = "") -> int:
    """Close one hold, those of a path (case does not matter), or all. Returns how many there
    were.
    """
    connections = agent.connections
    chosen = [
        one
        for one in connections.holds
        if held in (None, one) and (not path or same_path(one.path, path))
    ]
    await connections.release(chosen)
    await agent.disconnect_if_idle()
    return len(chosen)


async def _release_later(agent: PcmAgent, held: UserHold, seconds: float) -> None:
    await agent.settings.clock.sleep(seconds)
    await release(agent, held)
