"""What the records of a run say, folded once for every reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.kinds.site import DetailStatusChanged, JobStatusChanged
from despoolr_core.records.stream import Record
from despoolr_core.records.view import SERVER_STOPPED, RunView
from despoolr_core.share.wire import Blocker, LockedRange
from worlds.record_samples import sample

FILE = {"server": "LOGON1", "share": "PKG", "path": "P1/b.dat"}
WORD: dict[str, Any] = {"machine": "WS3", "user": "anna", "program": "WINWORD.EXE"}


def granted(handle: str) -> OpenGranted:
    return sample(OpenGranted, open=handle, access="READ", share_mode="READ", **FILE, **WORD)


def refused(*handles: str) -> OpenRefused:
    blockers = tuple(
        Blocker(open=handle, access="READ", share_mode="READ", opened_at=0.5, **WORD)
        for handle in handles
    )
    return sample(
        OpenRefused, machine="SITE1", program="DESPOOL", blockers=blockers, episode="E1", **FILE
    )


def view(*facts: Fact, actor: str = "BPC/S", quiet_max: int | None = None) -> RunView:
    """A fact a second, from second 1 on."""

    def records() -> Iterator[Record]:
        for number, fact in enumerate(facts, 1):
            yield Record(number, float(number), actor, fact)

    return RunView(records(), quiet_max=quiet_max)


def test_an_open_is_held_from_grant_to_close_and_knows_whom_it_refused() -> None:
    told = view(
        granted("O1"),
        refused("O1"),
        refused("O1"),
        sample(OpenClosed, open="O1", reason="x", **FILE),
    )
    (held,) = told.holdings
    assert (held.opened_at, held.closed_at, held.reason, held.refusal_count) == (1.0, 4.0, "x", 2)
    assert held.blocked is not None and held.blocked.opened_at == 0.5
    assert [held.is_held(at) for at in (0.9, 1.0, 3.9, 4.0, None)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert {name: list(at) for name, at in told.attempts.items()} == {"E1": [2.0, 3.0]}


def test_what_nobody_closed_is_held_and_a_server_that_starts_again_ends_its_own() -> None:
    told = view(granted("O1"), sample(ShareStarted, server="LOGON2"))
    assert told.holdings[0].is_held(None)
    told = view(granted("O1"), sample(ShareStarted, server="LOGON1"))
    assert (told.holdings[0].closed_at, told.holdings[0].reason) == (2.0, SERVER_STOPPED)


def test_an_open_whose_grant_is_not_among_the_records_is_told_apart() -> None:
    told = view(refused("O9"), sample(OpenClosed, open="O9", **FILE))
    assert told.holdings == []
    (held,) = told.unseen
    assert (held.machine, held.path, held.refusal_count, held.closed_at) == (
        "WS3",
        "P1/b.dat",
        1,
        2.0,
    )


def test_ranges_are_those_that_are_locked_and_none_after_the_close() -> None:
    where = {"open": "O1", "lock": "SHARED", "length": 4, **FILE}
    locked = [sample(LockGranted, offset=offset, **where) for offset in (0, 8)]
    told = view(granted("O1"), *locked, sample(LockReleased, offset=0, **where))
    assert told.holdings[0].ranges == (LockedRange("SHARED", 8, 4, 3.0),)
    told = view(granted("O1"), *locked, sample(OpenClosed, open="O1", **FILE))
    assert told.holdings[0].ranges == ()


def test_a_job_and_its_rows_are_as_the_site_it_belongs_to_says() -> None:
    job = [
        sample(JobStatusChanged, job="BPC00001", name="RUN", status=status, was=was)
        for status, was in (("Pending", ""), ("Active", "Pending"))
    ]
    row = sample(
        DetailStatusChanged, job="BPC00001", detail="Workstation", machine="WS1", status="Complete"
    )
    own, childs = view(*job, row), view(*job, row, actor="CHD/S")
    assert own.name_of("BPC00001") == "RUN" and own.jobs["BPC00001"].status == "Active"
    assert [(r.machine, r.status) for r in own.details_of("BPC00001")] == [("WS1", "Complete")]
    assert not childs.jobs and not childs.details and childs.name_of("BPC00001") == "BPC00001"


def test_of_opens_in_nobodys_way_those_held_longest_are_kept() -> None:
    facts: list[Fact] = []
    for number in range(1, 6):
        facts += [granted(f"O{number}"), *[sample(ShareStarted, server="LOGON2")] * number]
        facts.append(sample(OpenClosed, open=f"O{number}", reason="closed", **FILE))
    told = view(*facts, quiet_max=2)
    assert [held.open for held in told.holdings] == ["O4", "O5"] and told.quiet_left_out == 3


def test_an_open_that_stopped_somebody_is_kept_however_short_it_was() -> None:
    closed = sample(OpenClosed, open="O1", reason="closed", **FILE)
    told = view(granted("O1"), refused("O1"), closed, quiet_max=0)
    assert [held.open for held in told.holdings] == ["O1"]
