"""The live page as lines of a terminal: four panes, each a table that is as wide as it may be.

The law: a name is cut only where nothing else can give way; columns go first, in the order that a
table says. A state has a word or a sign, and a colour besides. Times are site time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Final, NamedTuple

import msgspec

from despoolr_core.phrases import counted, cut
from despoolr_core.records.live.model import LiveBlock, LiveHold, LiveJob, LivePage, LiveWatched
from despoolr_core.rules.text import escaped
from despoolr_core.times import short_moment, span

GAP: Final = 2
WIDTH_MIN: Final = 40
LONG_S: Final = 86_400.0
"""What waits longer is marked."""
PANES: Final = ("blocked", "holders", "jobs", "clients")
PANES_WATCHED: Final = ("blocked", "holders", "open")
"""Those of a share that is only watched: no site, no jobs."""


class TopAnswer(msgspec.Struct):
    """What `GET /api/v1/live` answers, as far as this shows it."""

    now: float
    scale: float
    server: str
    is_site: bool
    page: LivePage
    watched: LiveWatched | None = None

    @property
    def is_blind(self) -> bool:
        """Whether nobody is known to wait, and nobody known not to: samples have no refusals."""
        return self.watched is not None and not self.watched.sees_waits


class TopTarget(NamedTuple):
    """What a line is about: a block by its id, and a hold of it by its open (or none)."""

    block: str
    open: str = ""


class TopCell(NamedTuple):
    """A text and its colour: `hold`, `refused`, `right`, `retry`, `dim`, or none."""

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class TopLine:
    """One line: its parts, and what it is about."""

    parts: tuple[TopCell, ...]
    target: TopTarget | None = None

    @property
    def text(self) -> str:
        """The line without its colours."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class TopColumn:
    """A column of a table: `gives_way` is when it goes where there is no room (0: never)."""

    head: str
    gives_way: int = 0
    is_number: bool = False


Row = tuple[Sequence[TopCell], TopTarget | None]
Pane = tuple[Sequence[TopColumn], list[Row], int]
"""The columns and rows of a pane, and how many more rows there are."""


