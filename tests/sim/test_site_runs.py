"""A small site over days: many clients and jobs at once, counted at the end, and the same to the
byte when played again.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds import KINDS
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.kinds.site import MifLoaded
from despoolr_core.records.stream import decode, encode, of
from despoolr_lab.scenario.run import RunResult
from worlds.scenario import events, hold, hours, play, scenario, share, status, update

CLIENTS = 30
KEPT = {"partial_retry_list_lost": False}
"""1.1 would forget the one server of two that failed (Q153576)."""


def staged() -> Any:
    """Thirty clients, one in five of whose installations fails; a package that runs, one that is
    blocked for a day.
    """
    failing = [f"PC{n}" for n in range(5, CLIENTS + 1, 5)]
    return scenario(
        {
            "do": "job",
            "at": "0s",
            "name": "RUN",
            "package": "TOOLS",
            "command": "SETUP.EXE",
            "mandatory_after": "4h",
        },
        share(),
        hold("PC1", at="1h"),
        *update(),
        {"do": "release", "at": "1d 2h", "machine": "PC1"},
        clients=[{"name": "PC{n}", "count": CLIENTS, "poll_every": "2h"}],
        packages={"OFFICE": {"a.dat": "1", "b.dat": "1"}, "TOOLS": {"setup.exe": "x"}},
        programs=[
            {
                "command": "SETUP.EXE",
                "runs": "10m",
                "mif": {"status": "Success", "description": "ok"},
            },
            {
                "command": "SETUP.EXE",
                "runs": "10m",
                "machines": failing,
                "mif": {"status": "Failed", "description": "no"},
            },
        ],
        servers=("LOGON1", "LOGON2"),
        hours=36,
        response="Medium",
    )


@cache
def run(seed: int = 1) -> RunResult:
    return play(staged(), "1.1", seed=seed, overrides=KEPT)


def test_every_client_reported_once_and_every_row_says_what_it_reported() -> None:
    rows = run().workstations
    assert Counter(rows.values()) == {"Complete": 24, "Retrying": 6}
    assert rows["PC5"] == "Retrying"
    assert events(run()).count(374) == 6
    reports = [fact.report for _, fact in of(run().records, ResultReported)]
    assert len(reports) == len(set(reports)) == CLIENTS
    loaded = Counter(fact.report for _, fact in of(run().records, MifLoaded) if fact.report)
    assert set(loaded.values()) == {1}
    assert set(reports) <= set(loaded)


def test_the_blocked_job_and_the_other_do_not_hold_each_other_up() -> None:
    result = run()
    assert status(result, "RUN") == "Retrying"  # six workstations failed (Q150026)
    assert status(result) == "Complete"
    (episode,) = result.episodes
    assert (episode.state, episode.holds[0].machine) == ("resolved", "PC1")


def test_the_same_seed_plays_the_same_run() -> None:
    again = play(staged(), "1.1", seed=1, overrides=KEPT)
    assert again.digest == run().digest
    assert again.records == run().records


def test_another_seed_plays_another_run_with_the_same_result() -> None:
    other = run(2)
    assert other.digest != run().digest, "clients choose their servers at random"
    assert other.workstations == run().workstations
    assert {j["name"]: j["status"] for j in other.jobs} == {
        j["name"]: j["status"] for j in run().jobs
    }


def test_the_records_are_in_order_known_and_read_back_as_they_were_written() -> None:
    records = run().records
    assert [r.seq for r in records] == list(range(1, len(records) + 1))
    assert all(a.at <= b.at for a, b in pairwise(records))
    assert {r.kind for r in records} <= set(KINDS)
    assert all(r.cause < r.seq for r in records)
    assert [decode(encode(r)) for r in records[:500]] == records[:500]


@pytest.mark.parametrize("server", ["LOGON1", "LOGON2"])
def test_the_episodes_can_be_told_from_the_records_alone(server: str) -> None:
    ledger = EpisodeLedger(server)
    for record in run().records:
        ledger.apply(record)
    live = [e for e in run().episodes if e.server == server]
    told = ledger.rows()
    assert [(e.episode, e.state, e.attempt_count, e.holds) for e in told] == [
        (e.episode, e.state, e.attempt_count, e.holds) for e in live
    ]


def test_every_open_that_was_granted_was_closed_or_its_session_ended() -> None:
    granted = {(fact.server, fact.open) for _, fact in of(run().records, OpenGranted)}
    closed = {(fact.server, fact.open) for _, fact in of(run().records, OpenClosed)}
    assert granted == closed


def test_every_refusal_has_a_blocker_that_holds_the_file_at_that_moment() -> None:
    held: dict[tuple[str, str], str] = {}
    refusals = 0
    for record in run().records:
        fact = record.data
        if isinstance(fact, OpenGranted):
            held[fact.server, fact.open] = fact.machine
        elif isinstance(fact, OpenClosed):
            held.pop((fact.server, fact.open), None)
        elif isinstance(fact, OpenRefused) and fact.win32 == 32:
            refusals += 1
            assert fact.blockers
            for blocker in fact.blockers:
                assert held[fact.server, blocker.open] == blocker.machine
    assert refusals >= 4


def test_the_site_was_asked_for_all_of_it_in_order() -> None:
    result = run()
    started = [hours(result, r.at) for r in result.records if r.kind == "copy.started"]
    assert started == sorted(started)
    assert result.virtual_s == pytest.approx(36 * 3600.0)
