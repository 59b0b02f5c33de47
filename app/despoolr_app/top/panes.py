"""The panes of `top`, each a table. A state has a word or a sign, and a colour besides; times are
site time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from despoolr_app.top.answer import TopAnswer, TopTarget
from despoolr_app.top.lines import in_how_long, who_holds
from despoolr_app.top.table import Pane, Row, TopCell, TopColumn, TopLine, table
from despoolr_core.phrases import counted
from despoolr_core.records.live.model import LiveBlock, LiveHold, LiveJob, LivePage
from despoolr_core.rules.text import escaped
from despoolr_core.times import short_moment, span

WIDTH_MIN: Final = 40
LONG_S: Final = 86_400.0
"""What waits longer is marked."""


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
    if block.free and block.later_count:
        held = TopCell(f"then {counted(block.later_count, 'open')}", "hold")
    elif block.free:
        held = TopCell("nobody any more", "right")
    elif block.hold_count == 1 and holds:
        held = TopCell(who_holds(holds[0]), "hold")
    else:
        held = TopCell(f"{counted(block.file_count, 'file')}, {counted(block.hold_count, 'open')}")
    one = holds[0] if block.hold_count == 1 and holds and not block.free else None
    retry = "" if block.next_at is None else in_how_long(block.next_at, answer.now)
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
        TopCell(who_holds(hold), "hold"),
        TopCell(escaped(hold.user)),
        TopCell(escaped(hold.lets)),
        TopCell(("before " if hold.since else "") + short_moment(hold.opened_at)),
    )
    return cells, TopTarget(block.id, hold.open)


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
            TopCell("" if retry is None else in_how_long(retry, answer.now)),
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
