"""Which runs a page lists, in which order: by a word and a column that the address names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from despoolr_app.runs.store import KeptRun
from despoolr_core.rules.fold import fold

ROWS_MAX: Final = 100
"""Runs on one page."""
WORD_SIZE_MAX: Final = 200
ORDERS: Final[dict[str, tuple[Callable[[KeptRun], Any], bool]]] = {
    "newest": (lambda run: (run.at, run.name), True),
    "name": (lambda run: fold(run.name), False),
    "state": (lambda run: (run.state, -run.at), False),
    "what": (lambda run: (fold(run.scenario), run.version, -run.at), False),
    "size": (lambda run: run.size, True),
}
"""How a list is ordered, and whether the greatest comes first."""


class RunQuery(NamedTuple):
    """What an address asks for: runs with a word in what is known of them, an order, a page from 1
    on.
    """

    word: str = ""
    order: str = "newest"
    page: int = 1


class RunList(NamedTuple):
    """Runs of a page, of how many that fit, on how many pages; `size` in bytes of all those."""

    rows: list[KeptRun]
    fitting: int
    pages: int
    size: int


def wanted_of(word: str, order: str, page: str) -> RunQuery:
    """What an address says; what it says wrongly is left at its default."""
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
    return RunQuery(word[:WORD_SIZE_MAX], order if order in ORDERS else "newest", max(1, number))


def listed(runs: Iterable[KeptRun], wanted: RunQuery) -> RunList:
    """The page that is wanted, or the last there is."""
    word = fold(wanted.word.strip())
    fitting = [run for run in runs if not word or word in fold(_known(run))]
    key, is_greatest_first = ORDERS[wanted.order]
    fitting.sort(key=key, reverse=is_greatest_first)
    pages = max(1, -(-len(fitting) // ROWS_MAX))
    first = (min(wanted.page, pages) - 1) * ROWS_MAX
    size = sum(run.size for run in fitting)
    return RunList(fitting[first : first + ROWS_MAX], len(fitting), pages, size)


def _known(run: KeptRun) -> str:
    words = (run.name, run.kind, run.state, run.scenario, run.version, run.verdict, run.digest)
    return "\n".join(words)
