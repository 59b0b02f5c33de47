"""The pages of the store: the list of runs, and one run.

The law: every text of a run is escaped, for HTML and for whoever reads it; there is no script. They
look like the live page: its style, and `runs.css` for what only these pages have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from despoolr_app.runs.store import KeptRun
from despoolr_app.runs_page.files import REPORT, RunFile
from despoolr_app.runs_page.lists import RunList, RunQuery
from despoolr_core.phrases import counted, size
from despoolr_core.records.whatif.ladder import Ladder, LadderRow
from despoolr_core.rules.text import escaped
from despoolr_core.times import moment, span

_MARKS: Final = {
    "passed": ("✓", "ok"),
    "failed": ("✗", "refuse"),
    "interrupted": ("◐", "retry"),
    "not ended": ("◌", "retry"),
}
_HEADS: Final = {
    "name": "Run",
    "state": "State",
    "what": "What ran",
    "size": "Size",
    "newest": "Written",
}
LADDER_MAX: Final = 50
"""Rows of a ladder on the page; the file has all."""
TEXT_SIZE_MAX: Final = 2_000
"""Characters of a text that a run left; its files have all."""


class Beside(NamedTuple):
    """What lies beside the records of a run: whether a report does, and what a what-if said."""

    has_report: bool
    remedy: str


def list_page(
    root: str, wanted: RunQuery, found: RunList, total: int, beside: Mapping[str, Beside]
) -> str:
    """The runs of a store; `total` counts all of it, `beside` is told by a run's name."""
    heads = "".join(
        f"<th scope=col{' aria-sort=other' if order == wanted.order else ''}>"
        f'<a href="{_address(wanted, order=order)}">{_HEADS[order]}</a>'
        + (" ▾" if order == wanted.order else "")
        + "</th>"
        for order in _HEADS
    )
    rows = "".join(_row(run, beside[run.name]) for run in found.rows)
    if found.rows:
        table = (
            '<table class="ruled cards runs" role="table"><caption class="sr">Runs, '
            f"ordered by {_HEADS[wanted.order]}</caption>"
            f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
            f'<tbody role="rowgroup">{rows}</tbody></table>'
        )
    elif wanted.word:
        table = f'<p class="empty">No run of {total:,} has that word in what is known of it.</p>'
    else:
        table = (
            '<p class="empty">There are no runs here yet. These keep theirs in it:'
            "<code>despoolr demo</code><code>despoolr kb run Q147819</code>"
            "<code>despoolr import TRACE</code></p>"
        )
    count = f"{found.fitting:,} of {total:,} runs" if wanted.word else counted(total, "run")
    search = (
        '<form class="filter" role="search" method="get" action="/"><label for="q">Filter</label>'
        f'<input id="q" name="q" type="search" maxlength="200" value="{_text(wanted.word)}" '
        'placeholder="scenario, state, verdict ...">'
        f'<input type="hidden" name="by" value="{wanted.order}"><button>Find</button>'
        f'<span class="small">{count}, {size(found.size)}</span></form>'
    )
    return _page("Runs", f"Runs kept in {_text(root)}", search + table + _pages(wanted, found))


def run_page(run: KeptRun, kept: list[RunFile], ladder: Ladder | None, is_cut: bool) -> str:
    """One run: what it came to, what would have fixed it, its files, and where to read on."""
    name = quote(run.name)
    names = {file.name for file in kept}
    facts = [
        ("State", _state(run.state)),
        ("What ran", _text(_what(run))),
        ("Seed", "" if run.seed is None else str(run.seed)),
        ("Written", f"{_moment(run.at)} UTC"),
        ("Size", size(run.size)),
        ("Digest", f"<code>{_text(run.digest)}</code>" if run.digest else ""),
    ]
    told = "".join(f"<dt>{head}</dt><dd>{value}</dd>" for head, value in facts if value)
    verdict = f'<p class="said">{_text(run.verdict)}</p>' if run.verdict else ""
    report = (
        f'<p><a class="button" href="/runs/{name}/report">Open the report</a></p>'
        if REPORT in names
        else '<p class="small">It has no report yet: '
        f"<code>despoolr report {_text(run.name)}</code> makes one.</p>"
    )
    rows = "".join(
        f'<tr role="row"><th scope=row role=rowheader><a href="/runs/{name}/files/'
        f'{quote(file.name)}" download>{_text(file.name)}</a></th>'
        f'<td role="cell" data-l="Size">{size(file.size)}</td></tr>'
        for file in kept
    )
    more = '<p class="small">It has more files than are listed here.</p>' if is_cut else ""
    downloads = (
        '<section aria-labelledby="files-h"><header><h2 id="files-h">Files</h2></header>'
        '<table class="ruled files" role="table"><thead role="rowgroup"><tr role="row">'
        "<th scope=col>File</th><th scope=col>Size</th></tr></thead>"
        f'<tbody role="rowgroup">{rows}</tbody></table>{more}</section>'
    )
    body = (
        f'<nav class="back"><a href="/">All runs</a></nav>{verdict}{report}'
        f'<dl class="facts">{told}</dl>{_ladder(run, ladder)}{downloads}{_read_on(run)}'
    )
    return _page(run.name, _text(run.name), body)


def message_page(head: str, text: str) -> str:
    """A page that says why there is none."""
    back = '<p><a href="/">All runs</a></p>'
    return _page(head, _text(head), f'<p class="said">{_text(text)}</p>{back}')


# -- parts


