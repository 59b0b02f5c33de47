"""Leases: what renews, what lapses, and in what order."""

from __future__ import annotations

from despoolr_core.share.modes import NtStatus, Role
from despoolr_server.engine.rows import Refusal, Session
from despoolr_server.engine.sessions import SessionTable


def start(table: SessionTable, now: float, lease_s: float, machine: str = "WS1") -> Session:
    session = table.start(
        now,
        machine=machine,
        user="U",
        program="P",
        role=Role.CLIENT,
        owner=machine,
        lease_s=lease_s,
    )
    assert isinstance(session, Session)
    return session


def test_a_session_lives_until_its_lease_is_over_and_not_an_instant_longer() -> None:
    table = SessionTable()
    session = start(table, 100.0, 30.0)
    assert table.find(session.session, 129.9) is session
    assert table.find(session.session, 130.0) is None
    assert table.pop_lapsed(129.9) is None
    assert table.pop_lapsed(130.0) is session
    assert len(table) == 0


def test_what_is_left_of_a_lease_is_nothing_once_it_is_over_or_its_session_has_ended() -> None:
    table = SessionTable()
    name = start(table, 100.0, 30.0).session
    assert [table.left_s(name, now) for now in (110.0, 130.0, 140.0)] == [20.0, 0.0, 0.0]
    table.remove(name)
    assert table.left_s(name, 110.0) == 0.0


def test_a_renewal_pushes_the_deadline_out() -> None:
    table = SessionTable()
    session = start(table, 100.0, 30.0)
    table.renew(session, 120.0)
    assert table.deadline(session) == 150.0
    assert table.pop_lapsed(140.0) is None
    assert table.next_deadline() == 150.0
    assert table.pop_lapsed(150.0) is session


def test_a_session_without_a_lease_never_lapses() -> None:
    table = SessionTable()
    session = start(table, 100.0, 0.0)
    table.renew(session, 200.0)
    assert table.pop_lapsed(1e12) is None
    assert table.find(session.session, 1e12) is session
    assert table.next_deadline() == float("inf")


def test_sessions_lapse_in_the_order_of_their_deadlines_then_of_their_age() -> None:
    table = SessionTable()
    late, first, second = start(table, 0.0, 50.0), start(table, 0.0, 40.0), start(table, 0.0, 40.0)
    assert [table.pop_lapsed(60.0) for _ in range(3)] == [first, second, late]


def test_a_session_that_ended_does_not_lapse_again() -> None:
    table = SessionTable()
    session = start(table, 0.0, 10.0)
    assert table.remove(session.session) is session
    assert table.remove(session.session) is None
    assert table.pop_lapsed(100.0) is None


def test_the_limit_is_reached_and_not_passed() -> None:
    table = SessionTable(sessions_max=2)
    start(table, 0.0, 10.0)
    start(table, 0.0, 10.0)
    refusal = table.start(
        0.0, machine="C", user="", program="", role=Role.CLIENT, owner="C", lease_s=1.0
    )
    assert isinstance(refusal, Refusal)
    assert refusal.status is NtStatus.INSUFFICIENT_RESOURCES
    assert "2 sessions" in refusal.reason


def test_ids_count_up_behind_their_prefix() -> None:
    table = SessionTable(id_prefix="b2.")
    assert [start(table, 0.0, 1.0).session for _ in range(2)] == ["Sb2.1", "Sb2.2"]
    assert [session.number for session in table] == [1, 2]


def test_the_next_lapse_is_that_of_a_session_that_lives_as_it_was_renewed() -> None:
    table = SessionTable()
    renewed, ended, third = (start(table, 0.0, lease_s) for lease_s in (30.0, 40.0, 55.0))
    table.renew(renewed, 20.0)
    table.remove(ended.session)
    assert table.next_deadline() == 30.0
    assert table.next_lapse() == table.next_deadline() == 50.0
    assert table.pop_lapsed(50.0) is renewed
    assert table.next_lapse() == 55.0
    table.remove(third.session)
    assert table.next_lapse() == float("inf")
