"""In which order a pane of `top` lists its rows: the site's own, what matters first, or by one of
its columns.

The law: an order changes no row; what the site left out because it matters less stays left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from msgspec import structs

from despoolr_app.top.answer import TopAnswer
from despoolr_core.records.live.model import LivePage
from despoolr_core.rules.fold import fold

USUAL: Final = "what matters"
Key = Callable[[Any], Any]
ORDERS: Final[dict[str, dict[str, Key]]] = {
    "blocked": {
        "refused": lambda block: -block.refused,
        "next retry": lambda block: math.inf if block.next_at is None else block.next_at,
        "server": lambda block: fold(block.server),
    },
    "holders": {
        "open for": lambda holder: holder.opened_at,
        "updates": lambda holder: -holder.keeps_out_count,
        "name": lambda holder: (fold(holder.program), fold(holder.machine)),
    },
    "jobs": {
        "since": lambda job: -job.status_at,
        "status": lambda job: job.status,
        "name": lambda job: fold(job.name or job.job),
    },
    "clients": {"PCs": lambda clients: -clients.count},
    "open": {
        "file": lambda held: fold(held.path),
        "name": lambda held: (fold(held.machine), fold(held.user)),
    },
}
"""By pane: what its rows can be ordered by besides, and how."""


def next_order(pane: str, order: str) -> str:
    """The order after this one, round and round."""
    names = [USUAL, *ORDERS[pane]]
    return names[(names.index(order) + 1) % len(names)]


def arranged(answer: TopAnswer, pane: str, order: str) -> TopAnswer:
    """The same answer with the rows of a pane in an order. Rows that are equal in it keep the
    site's.
    """
    key = ORDERS[pane].get(order)
    if key is None:
        return answer
    page = answer.page
    by_id: dict[str, Callable[[], LivePage]] = {
        "blocked": lambda: structs.replace(
            page, block_order=sorted(page.block_order, key=lambda name: key(page.blocks[name]))
        ),
        "holders": lambda: structs.replace(
            page, holder_order=sorted(page.holder_order, key=lambda name: key(page.holders[name]))
        ),
        "jobs": lambda: structs.replace(
            page, job_order=sorted(page.job_order, key=lambda name: key(page.jobs[name]))
        ),
        "clients": lambda: structs.replace(page, clients=sorted(page.clients, key=key)),
        "open": lambda: structs.replace(page, opens=sorted(page.opens, key=key)),
    }
    return structs.replace(answer, page=by_id[pane]())
