"""What `top` says beside its panes: the head of the page, why what was chosen waits, and what a
release would do.
"""

from __future__ import annotations

from shlex import quote

from rich.cells import cell_len

from despoolr_app.cells import cut
from despoolr_app.top.answer import TopAnswer, TopTarget
from despoolr_app.top.table import TopCell, TopLine
from despoolr_core.phrases import counted
from despoolr_core.records.live.model import LiveHold
from despoolr_core.rules.text import escaped
from despoolr_core.times import short_moment, span


def head_lines(answer: TopAnswer, width: int, state: str) -> list[TopLine]:
    """The site, its time, whether it answers; what is broken on purpose; what it comes to."""
    when = short_moment(answer.now, seconds=True)
    scale = f"x{answer.scale:g}  " if answer.scale != 1 else ""
    scope = escaped(answer.page.scope or answer.server)
    first = f"despoolr top  {scope}  {when}  {scale}"
    colour = "" if state == "live" else "retry"
    broken = _broken(answer)
    return [
        TopLine((TopCell(first), TopCell(cut(state, max(8, width - cell_len(first))), colour))),
        *([TopLine((TopCell(cut(broken, width), "refused"),))] if broken else []),
        TopLine((TopCell(cut(_summary(answer), width), "dim"),)),
    ]


def _broken(answer: TopAnswer) -> str:
    """The faults that somebody caused and that last, the newest first."""
    lasting = [mark for mark in answer.page.marks if mark.lasts]
    if not lasting:
        return ""
    newest, number = lasting[-1], len(lasting) + answer.page.more.get("faults", 0)
    since = f"{escaped(newest.text)}, for {span(max(0.0, answer.now - newest.at))}"
    return f"Broken on purpose: {since}{f'; {number - 1} more' if number > 1 else ''}"


def _summary(answer: TopAnswer) -> str:
    totals = answer.page.totals
    if answer.is_blind and not totals.waiters:
        return f"{counted(totals.opens, 'file')} open.  Who is refused is not in samples."
    if not totals.waiters:
        opens = f"{counted(totals.opens, 'file')} open, none in the way"
        truth = f"{counted(totals.untrue, 'job')} Complete but untrue" if totals.untrue else ""
        return "  ".join(part for part in ("Nobody is blocked.", opens, truth) if part)
    parts = [
        f"{counted(totals.files, 'file')} blocked",
        counted(totals.holders, "holder"),
        f"{totals.retrying} Retrying" if totals.retrying else "",
        f"{totals.untrue} untrue" if totals.untrue else "",
        f"{totals.clients_wrong} of {counted(totals.clients, 'PC')} wrong"
        if totals.clients_wrong
        else "",
    ]
    retry = min(answer.page.retries, key=lambda one: one.at, default=None)
    if retry is not None:
        parts.append(
            f"retry {in_how_long(retry.at, answer.now)} {escaped(retry.name or retry.job)}"
        )
    return "  ".join(part for part in parts if part)


def why_lines(answer: TopAnswer, target: TopTarget) -> list[str]:
    """Why a block waits: each waiter's sentence, each holder's clash, and what to type."""
    block = answer.page.blocks.get(target.block)
    if block is None:
        return ["It waits no more."]
    lines = [escaped(one.says) for one in block.waiting]
    for hold in block.holds:
        alone = " Closing it alone lets the update through." if hold.alone else ""
        lines.append(f"{who_holds(hold)}: {escaped(hold.why)}.{alone}")
    if block.hold_count > len(block.holds):
        more = counted(block.hold_count - len(block.holds), "more open is", "more opens are")
        lines.append(f"{more} in the way.")
    if block.later_count:
        more = counted(block.later_count, "open")
        lines.append(f"Then {more} of other files of its package would refuse it.")
    if answer.watched is not None:
        run = quote(escaped(answer.watched.run))
        return [*lines, f"{answer.watched.proves}.", f"The same by hand: despoolr why {run}"]
    machine = f" --machine {quote(escaped(block.waiting[0].machine))}" if block.waiting else ""
    return [*lines, f"The same by hand: despoolr why{machine}"]


def by_hand_lines(answer: TopAnswer, target: TopTarget) -> list[str]:
    """What closes a file on a server that is only watched; nothing of a server of a site."""
    block = answer.page.blocks.get(target.block)
    if block is None or answer.watched is None:
        return []
    return [
        f"{escaped(block.server)} is only watched: nothing is closed from here. There, as an "
        "administrator:",
        "\n".join(map(escaped, answer.watched.by_hand)),
    ]


def release_lines(answer: TopAnswer, target: TopTarget) -> list[str]:
    """What a release would do, as a question and what it costs; nothing for no open."""
    block = answer.page.blocks.get(target.block)
    hold = next((one for one in block.holds if one.open == target.open), None) if block else None
    if block is None or hold is None:
        return []
    name = escaped(hold.path.rpartition("/")[2])
    user = escaped(hold.user or hold.machine)
    others = block.hold_count - 1 + block.later_count
    enough = (
        "Nobody else is in the way of this file."
        if hold.alone
        else f"This alone does not let the update through: {counted(others, 'other open')} "
        f"{'is' if others == 1 else 'are'} in the way."
    )
    return [
        f"Close {name} on {escaped(block.server)} for {who_holds(hold)}?",
        f"{user} loses what is not saved. It is recorded as an intervention.",
        enough,
        f"The same by hand: despoolr release {quote(f'{escaped(block.server)}/{hold.open}')}",
    ]


def who_holds(hold: LiveHold) -> str:
    """`WINWORD.EXE on WS1`, or the machine alone, safe to print."""
    return escaped(f"{hold.program} on {hold.machine}" if hold.program else hold.machine)


def in_how_long(at: float, now: float) -> str:
    """Until a retry: `in 4:05`, `in 2 h`, `due`."""
    left = int(at - now)
    if left < 0:
        return "due"
    return f"in {left // 60}:{left % 60:02}" if left < 3600 else f"in {span(left)}"
