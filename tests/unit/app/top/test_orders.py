"""The order of a pane's rows: another one, of the same rows."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from despoolr_app.top.answer import PANES, PANES_WATCHED, TopAnswer
from despoolr_app.top.orders import ORDERS, USUAL, arranged, next_order
from worlds.top import blocked_answer


def answer(**blocks: dict[str, Any]) -> TopAnswer:
    """A page with a block for each name."""
    told = blocked_answer()
    one = next(iter(told.page.blocks.values()))
    made = {name: structs.replace(one, id=name, **facts) for name, facts in blocks.items()}
    page = structs.replace(told.page, blocks=made, block_order=list(made))
    return structs.replace(told, page=page)


def order_of(told: TopAnswer, order: str) -> list[str]:
    return arranged(told, "blocked", order).page.block_order


def test_every_pane_has_orders_and_s_goes_round_all_of_them() -> None:
    assert set(ORDERS) == {*PANES, *PANES_WATCHED}
    for pane, orders in ORDERS.items():
        seen, now = [], USUAL
        for _ in range(len(orders) + 1):
            now = next_order(pane, now)
            seen.append(now)
        assert seen == [*orders, USUAL], pane


def test_blocks_come_by_what_is_asked_and_equal_ones_as_the_site_has_them() -> None:
    told = answer(
        a={"refused": 1, "next_at": None, "server": "B"},
        b={"refused": 9, "next_at": 5.0, "server": "a"},
        c={"refused": 9, "next_at": 3.0, "server": "C"},
    )
    assert order_of(told, "refused") == ["b", "c", "a"]
    assert order_of(told, "next retry") == ["c", "b", "a"], "what nobody knows comes last"
    assert order_of(told, "server") == ["b", "a", "c"]
    assert order_of(told, USUAL) == ["a", "b", "c"] == told.page.block_order


@pytest.mark.parametrize("pane", ORDERS)
def test_no_row_is_lost_or_added_by_an_order(pane: str) -> None:
    told = blocked_answer()
    for order in ORDERS[pane]:
        page = arranged(told, pane, order).page
        assert sorted(page.block_order) == sorted(told.page.block_order)
        assert sorted(page.holder_order) == sorted(told.page.holder_order)
        assert sorted(page.job_order) == sorted(told.page.job_order)
        assert len(page.clients) == len(told.page.clients)
        assert len(page.opens) == len(told.page.opens)
