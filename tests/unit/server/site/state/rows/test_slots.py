"""Ranges never meet, no number beyond those wanted is given out, and what fell silent is
counted.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.site.state.rows import slots
from despoolr_server.site.state.rows.slots import Lease, SlotConflict, SlotTable, Wish


def numbers(table: SlotTable) -> list[int]:
    return [n for lease in table.leases() for n in range(lease.first, lease.end)]


def test_fleets_get_ranges_one_after_the_other() -> None:
    table = SlotTable()
    got = [table.lease(Wish(holder, 250), 0.0) for holder in ("a", "b", "c")]
    assert [(lease.first, lease.count) for lease in got] == [(1, 250), (251, 250), (501, 250)]


def test_a_fleet_that_asks_again_gets_its_own_range() -> None:
    table = SlotTable()
    table.lease(Wish("a", 10), 0.0)
    before = table.lease(Wish("b", 10), 0.0)
    assert table.lease(Wish("b", 10), 5.0).first == before.first
    assert numbers(table) == list(range(1, 21))


def test_a_range_that_was_given_back_is_the_next_ones() -> None:
    table = SlotTable()
    for holder in ("a", "b", "c"):
        table.lease(Wish(holder, 10), 0.0)
    assert table.release("b") is not None
    assert table.release("b") is None
    assert table.lease(Wish("d", 10), 1.0).first == 11
    assert table.sum(1.0).lapsed_count == 0


def test_exactly_as_many_as_are_wanted_are_given_out_and_the_rest_stands_by() -> None:
    table = SlotTable(wanted=5000)
    got = [table.lease(Wish(f"r{n}", 300), 0.0).count for n in range(18)]
    assert got == [300] * 16 + [200, 0]
    assert sorted(numbers(table)) == list(range(1, 5001))
    assert "r17" not in {lease.holder for lease in table.leases()}, "who stands by holds nothing"


def test_who_stood_by_takes_over_what_another_gave_back() -> None:
    table = SlotTable(wanted=20)
    table.lease(Wish("a", 10), 0.0)
    table.lease(Wish("b", 10), 0.0)
    assert table.lease(Wish("c", 10), 0.0).count == 0
    table.release("a")
    assert table.lease(Wish("c", 10), 1.0).first == 1


def test_a_lease_ends_at_its_time_unless_it_is_renewed_and_that_is_counted() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease(Wish("a", 10), 0.0)
    table.lease(Wish("b", 10), 0.0)
    assert table.renew("a", 10, 29.0) is not None
    assert table.expire(29.999) == []
    assert [lease.holder for lease in table.expire(30.0)] == ["b"]
    assert [lease.holder for lease in table.leases()] == ["a"]
    assert table.sum(30.0).lapsed_count == 1


def test_exact_means_that_all_that_are_wanted_exist_now_whatever_was_before() -> None:
    table = SlotTable(wanted=20)
    for holder in ("a", "b"):
        table.lease(Wish(holder, 10), 0.0)
    assert not table.sum(0.0).is_exact, "leased is not there"
    table.renew("a", 10, 1.0)
    table.renew("b", 9, 1.0)
    assert table.sum(1.0).live == 19 and not table.sum(1.0).is_exact
    table.renew("b", 12, 2.0)
    assert table.sum(2.0).live == 20, "no fleet has more than it leased"
    assert table.sum(2.0).is_exact
    table.renew("a", 10, 20.0)
    assert [lease.holder for lease in table.expire(32.0)] == ["b"]
    table.renew("b", 10, 33.0)
    assert table.sum(33.0).is_exact and table.sum(33.0).lapsed_count == 1, (
        "what was is told beside it"
    )


def test_the_holder_stops_before_the_site_gives_its_numbers_away() -> None:
    """The order of times: asked, the holder's own end, the end of its stop, given away."""
    table = SlotTable(wanted=10, lease_s=30.0)
    asked, heard = 100.0, 103.0
    table.lease(Wish("a", 10), heard)
    stops_at = asked + table.hold_s
    assert stops_at + (table.lease_s - table.hold_s) <= heard + table.lease_s
    assert table.hold_s < table.lease_s and table.beat_s * slots.BEATS <= table.hold_s
    for now in (110.0, 120.0, 130.0, heard + 29.9):
        table.expire(now)
        assert table.lease(Wish("b", 10), now).count == 0, now
    table.expire(heard + 30.0)
    assert table.lease(Wish("b", 10), heard + 30.0).first == 1


def test_a_lease_that_ran_out_is_taken_up_again_unless_somebody_has_the_numbers() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease(Wish("a", 10), 0.0)
    assert [lease.holder for lease in table.expire(30.0)] == ["a"]
    assert table.lease(Wish("b", 10), 31.0).first == 11, "free numbers go first"
    kept = table.renew("a", 10, 32.0)
    assert kept is not None and kept.first == 1
    table.expire(32.0)
    assert [lease.holder for lease in table.expire(41.0)] == []
    for now in (50.0, 60.0, 62.0):
        table.expire(now)
    assert table.lease(Wish("c", 10, first=5), 62.0).first == 5
    assert table.renew("a", 10, 63.0) is None, "some of its numbers are another's"
    assert table.lease(Wish("a", 10), 63.0).first != 1


def test_a_site_that_slept_takes_nothing_away() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease(Wish("a", 10), 0.0)
    table.renew("a", 10, 4.0)
    assert table.expire(4.0) == []
    assert table.expire(64.0) == [], "it heard nobody for a minute because it did not run"
    assert table.sum(64.0).live == 0 and table.sum(64.0).lapsed_count == 0
    assert table.lease(Wish("b", 10), 64.0).first == 11
    assert [lease.holder for now in (74.0, 84.0, 94.0) for lease in table.expire(now)] == ["a", "b"]


