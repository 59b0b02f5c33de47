"""From a file to what each process is told: every client once, the same mix everywhere, the same
plan for the same seed.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from despoolr_app.process.settings import parse_named_server
from despoolr_lab.load.plan import ClientLayout, LoadSite, holds_of, layout_of, orders_of, pace_of
from despoolr_lab.load.spec.file import parse_load

LOAD = parse_load(
    """\
name = "plan"
title = "A plan"
[load]
for = "10m"
[[clients]]
name = "A"
count = 31
shape = "shift change"
at = "4m"
over = "2m"
[[clients]]
name = "B"
count = 9
poll_every = "5m"
[[package]]
name = "OFFICE"
files = 3
[[holders]]
clients = "A"
count = 12
package = "OFFICE"
at = "2m"
for = "3m"
"""
)
SERVERS = [
    parse_named_server("L1=http://l1,distribution"),
    parse_named_server("L2=http://l2,distribution"),
]
PLACE = LoadSite(
    "http://site",
    "t",
    60.0,
    SERVERS[:1],
    101,
    {"OFFICE": ("BPC00001", ["1", "2", "3"])},
    {"OFFICE": SERVERS},
)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(1, 8))
def test_every_client_is_in_one_process_and_every_process_has_its_part_of_every_group(
    counts: list[int], processes: int
) -> None:
    layout = ClientLayout(counts, processes)
    assert sorted(client for piece in layout.pieces for client in piece) == list(range(sum(counts)))
    for number, count in enumerate(counts):
        sizes = [len(groups[number]) for groups in layout.groups]
        assert sum(sizes) == count and max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(1, 8))
def test_slots_are_the_numbers_of_the_processes_one_after_the_other(
    counts: list[int], processes: int
) -> None:
    layout = ClientLayout(counts, processes)
    for process, piece in enumerate(layout.pieces):
        assert [layout.slot(client) for client in piece] == list(
            range(layout.first_of(process), layout.first_of(process) + len(piece))
        )


def test_processes_are_told_the_whole_pace_between_them() -> None:
    pace = pace_of(LOAD, 60.0)
    for processes in (1, 3):
        orders = orders_of(LOAD, PLACE, layout_of(LOAD, processes))
        assert [o.first for o in orders] == [
            101 + sum(x.count for x in orders[:n]) for n in range(processes)
        ]
        told = Counter(at for order in orders for part in order.parts for at, _ in part.schedules)
        assert told == Counter(schedule.first for schedule in pace)
        assert {(order.end, order.late_max) for order in orders} == {(10.0, 0.05)}


def test_there_are_no_more_processes_than_clients() -> None:
    assert len(layout_of(LOAD, 64).pieces) == 40


def test_holders_are_distinct_clients_and_share_files_and_servers_out() -> None:
    holds = holds_of(LOAD, PLACE)
    assert len({hold.client for hold in holds}) == 12 and all(hold.client < 31 for hold in holds)
    assert Counter((hold.server, hold.path) for hold in holds) == {
        (server, f"BPC00001/{file}"): 2 for server in ("L1", "L2") for file in "123"
    }
    assert {(hold.at, hold.until) for hold in holds} == {(2.0, 5.0)}
    assert holds == holds_of(LOAD, PLACE)


def test_a_holder_is_told_to_the_process_that_has_the_client() -> None:
    layout = layout_of(LOAD, 3)
    orders = orders_of(LOAD, PLACE, layout)
    found = sorted(
        layout.pieces[process][hold.client]
        for process, order in enumerate(orders)
        for hold in order.holds
    )
    assert found == sorted(hold.client for hold in holds_of(LOAD, PLACE))
