"""What a poll decides: shown once, run once, expired once; the folders; and the faults one by
one.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_client.pcm.behaviour import PcmBehaviour, PcmVariant
from despoolr_client.pcm.history import NO_HISTORY, HistoryState
from despoolr_client.pcm.state import Decisions, Folder, Pcm
from despoolr_core.formats.instructions.winst import WorkstationInstruction

X86 = 0x02


def record(
    request: str = "BPC0001", *, background: bool = False, **fields: Any
) -> WorkstationInstruction:
    one = WorkstationInstruction(
        site_id="BPC", request_id=request, package_id="BPC00001", job_id="BPC00001", **fields
    )
    return one.with_flags(background=background)


def pcm_with(*records: WorkstationInstruction, behaviour: PcmBehaviour | None = None) -> Pcm:
    pcm = Pcm()
    pcm.read(records, X86, behaviour or PcmBehaviour())
    return pcm


def decide(pcm: Pcm, now: float, behaviour: PcmBehaviour | None = None, **more: Any) -> Decisions:
    return pcm.decide(now, behaviour or PcmBehaviour(), Random(1), **more)


def test_a_new_package_is_shown_once_and_pending() -> None:
    pcm = pcm_with(record())
    assert [r.request_id for r in decide(pcm, 0).shown] == ["BPC0001"]
    assert decide(pcm, 1).shown == ()
    assert pcm.history == {"BPC0001": HistoryState.NEW}
    assert pcm.folder_of("BPC0001", 1) is Folder.PENDING


def test_a_package_is_not_shown_before_its_offer_date() -> None:
    pcm = pcm_with(record(display_date=100.0))
    assert decide(pcm, 99).shown == ()
    assert pcm.folder_of("BPC0001", 99) is None
    assert len(decide(pcm, 100).shown) == 1


def test_a_mandatory_package_is_due_until_it_has_run_and_then_never_again() -> None:
    pcm = pcm_with(record(install_by_full=1, install_by_date=100.0))
    assert decide(pcm, 99).due == ()
    assert len(decide(pcm, 100).due) == 1
    assert len(decide(pcm, 200).due) == 1, "no server could be had: it stays due"
    pcm.executed("BPC0001", 200)
    assert decide(pcm, 300).due == ()
    assert pcm.folder_of("BPC0001", 300) is Folder.EXECUTED


def test_an_expired_package_vanishes_and_is_reported_exactly_once() -> None:
    pcm = pcm_with(record(expiration_full=1, expiration_date=100.0))
    decide(pcm, 0)
    assert decide(pcm, 100).expired == ()
    assert [r.request_id for r in decide(pcm, 101).expired] == ["BPC0001"]
    assert pcm.folder_of("BPC0001", 101) is None
    assert decide(pcm, 102).expired == ()
    pcm.read([record(expiration_full=1, expiration_date=100.0)], X86, PcmBehaviour())
    assert decide(pcm, 103) == Decisions(lines=("No new packages found.",))


def test_an_executed_package_is_reported_as_expired_too() -> None:
    """Q152229 would have no effect on workstations 1 to 3 otherwise."""
    pcm = pcm_with(record(expiration_full=1, expiration_date=100.0))
    decide(pcm, 0)
    pcm.executed("BPC0001", 50)
    assert pcm.folder_of("BPC0001", 99) is Folder.EXECUTED, (
        "it stays visible until it expires (Q191348)"
    )
    assert len(decide(pcm, 101).expired) == 1


def test_a_run_that_ends_after_the_expiry_does_not_make_it_expire_again() -> None:
    pcm = pcm_with(record(install_by_full=1, expiration_full=1, expiration_date=100.0))
    decide(pcm, 0)
    assert len(decide(pcm, 101).expired) == 1
    pcm.executed("BPC0001", 150)
    assert decide(pcm, 200).expired == ()


def test_a_package_that_expired_before_it_was_seen_is_reported_and_never_run() -> None:
    pcm = pcm_with(record(install_by_full=1, expiration_full=1, expiration_date=100.0))
    decisions = decide(pcm, 101)
    assert (decisions.shown, decisions.due, len(decisions.expired)) == ((), (), 1)
    assert not pcm.may_run("BPC0001", 101)


def test_with_the_fault_of_q255284_a_newly_found_expired_package_is_due_once() -> None:
    behaviour = PcmBehaviour(runs_newly_found_expired=True)
    pcm = pcm_with(record(install_by_full=1, expiration_full=1, expiration_date=100.0))
    first = decide(pcm, 101, behaviour)
    assert (len(first.due), first.expired) == (1, ())
    second = decide(pcm, 102, behaviour)
    assert (second.due, len(second.expired)) == ((), 1)


def test_a_request_that_leaves_the_file_was_cancelled() -> None:
    pcm = pcm_with(record("BPC0001"), record("BPC0002"))
    decide(pcm, 0)
    reading = pcm.read([record("BPC0002")], X86, PcmBehaviour())
    assert reading.gone == ("BPC0001",)
    assert not pcm.may_run("BPC0001", 1)


def test_an_expired_request_that_leaves_the_file_was_not_cancelled() -> None:
    pcm = pcm_with(record(expiration_full=1, expiration_date=100.0))
    decide(pcm, 101)
    assert pcm.read([], X86, PcmBehaviour()).gone == ()


def test_due_packages_come_by_date_and_with_q173388_in_any_order() -> None:
    records = [
        record(f"BPC000{n}", install_by_full=1, install_by_date=float(100 - n)) for n in range(8)
    ]
    pcm = pcm_with(*records)
    by_date = [r.request_id for r in decide(pcm, 200).due]
    assert by_date == [f"BPC000{n}" for n in reversed(range(8))]
    faulty = [
        r.request_id for r in decide(pcm, 200, PcmBehaviour(arbitrary_mandatory_order=True)).due
    ]
    assert faulty != by_date
    assert sorted(faulty) == sorted(by_date)


def test_a_lost_history_runs_mandatory_packages_again() -> None:
    """Q229809."""
    pcm = pcm_with(record(install_by_full=1))
    decide(pcm, 0)
    pcm.executed("BPC0001", 1)
    pcm.history = NO_HISTORY
    assert len(decide(pcm, 2).due) == 1


SERVICE = PcmBehaviour(variant=PcmVariant.SERVICE)


@pytest.mark.parametrize(
    ("interval_s", "runs_again"), [(600.0, True), (1199.0, True), (1200.0, False), (3600.0, False)]
)
def test_the_service_runs_a_package_again_when_it_polls_in_less_than_twenty_minutes(
    interval_s: float, runs_again: bool
) -> None:
    """Q166765; the desktop never does."""
    pcm = pcm_with(record(background=True, install_by_full=1), behaviour=SERVICE)
    decide(pcm, 0, SERVICE)
    pcm.executed("BPC0001", 10)
    assert bool(decide(pcm, 600, SERVICE, polling_interval_s=interval_s).due) is runs_again
    assert decide(pcm, 1300, SERVICE, polling_interval_s=interval_s).due == ()
    assert decide(pcm, 600, PcmBehaviour(), polling_interval_s=interval_s).due == ()


def test_the_service_runs_an_optional_background_task_from_its_offer_on_where_it_can() -> None:
    """Q174933, from SP3."""
    behaviour = PcmBehaviour(variant=PcmVariant.SERVICE, service_runs_optional=True)
    pcm = pcm_with(record(background=True, display_date=100.0), behaviour=behaviour)
    assert decide(pcm, 99, behaviour).due == ()
    assert len(decide(pcm, 100, behaviour).due) == 1


def test_the_filters_counts_are_logged() -> None:
    reading = Pcm().read(
        [record("BPC0001"), record("BPC0002", operating_system=0x40)], X86, PcmBehaviour()
    )
    assert reading.lines == ("Packages before filter: 2", "Packages after filter: 1")


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 100), st.integers(0, 100)),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.tuples(st.integers(0, 150), st.booleans()), min_size=1, max_size=12),
)
def test_each_request_is_shown_and_expired_at_most_once_and_never_due_after_either(
    packages: list[tuple[int, bool, int, int]], polls: list[tuple[int, bool]]
) -> None:
    records = {
        f"BPC000{n}": record(
            f"BPC000{n}",
            install_by_full=int(m),
            install_by_date=float(at),
            expiration_full=1,
            expiration_date=float(end),
        )
        for n, m, at, end in packages
    }
    pcm = pcm_with(*records.values())
    shown: list[str] = []
    expired: list[str] = []
    ran: list[str] = []
    for now, runs in sorted(polls):
        decisions = decide(pcm, now)
        shown += [r.request_id for r in decisions.shown]
        expired += [r.request_id for r in decisions.expired]
        for one in decisions.due:
            assert one.request_id not in ran
            assert one.request_id not in expired
            if runs:
                pcm.executed(one.request_id, now)
                ran.append(one.request_id)
    assert len(set(shown)) == len(shown)
    assert len(set(expired)) == len(expired)
    last = max(now for now, _ in polls)
    assert set(expired) == {
        name
        for name, r in records.items()
        if r.expiration_date is not None and r.expiration_date < last
    }
