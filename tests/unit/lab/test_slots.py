"""Ranges never meet, no number beyond those wanted is given out, and what fell silent is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab import slots
from despoolr_lab.slots import Lease, SlotTable


def numbers(table: SlotTable) -> list[int]:
    return [n for lease in table.leases() for n in range(lease.first, lease.end)]


def test_fleets_get_ranges_one_after_the_other() -> None:
    table = SlotTable()
    got = [table.lease(holder, 250, 0.0) for holder in ("a", "b", "c")]
    assert [(lease.first, lease.count) for lease in got] == [(1, 250), (251, 250), (501, 250)]


def test_a_fleet_that_asks_again_gets_its_own_range() -> None:
    table = SlotTable()
    table.lease("a", 10, 0.0)
    before = table.lease("b", 10, 0.0)
    assert table.lease("b", 10, 5.0).first == before.first
    assert numbers(table) == list(range(1, 21))


def test_a_range_that_was_given_back_is_the_next_ones() -> None:
    table = SlotTable()
    for holder in ("a", "b", "c"):
        table.lease(holder, 10, 0.0)
    assert table.release("b") is not None
    assert table.release("b") is None
    assert table.lease("d", 10, 1.0).first == 11
    assert table.sum(1.0).lapsed_count == 0


def test_exactly_as_many_as_are_wanted_are_given_out_and_the_rest_stands_by() -> None:
    table = SlotTable(wanted=5000)
    got = [table.lease(f"r{n}", 300, 0.0).count for n in range(18)]
    assert got == [300] * 16 + [200, 0]
    assert sorted(numbers(table)) == list(range(1, 5001))
    assert "r17" not in {lease.holder for lease in table.leases()}, "who stands by holds nothing"


def test_who_stood_by_takes_over_what_another_gave_back() -> None:
    table = SlotTable(wanted=20)
    table.lease("a", 10, 0.0)
    table.lease("b", 10, 0.0)
    assert table.lease("c", 10, 0.0).count == 0
    table.release("a")
    assert table.lease("c", 10, 1.0).first == 1


def test_a_lease_ends_at_its_time_unless_it_is_renewed_and_that_is_counted() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease("a", 10, 0.0)
    table.lease("b", 10, 0.0)
    assert table.renew("a", 10, 29.0) is not None
    assert table.expire(29.999) == []
    assert [lease.holder for lease in table.expire(30.0)] == ["b"]
    assert table.renew("b", 10, 30.0) is None
    assert table.sum(30.0).lapsed_count == 1 and not table.sum(30.0).is_exact


def test_exact_means_all_that_were_wanted_exist_and_none_was_lost() -> None:
    table = SlotTable(wanted=20)
    for holder in ("a", "b"):
        table.lease(holder, 10, 0.0)
    assert not table.sum(0.0).is_exact, "leased is not there"
    table.renew("a", 10, 1.0)
    table.renew("b", 9, 1.0)
    assert table.sum(1.0).live == 19 and not table.sum(1.0).is_exact
    table.renew("b", 12, 2.0)
    assert table.sum(2.0).live == 20, "no fleet has more than it leased"
    assert table.sum(2.0).is_exact


def test_a_fleet_that_is_silent_for_half_a_lease_does_not_count_though_its_range_is_still_its_own() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease("a", 10, 0.0)
    table.renew("a", 10, 1.0)
    assert table.sum(15.9).live == 10
    assert table.sum(16.0).live == 0 and table.sum(16.0).leased == 10 and not table.sum(16.0).is_exact


def test_without_a_number_wanted_the_leases_are_what_is_wanted() -> None:
    table = SlotTable()
    table.lease("a", 10, 0.0)
    table.renew("a", 10, 0.0)
    assert table.sum(0.0).wanted == 10 and table.sum(0.0).is_exact


def test_a_site_server_that_was_killed_gives_every_fleet_a_whole_lease_to_be_heard_of() -> None:
    table = SlotTable(lease_s=30.0)
    table.restore([Lease("a", 1, 10, 10, 5.0), Lease("b", 11, 10, 10, 5.0)], now=100.0)
    assert table.expire(129.0) == [] and table.sum(129.0).live == 0
    assert table.lease("c", 10, 129.0).first == 21
    assert table.lease("a", 10, 129.0).first == 1


def test_fleets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FLEETS_MAX", 2)
    table = SlotTable()
    assert [table.lease(f"f{n}", 1, 0.0).count for n in range(3)] == [1, 1, 0]


def test_clients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "NUMBER_MAX", 25)
    table = SlotTable()
    assert [table.lease(f"f{n}", 10, 0.0).count for n in range(4)] == [10, 10, 5, 0]


HOLDERS = st.sampled_from("abcdef")
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("lease"), HOLDERS, st.integers(1, 12)),
        st.tuples(st.just("release"), HOLDERS, st.just(0)),
        st.tuples(st.just("renew"), HOLDERS, st.integers(0, 12)),
        st.tuples(st.just("wait"), HOLDERS, st.integers(1, 20)),
    ),
    max_size=60,
)


@given(moves=MOVES, wanted=st.integers(0, 40))
def test_whatever_fleets_do_no_number_is_two_fleets(moves: list[tuple[str, str, int]], wanted: int) -> None:
    table, now = SlotTable(wanted, lease_s=30.0), 0.0
    for what, holder, number in moves:
        if what == "lease":
            assert table.lease(holder, number, now).count <= number or holder in {x.holder for x in table.leases()}
        elif what == "release":
            table.release(holder)
        elif what == "renew":
            table.renew(holder, number, now)
        else:
            now += number
            table.expire(now)
        given_out = numbers(table)
        assert len(given_out) == len(set(given_out))
        assert not wanted or all(1 <= n <= wanted for n in given_out)
