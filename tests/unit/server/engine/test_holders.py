"""The sums of one file's opens: they must say what the two-line rule says of each holder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.rules.conflict import (
    conflict_class,
    conflicts,
    wants,
)
from despoolr_server.engine.holders import Holders
from despoolr_server.engine.rows import Open

ACCESS = st.sampled_from(
    [0x1, 0x2, 0x4, 0x20, 0x80, 0x10000, 0x3, 0x10001, 0x10003, 0x120089, 0x1F01FF]
)
SHARE = st.integers(0, 7)


def row(number: int, access: int, share: int) -> Open:
    return Open(
        handle=f"O{number}",
        number=number,
        session="S1",
        machine="WS1",
        user="",
        program="",
        share="T",
        path="F",
        file="T/F",
        access=access,
        share_mode=share,
        conflict_class=conflict_class(access, share),
        opened_at=float(number),
        directory=False,
        delete_on_close=False,
        purpose="",
    )


@pytest.mark.slow
@given(st.lists(st.tuples(ACCESS, SHARE), max_size=12), ACCESS, SHARE, st.data())
def test_the_sums_refuse_exactly_when_a_holder_conflicts(
    held: list[tuple[int, int]], access: int, share: int, data: st.DataObject
) -> None:
    rows = [row(number, *one) for number, one in enumerate(held)]
    holders = Holders()
    for one in rows:
        holders.add(one)
    for one in data.draw(st.lists(st.sampled_from(rows), unique=True)) if rows else []:
        holders.remove(one)
        rows.remove(one)
    wanted = wants(access)
    blocking = [one for one in rows if conflicts(wanted, share, wants(one.access), one.share_mode)]
    assert holders.refuse(wanted, share) == bool(blocking)
    blockers, count = holders.blockers(wanted, share, 3)
    assert count == len(blocking)
    assert list(blockers) == blocking[:3]


def test_a_refusal_among_many_names_the_oldest_few_and_counts_all() -> None:
    holders = Holders()
    for number in range(10_000):
        holders.add(row(number, 0x1, 1 if number % 2 else 7))
    blockers, count = holders.blockers(wants(0x2), 7, 16)
    assert [one.number for one in blockers] == list(range(1, 32, 2))
    assert count == 5_000