def head_lines(answer: TopAnswer, width: int, state: str) -> list[TopLine]:
    """The site, its time, whether it answers; what is broken on purpose; what it comes to."""
    when = short_moment(answer.now, seconds=True)
    scale = f"x{answer.scale:g}  " if answer.scale != 1 else ""
    scope = escaped(answer.page.scope or answer.server)
    first = f"despoolr top  {scope}  {when}  {scale}"
    colour = "" if state == "live" else "retry"
    broken = _broken(answer)
    return [
        TopLine((TopCell(first), TopCell(cut(state, max(8, width - len(first))), colour))),
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
        truth = f"{totals.untrue} jobs Complete but untrue" if totals.untrue else ""
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
        parts.append(f"retry {_until(retry.at, answer.now)} {escaped(retry.name or retry.job)}")
    return "  ".join(part for part in parts if part)


def pane_lines(
    pane: str, answer: TopAnswer, width: int, opened: Collection[str] = ()
) -> list[TopLine]:
    """The lines of a pane, its heading first; `opened` are the blocks whose holders are shown."""
    make: Callable[[TopAnswer, Collection[str]], Pane] = {
        "blocked": _blocked,
        "holders": _holders,
        "jobs": _jobs,
        "clients": _clients,
        "open": _open,
    }[pane]
    columns, rows, more = make(answer, opened)
    lines = table(columns, rows, max(WIDTH_MIN, width))
    if not rows:
        nothing = BLIND if pane == "blocked" and answer.is_blind else _NOTHING[pane]
        lines = [TopLine((TopCell(nothing, "dim"),))]
    if more:
        lines.append(TopLine((TopCell(f"  {more:,} more, not shown: narrow it with /", "dim"),)))
    return lines


_NOTHING: Final = {
    "blocked": "Nobody is blocked.",
    "holders": "Nobody is in anybody's way.",
    "jobs": "No job was made.",
    "clients": "No client has run a package yet.",
    "open": "No file is open.",
}
BLIND: Final = "Who is refused is not in samples: follow full_audit's log as well (--audit LOG)."


def table(columns: Sequence[TopColumn], rows: Sequence[Row], width: int) -> list[TopLine]:
    """A heading and a line a row. Where it is too wide columns give way, in their order; then the
    widest column is cut.
    """
    keep = list(range(len(columns)))
    while _wide(columns, rows, keep) > width:
        gone = [index for index in keep if columns[index].gives_way]
        if not gone:
            break
        keep.remove(min(gone, key=lambda index: columns[index].gives_way))
    widths = {index: _column_width(columns, rows, index) for index in keep}
    while (over := sum(widths.values()) + GAP * (len(keep) - 1) - width) > 0:
        widest = max(keep, key=lambda index: widths[index])
        if widths[widest] <= 6:
            break
        widths[widest] -= min(over, max(1, widths[widest] - 6))
    heading = [TopCell(columns[index].head, "dim") for index in range(len(columns))]
    return [
        _line(columns, cells, keep, widths, target) for cells, target in [(heading, None), *rows]
    ]


def _column_width(columns: Sequence[TopColumn], rows: Sequence[Row], index: int) -> int:
    return max([len(columns[index].head), *(len(cells[index].text) for cells, _ in rows)])


def _wide(columns: Sequence[TopColumn], rows: Sequence[Row], keep: Sequence[int]) -> int:
    return sum(_column_width(columns, rows, i) for i in keep) + GAP * (len(keep) - 1)


def _line(
    columns: Sequence[TopColumn],
    cells: Sequence[TopCell],
    keep: Sequence[int],
    widths: dict[int, int],
    target: TopTarget | None,
) -> TopLine:
    parts = []
    for place, index in enumerate(keep):
        text = cut(cells[index].text, widths[index])
        is_last = place == len(keep) - 1
        if columns[index].is_number:
            text = f"{text:>{widths[index]}}"
        elif not is_last:
            text = f"{text:<{widths[index]}}"
        parts.append(TopCell(text + ("" if is_last else " " * GAP), cells[index].colour))
    return TopLine(tuple(parts), target)


# -- the panes


_BLOCKED: Final = (
    TopColumn("WAITS FOR"),
    TopColumn("WAITING", is_number=True),
    TopColumn("REFUSED", is_number=True),
    TopColumn("NEXT RETRY", 4),
    TopColumn("HELD BY"),
    TopColumn("USER", 2),
    TopColumn("LETS OTHERS", 1),
    TopColumn("OPEN SINCE", 3),
)


def _blocked(answer: TopAnswer, opened: Collection[str]) -> Pane:
    rows: list[Row] = []
    page = answer.page
    for name in page.block_order:
        block = page.blocks[name]
        rows.append(_block_row(block, answer, block.id in opened))
        if block.id in opened:
            rows += [_hold_row(block, hold, answer.now) for hold in block.holds]
    return _BLOCKED, rows, page.more.get("blocks", 0)


def _block_row(block: LiveBlock, answer: TopAnswer, is_opened: bool) -> Row:
    waited_s = max(0.0, answer.now - block.first_at)
    signs = ("-" if is_opened else "+") + (
        "~" if block.server in answer.page.silent else "!" if waited_s > LONG_S else " "
    )
    holds = block.holds
    if block.free:
        held = TopCell("nobody any more", "right")
    elif block.hold_count == 1 and holds:
        held = TopCell(_who(holds[0]), "hold")
    else:
        held = TopCell(f"{counted(block.file_count, 'file')}, {counted(block.hold_count, 'open')}")
    one = holds[0] if block.hold_count == 1 and holds and not block.free else None
    retry = "" if block.next_at is None else _until(block.next_at, answer.now)
    cells = (
        TopCell(f"{signs} {escaped(_wants(block, answer.page))}"),
        TopCell(span(waited_s), "refused"),
        TopCell(f"{block.refused:,}", "refused"),
        TopCell(retry),
        held,
        TopCell(escaped(one.user) if one else ""),
        TopCell(escaped(one.lets) if one else ""),
        TopCell(short_moment(one.opened_at) if one else ""),
    )
    return cells, TopTarget(block.id, one.open if one else "")


def _wants(block: LiveBlock, page: LivePage) -> str:
    """The job that waits, else the file, and on which server."""
    job = page.jobs.get(block.job)
    what = (job.name if job is not None else "") or block.job
    if not what:
        what = block.files[0].rpartition("/")[2] if block.files else block.share
    return f"{what} on {block.server}"


def _hold_row(block: LiveBlock, hold: LiveHold, now: float) -> Row:
    name = escaped(hold.path.rpartition("/")[2] or hold.path)
    cells = (
        TopCell(f"   {name}"),
        TopCell(span(max(0.0, now - hold.opened_at)), "dim"),
        TopCell(f"{hold.refusals:,}", "refused"),
        TopCell("enough alone" if hold.alone else "", "right"),
        TopCell(_who(hold), "hold"),
        TopCell(escaped(hold.user)),
        TopCell(escaped(hold.lets)),
        TopCell(("before " if hold.since else "") + short_moment(hold.opened_at)),
    )
    return cells, TopTarget(block.id, hold.open)


def _who(hold: LiveHold) -> str:
    return escaped(f"{hold.program} on {hold.machine}" if hold.program else hold.machine)


def _holders(answer: TopAnswer, _: Collection[str]) -> Pane:
    columns = (
        TopColumn("HELD BY"),
        TopColumn("USER", 1),
        TopColumn("FILE"),
        TopColumn("OPEN FOR", is_number=True),
        TopColumn("UPDATES", 2, is_number=True),
        TopColumn("KEEPS WAITING", is_number=True),
        TopColumn("WAITS ITSELF", 3),
    )
    page = answer.page
    rows: list[Row] = []
    for name in page.holder_order:
        one = page.holders[name]
        files = escaped(one.files[0].rpartition("/")[2]) if one.files else ""
        more = f" and {one.file_count - 1} more" if one.file_count > 1 else ""
        waited = max(0.0, one.waiters * answer.now - one.waited_from)
        who = f"{one.program} on {one.machine}" if one.program else one.machine
        cells = (
            TopCell(escaped(who), "hold"),
            TopCell(escaped(one.user)),
            TopCell(f"{escaped(one.server)} {files}{more}"),
            TopCell(span(max(0.0, answer.now - one.opened_at))),
            TopCell(f"{one.keeps_out_count}"),
            TopCell(span(waited), "refused"),
            TopCell("yes" if one.waits_for else ""),
        )
        block = one.keeps_out[0] if one.keeps_out else ""
        rows.append((cells, TopTarget(block, _open_of(page, block, one.machine, one.program))))
    return columns, rows, page.more.get("holders", 0)


def _open_of(page: LivePage, block: str, machine: str, program: str) -> str:
    found = page.blocks.get(block)
    holds = found.holds if found is not None else []
    same = (one.open for one in holds if (one.machine, one.program) == (machine, program))
    return next(same, "")


_STATUS_COLOURS: Final = {"Complete": "right", "Failed": "refused", "Retrying": "retry"}


def _jobs(answer: TopAnswer, _: Collection[str]) -> Pane:
    columns = (
        TopColumn("JOB"),
        TopColumn("DATABASE SAYS"),
        TopColumn("SINCE", 2),
        TopColumn("TRUE"),
        TopColumn("NEXT RETRY", 1),
    )
    page = answer.page
    retries = {one.job: one.at for one in page.retries}
    rows: list[Row] = []
    for name in page.job_order:
        job = page.jobs[name]
        retry = retries.get(job.job)
        cells = (
            TopCell(escaped(job.name or job.job)),
            TopCell(escaped(job.status), _STATUS_COLOURS.get(job.status, "")),
            TopCell(short_moment(job.status_at)),
            _truth(job),
            TopCell("" if retry is None else _until(retry, answer.now)),
        )
        rows.append((cells, None))
    return columns, rows, page.more.get("jobs", 0)


def _truth(job: LiveJob) -> TopCell:
    sign = "!= " if job.untrue else ""
    colour = "refused" if job.untrue else ""
    if job.pcs_right or job.pcs_wrong:
        total = job.pcs_right + job.pcs_wrong
        return TopCell(f"{sign}{job.pcs_right} of {counted(total, 'PC')} right", colour)
    if not job.truth:
        return TopCell(f"{sign}{escaped(job.why)}".rstrip(), colour)
    _, new, old, mixed, missing = job.truth[-1]
    parts = [f"{new} of {counted(new + old + mixed + missing, 'server')} right"]
    parts += [f"{missing} with files missing"] if missing else []
    parts += [f"{mixed} mixed"] if mixed else []
    is_right = not (old or mixed or missing)
    return TopCell(sign + ", ".join(parts), colour or ("right" if is_right else ""))


def _clients(answer: TopAnswer, _: Collection[str]) -> Pane:
    columns = (TopColumn("PCs", is_number=True), TopColumn("STATE"), TopColumn("WHICH"))
    colours = {"wrong": "refused", "right": "right", "wait": "retry"}
    rows: list[Row] = []
    for one in answer.page.clients:
        names = ", ".join(map(escaped, one.machines[:8]))
        more = f" and {one.count - min(8, len(one.machines)):,} more"
        cells = (
            TopCell(f"{one.count:,}"),
            TopCell(escaped(one.state), colours.get(one.tone, "")),
            TopCell(names + (more if one.count > min(8, len(one.machines)) else "")),
        )
        rows.append((cells, None))
    return columns, rows, 0


def _open(answer: TopAnswer, _: Collection[str]) -> Pane:
    columns = (
        TopColumn("FILE"),
        TopColumn("HELD BY"),
        TopColumn("LETS OTHERS", gives_way=1),
        TopColumn("FOR", is_number=True),
    )
    rows: list[Row] = [
        (
            (
                TopCell(escaped(f"{one.share}/{one.path}".replace("/", "\\"))),
                TopCell(escaped(f"{one.machine} ({one.user})" if one.user else one.machine)),
                TopCell(one.lets),
                TopCell(span(max(0.0, answer.now - one.opened_at))),
            ),
            None,
        )
        for one in answer.page.opens
    ]
    return columns, rows, answer.page.more.get("opens", 0)


# -- a line chosen


def why_lines(answer: TopAnswer, target: TopTarget) -> list[str]:
    """Why a block waits: each waiter's sentence, each holder's clash, and what to type."""
    block = answer.page.blocks.get(target.block)
    if block is None:
        return ["It waits no more."]
    lines = [escaped(one.says) for one in block.waiting]
    for hold in block.holds:
        alone = " Closing it alone lets the update through." if hold.alone else ""
        lines.append(f"{_who(hold)}: {escaped(hold.why)}.{alone}")
    if block.hold_count > len(block.holds):
        lines.append(f"{block.hold_count - len(block.holds):,} more opens are in the way.")
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
    others = block.hold_count - 1
    enough = (
        "This alone lets the update through."
        if hold.alone
        else f"This alone does not let the update through: {counted(others, 'other open')} "
        f"{'is' if others == 1 else 'are'} in the way."
    )
    return [
        f"Close {name} on {escaped(block.server)} for {_who(hold)}?",
        f"{user} loses what is not saved. It is recorded as an intervention.",
        enough,
        f"The same by hand: despoolr release {quote(f'{escaped(block.server)}/{hold.open}')}",
    ]


# -- words


def _until(at: float, now: float) -> str:
    left = int(at - now)
    if left < 0:
        return "due"
    return f"in {left // 60}:{left % 60:02}" if left < 3600 else f"in {span(left)}"


def texts(lines: Iterable[TopLine]) -> list[str]:
    """The lines as they look without colour."""
    return [line.text.rstrip() for line in lines]