def _row(run: KeptRun, beside: Beside) -> str:
    address = f"/runs/{quote(run.name)}"
    verdict = f"<small>{_text(run.verdict)}</small>" if run.verdict else ""
    if beside.remedy:
        verdict += f"<small><b>What would have fixed it:</b> {_text(beside.remedy)}</small>"
    if beside.has_report:
        named = f'aria-label="Report of {_text(run.name)}"'
        verdict += f'<small><a href="{address}/report" {named}>Report</a></small>'
    digest = f"<small><code>{_text(run.digest[:12])}</code></small>" if run.digest else ""
    return (
        f'<tr role="row"><th scope=row role=rowheader><a href="{address}">{_text(run.name)}</a>'
        f'{digest}</th><td role="cell" data-l="State">{_state(run.state)}</td>'
        f'<td role="cell" data-l="What ran">{_text(_what(run))}{verdict}</td>'
        f'<td role="cell" data-l="Size" class="nowrap">{size(run.size)}</td>'
        f'<td role="cell" data-l="Written" class="nowrap">{_moment(run.at)}</td></tr>'
    )


def _state(state: str) -> str:
    mark, colour = _MARKS.get(state, ("", ""))
    shown = f'<span aria-hidden="true">{mark}</span> ' if mark else ""
    return f'<span class="nowrap {colour}">{shown}{_text(state)}</span>'


def _pages(wanted: RunQuery, found: RunList) -> str:
    if found.pages < 2:
        return ""
    at = min(wanted.page, found.pages)
    links = [
        f'<a href="{_address(wanted, page=number)}">{text}</a>'
        for text, number in (("Newer rows", at - 1), ("More rows", at + 1))
        if 0 < number <= found.pages
    ]
    return (
        '<nav class="back" aria-label="Pages of the list">'
        f"{' '.join(links)} <span>page {at} of {found.pages}</span></nav>"
    )


def _ladder(run: KeptRun, ladder: Ladder | None) -> str:
    head = (
        '<section aria-labelledby="fix-h"><header><h2 id="fix-h">What would have fixed it</h2>'
        "</header>"
    )
    if ladder is None:
        if run.kind not in ("scenario", "import"):
            return ""
        return (
            f'{head}<p class="empty">Nobody has asked yet:'
            f"<code>despoolr whatif {_text(run.name)}</code></p></section>"
        )
    rows = "".join(map(_rung, ladder.rows[:LADDER_MAX]))
    left = len(ladder.rows) - LADDER_MAX
    others = counted(left, "more change")
    more = f'<p class="small">{others} in whatif.json</p>' if left > 0 else ""
    table = (
        '<table class="ruled cards ladder" role="table"><thead role="rowgroup"><tr role="row">'
        "<th scope=col>Change</th><th scope=col>Result</th><th scope=col>Worlds</th>"
        "<th scope=col>Goal after</th><th scope=col>Effects, or why not</th></tr></thead>"
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )
    said = f'<p class="said">{_text(ladder.sentence)}</p>'
    return f"{head}{said}{table if rows else ''}{more}</section>"


def _rung(row: LadderRow) -> str:
    after = "" if row.goal_after_s is None else span(row.goal_after_s)
    colour = "ok" if row.is_remedy else "refuse" if row.word == "harms" else ""
    worlds = f"{row.held} of {row.worlds}" if row.worlds else ""
    cells = (
        ("Result", f'<span class="{colour}">{_text(row.word)}</span>'),
        ("Worlds", worlds),
        ("Goal after", after),
        ("Effects", _text(row.effects.told()) if row.worlds else _text(row.why)),
    )
    return (
        f'<tr role="row"><th scope=row role=rowheader>{_text(row.change)}</th>'
        + "".join(f'<td role="cell" data-l="{head}">{value}</td>' for head, value in cells)
        + "</tr>"
    )


def _read_on(run: KeptRun) -> str:
    if run.kind not in ("scenario", "import"):
        return ""
    words = ("why", "locks", "jobs", "events", "export perfetto")
    lines = "".join(f"<li><code>despoolr {word} {_text(run.name)}</code></li>" for word in words)
    return (
        '<section aria-labelledby="on-h"><header><h2 id="on-h">In a terminal</h2></header>'
        f'<ul class="commands">{lines}</ul></section>'
    )


def _address(wanted: RunQuery, *, order: str = "", page: int = 1) -> str:
    given = {"q": wanted.word, "by": order or wanted.order, "page": page if page > 1 else ""}
    return f"/?{_text(urlencode({key: value for key, value in given.items() if value}))}"


def _page(title: str, head: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}, Despoolr</title>\n<style>{style()}</style>\n"
        '<a class="skip" href="#head">Skip to the content</a>\n<main class="store">\n'
        f'<header class="top"><b>Despoolr</b></header>\n<h1 id="head" tabindex="-1">{head}</h1>\n'
        f"{body}\n</main>\n</html>\n"
    )


@cache
def style() -> str:
    """The style of all pages: the live page's, and what only these have."""
    live = files("despoolr_server.http.live").joinpath("assets", "live.css")
    own = files("despoolr_app.runs_page").joinpath("runs.css")
    return live.read_text("utf-8") + own.read_text("utf-8")


def _what(run: KeptRun) -> str:
    words = [run.kind if run.kind != "scenario" else "", run.scenario]
    words += [f"on SMS {run.version}" if run.version else ""]
    return " ".join(word for word in words if word) or "-"


def _moment(at: float) -> str:
    try:
        return moment(at)
    except (ValueError, OverflowError, OSError):
        return "-"


def _text(text: str) -> str:
    shown = text if len(text) <= TEXT_SIZE_MAX else f"{text[:TEXT_SIZE_MAX]}…"
    return escape(escaped(shown))