def test_a_fleet_that_stopped_by_its_own_clock_is_counted_once() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease(Wish("a", 10), 0.0)
    table.lease(Wish("a", 10, has_stopped=True), 25.0)
    assert table.lapsed_count == 1, "the site had not noticed"
    for now in (35.0, 45.0, 55.0):
        table.expire(now)
    assert table.lapsed_count == 2
    table.lease(Wish("a", 10, has_stopped=True), 56.0)
    assert table.lapsed_count == 2, "it had noticed"


def test_exact_numbers_that_another_fleet_has_are_refused_and_nothing_is_lost() -> None:
    table = SlotTable()
    table.lease(Wish("a", 20), 0.0)
    with pytest.raises(
        SlotConflict,
        match=r"Clients 1 to 20 are run by a \(heard of 3 s ago\)\. .*--first 21, or --lease",
    ):
        table.lease(Wish("b", 5, first=20), 3.0)
    assert table.lease(Wish("b", 5, first=21), 3.0).first == 21
    with pytest.raises(SlotConflict):
        table.lease(Wish("b", 5, first=3), 4.0)
    assert [(x.holder, x.first, x.count) for x in table.leases()] == [("a", 1, 20), ("b", 21, 5)]


def test_numbers_of_machines_with_other_names_are_not_given_out() -> None:
    table = SlotTable()
    with pytest.raises(SlotConflict, match=r"Numbers 3 to 4 are machines of other names"):
        table.lease(Wish("a", 5, first=1), 0.0, [(3, 5)])
    assert table.lease(Wish("a", 5), 0.0, [(3, 5)]).first == 5, "1 and 2 are not enough"
    assert table.lease(Wish("a", 5), 1.0, [(5, 7)]).first == 7, "they were named otherwise since"


def test_exact_numbers_beyond_those_that_are_wanted_are_refused() -> None:
    table = SlotTable(wanted=10)
    with pytest.raises(SlotConflict, match="has clients 1 to 10; 6 to 15 were asked for"):
        table.lease(Wish("a", 10, first=6), 0.0)


def test_a_name_belongs_to_one_process_until_that_has_missed_its_beats() -> None:
    table = SlotTable(lease_s=30.0)
    first = table.lease(Wish("a", 10, instance="one"), 0.0)
    with pytest.raises(
        SlotConflict, match=r"A fleet named a runs clients 1 to 10 already"
    ) as refused:
        table.lease(Wish("a", 10, instance="two"), 1.0)
    assert refused.value.wait_s == pytest.approx(slots.MISSED_BEATS * table.beat_s - 1.0)
    assert table.lease(Wish("a", 10, instance="one"), 2.0).first == first.first, (
        "the same process may ask again"
    )
    assert (
        table.lease(Wish("a", 10, instance="two"), 2.0 + slots.MISSED_BEATS * table.beat_s).first
        == first.first
    )
    with pytest.raises(SlotConflict, match="Another process runs the clients of a"):
        table.renew("a", 10, 12.0, "one")
    assert table.release("a", "one") is None and table.release("a", "two") is not None


def test_another_count_is_another_range_that_begins_where_it_can() -> None:
    table = SlotTable()
    table.lease(Wish("a", 10), 0.0)
    assert (table.lease(Wish("a", 20), 1.0).first, table.lease(Wish("a", 20), 1.0).count) == (1, 20)
    table.lease(Wish("b", 10), 1.0)
    assert table.lease(Wish("a", 30), 2.0).first == 31
    assert numbers(table) == [*range(21, 31), *range(31, 61)]


def test_a_fleet_silent_for_half_a_lease_does_not_count_though_its_range_is_its_own() -> None:
    table = SlotTable(lease_s=30.0)
    table.lease(Wish("a", 10), 0.0)
    table.renew("a", 10, 1.0)
    assert table.sum(15.9).live == 10
    assert (
        table.sum(16.0).live == 0 and table.sum(16.0).leased == 10 and not table.sum(16.0).is_exact
    )


def test_without_a_number_wanted_the_leases_are_what_is_wanted() -> None:
    table = SlotTable()
    table.lease(Wish("a", 10), 0.0)
    table.renew("a", 10, 0.0)
    assert table.sum(0.0).wanted == 10 and table.sum(0.0).is_exact


def test_a_site_server_that_was_killed_gives_every_fleet_a_whole_lease_to_be_heard_of() -> None:
    table = SlotTable(lease_s=30.0)
    table.restore([Lease("a", 1, 10, 10, 5.0), Lease("b", 11, 10, 10, 5.0)], now=100.0)
    assert [x for now in (110.0, 120.0, 129.0) for x in table.expire(now)] == [] and table.sum(
        129.0
    ).live == 0
    assert table.lease(Wish("c", 10), 129.0).first == 21
    assert table.lease(Wish("a", 10), 129.0).first == 1


def test_fleets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FLEETS_MAX", 2)
    table = SlotTable()
    assert [table.lease(Wish(f"f{n}", 1), 0.0).count for n in range(3)] == [1, 1, 0]


def test_clients_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "NUMBER_MAX", 25)
    table = SlotTable()
    assert [table.lease(Wish(f"f{n}", 10), 0.0).count for n in range(4)] == [10, 10, 5, 0]


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


@pytest.mark.slow
@given(moves=MOVES, wanted=st.integers(0, 40))
def test_whatever_fleets_do_no_number_is_two_fleets(
    moves: list[tuple[str, str, int]], wanted: int
) -> None:
    table, now = SlotTable(wanted, lease_s=30.0), 0.0
    for what, holder, number in moves:
        if what == "lease":
            assert table.lease(Wish(holder, number), now).count <= number
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
