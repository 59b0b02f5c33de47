"""Other people's scenarios: other names, counts and orders, and one thing changed at a time. The
articles' rules still hold.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from despoolr_core.records.kinds.client import MessageRead
from despoolr_core.records.kinds.share import MessageSent, OpenClosed, RightsChanged
from despoolr_core.records.kinds.site import CopyEnded, MifLoaded
from despoolr_core.records.stream import of
from despoolr_core.response import POLLING_S, Response
from worlds.scenario import (
    FILES,
    NEW,
    blocked_update,
    copies,
    events,
    failed,
    files,
    hold,
    hours,
    log,
    play,
    reached,
    scenario,
    share,
    status,
    update,
)

# -- who holds what


ORDER = ["Alpha.dll", "beta.ini", "lib/deep/x.txt", "Zeta.exe"]


@pytest.mark.parametrize("held", ORDER)
def test_files_before_the_held_one_are_new_and_the_rest_old_whatever_they_are_called(
    held: str,
) -> None:
    old, new = dict.fromkeys(ORDER, "old"), dict.fromkeys(ORDER, "new")
    at = ORDER.index(held)
    result = play(
        scenario(
            share("SHIP", "ACCOUNTS"),
            {**hold("DESK-7", held, program="123.EXE"), "package": "ACCOUNTS"},
            *update(files=new, package="ACCOUNTS", name="SHIP-2"),
            packages={"ACCOUNTS": old},
            clients=[{"names": ["DESK-7"]}],
            servers=("HQ_PDC",),
            code="ZZ9",
            server="HQ_SMS",
            hours=4,
            expect=[
                {
                    "that": "files",
                    "package": "ACCOUNTS",
                    "files": {name: "new" if n < at else "old" for n, name in enumerate(ORDER)},
                    "only": True,
                },
                {
                    "that": "episode",
                    "path": held,
                    "blocker": "DESK-7",
                    "program": "123.EXE",
                    "state": "waiting",
                },
                {"that": "job", "job": "SHIP-2", "status": "Retrying"},
            ],
        ),
        "1.1",
    )
    assert failed(result) == []
    assert "123.EXE on DESK-7" in result.verdict


def test_of_two_holders_of_two_files_each_is_met_in_its_turn() -> None:
    result = play(
        blocked_update(
            hold("WS1", "a.dat"),
            hold("WS2", "c.dat", program="EXCEL.EXE"),
            {"do": "release", "at": "3h", "machine": "WS1"},
            {"do": "release", "at": "5h", "machine": "WS2"},
            hours=9,
        ),
        "1.1",
    )
    assert [what for _, what in copies(result)] == ["a.dat", "c.dat", "complete"]
    (episode,) = result.episodes
    assert [(h.machine, h.refusal_count) for h in episode.holds] == [("WS1", 1), ("WS2", 1)]
    assert (episode.state, episode.attempt_count) == ("resolved", 2)


def test_two_holders_of_one_file_must_both_let_go() -> None:
    result = play(
        blocked_update(
            hold("WS1"),
            hold("WS2"),
            {"do": "release", "at": "3h", "machine": "WS1"},
            hours=7,
            expect=[],
        ),
        "1.1",
    )
    assert [what for _, what in copies(result)] == ["b.dat"] * 3
    (episode,) = result.episodes
    assert {h.machine: h.refusal_count for h in episode.holds} == {"WS1": 1, "WS2": 3}
    assert "WS2" in result.verdict


WRITES = {
    # version, what the holder shares: is the update blocked?
    ("1.0", "NONE"): True,
    ("1.1", "READ"): True,
    ("1.1", "READ|DELETE"): True,
    ("1.1", "READ|WRITE"): False,
    ("1.2", "READ|WRITE"): True,  # the deletion before the copy needs DELETE
    # deleted under its holder, the name stays taken until it closes
    ("1.2", "READ|WRITE|DELETE"): True,
    ("1.0", "READ|WRITE|DELETE"): False,
    ("1.1", "READ|WRITE|DELETE"): False,
    # the check before the copy shares nothing
    ("1.2 SP4", "READ|WRITE"): True,
    ("1.2 SP4", "READ|WRITE|DELETE"): True,
    ("2.0", "READ|WRITE|DELETE"): True,
}


@pytest.mark.parametrize(("version", "share_mode"), WRITES)
def test_what_the_holder_shares_decides(version: str, share_mode: str) -> None:
    result = play(blocked_update(hold(share_mode=share_mode), hours=3), version)
    blocked = WRITES[version, share_mode]
    assert [what for _, what in copies(result)] == ["b.dat" if blocked else "complete"]
    assert status(result) == ("Retrying" if blocked else "Complete")
    assert bool(result.episodes) is blocked


# -- when it ends


def test_a_release_between_two_attempts_is_found_by_the_next_one_and_not_before() -> None:
    result = play(
        blocked_update(hold(), {"do": "release", "at": "4h 30m", "machine": "WS1"}, hours=8), "1.1"
    )
    attempts = copies(result)
    assert [what for _, what in attempts] == ["b.dat", "b.dat", "complete"]
    assert [round(b - a, 1) for (a, _), (b, _) in pairwise(attempts)] == [2.0, 2.0]
    assert attempts[-1][0] > 4.5 + 1.0


@pytest.mark.parametrize("response", Response)
def test_the_job_fails_attempts_times_the_retry_interval_after_the_first(
    response: Response,
) -> None:
    interval_h = 24 * POLLING_S[response] / 3600
    result = play(
        blocked_update(hours=2 + 11 * interval_h, response=response),
        "1.1",
        overrides={"attempts_max": 10},
    )
    attempts = copies(result)
    assert len(attempts) == 10
    first, (at,) = attempts[0][0], reached(result, "Failed")
    assert interval_h * 10 <= at - first <= interval_h * 10 + 3 * POLLING_S[response] / 3600
    assert [(e.state, e.attempt_count) for e in result.episodes] == [("given up", 10)]


@pytest.mark.parametrize(
    ("rule", "attempts", "after_h", "count"),
    [("count", 8, 9, 8), ("time", 8, 9, 5), ("first", 8, 9, 5), ("first", 3, 9, 3)],
)
def test_the_rule_for_giving_up_is_the_one_of_the_profile(
    rule: str, attempts: int, after_h: float, count: int
) -> None:
    """Attempts lie two hours apart: nine hours have passed when the sixth would be due."""
    overrides = {"give_up_rule": rule, "attempts_max": attempts, "give_up_after_s": after_h * 3600}
    result = play(blocked_update(hours=20), "1.1", overrides=overrides)
    assert len(copies(result)) == count
    assert status(result) == "Failed"


def test_a_machine_that_loses_its_power_blocks_until_its_lease_lapses() -> None:
    result = play(
        blocked_update(
            hold(), {"do": "power", "at": "3h 30m", "machine": "WS1", "on": False}, hours=8
        ),
        "1.1",
    )
    assert [what for _, what in copies(result)][-1] == "complete"
    closed = [(r.at, fact) for r, fact in of(result.records, OpenClosed) if fact.machine == "WS1"]
    assert [fact.reason for _, fact in closed] == ["lease expired"]
    assert 3.5 < hours(result, closed[0][0]) <= 4.6, (
        "an hour's lease at most, from the last keep-alive"
    )
    assert status(result) == "Complete"


def test_a_hold_that_begins_after_the_update_blocks_nothing() -> None:
    result = play(blocked_update(hold(at="2h 30m"), hours=4), "1.1")
    assert [what for _, what in copies(result)] == ["complete"]


# -- forced disconnect (Q128458)


@pytest.mark.parametrize(("version", "restored"), [("1.2", False), ("1.2 SP4", True)])
def test_forced_disconnect_closes_the_file_at_the_time_of_the_formula(
    version: str, restored: bool
) -> None:
    """(x * (y + 1)) + z after the first failure: two hours, one retry, five minutes make four hours
    and five minutes.
    """
    overrides = {
        "use_forced_disconnect": True,
        "forced_disconnect_retries": 1,
        "forced_disconnect_delay_min": 5,
    }
    result = play(
        blocked_update(hours=8, expect=[files(a="second", b="second", c="second")]),
        version,
        overrides=overrides,
    )
    assert failed(result) == []
    attempts = copies(result)
    assert [what for _, what in attempts] == ["b.dat", "b.dat", "b.dat", "complete"]
    assert attempts[-1][0] - attempts[0][0] == pytest.approx(4 + 5 / 60, abs=0.002)
    ladder = [
        r.data
        for r in result.records
        if isinstance(r.data, RightsChanged)
        or (isinstance(r.data, MessageSent | OpenClosed) and r.data.machine != "SITE1")
    ]
    changed, sent, closed = ladder[:3]
    assert isinstance(changed, RightsChanged)
    assert isinstance(sent, MessageSent) and sent.machine == "WS1"
    assert isinstance(closed, OpenClosed) and closed.reason == "forced disconnect"
    assert (len([f for f in ladder if isinstance(f, RightsChanged)]) == 2) is restored  # Q182414


def test_a_user_who_closes_the_file_when_told_to_is_not_closed_by_force() -> None:
    overrides = {
        "use_forced_disconnect": True,
        "forced_disconnect_retries": 1,
        "forced_disconnect_delay_min": 30,
    }
    released = {"do": "release", "at": "6h 15m", "machine": "WS1"}
    result = play(blocked_update(hold(), released, hours=8), "1.2 SP4", overrides=overrides)
    assert status(result) == "Complete"
    assert not [
        r for r, fact in of(result.records, OpenClosed) if fact.reason == "forced disconnect"
    ]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_registry_value_of_forced_disconnect_means_nothing_before_1_2(version: str) -> None:
    result = play(
        blocked_update(hours=8),
        version,
        overrides={"use_forced_disconnect": True, "forced_disconnect_retries": 0},
    )
    assert status(result) == "Retrying"
    assert not [r for r in result.records if r.kind == "message.sent"]


# -- several servers


BOTH = ("LOGON1", "LOGON2", "LOGON3")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_when_one_of_three_servers_fails_1_2_retries_it_and_1_1_forgets_it(version: str) -> None:
    result = play(
        blocked_update(
            hold(server="LOGON2"),
            {"do": "release", "at": "3h", "machine": "WS1"},
            hours=7,
            servers=BOTH,
            expect=[files(server="LOGON1", a="second", b="second", c="second")],
        ),
        version,
    )
    assert failed(result) == []
    assert status(result) == "Complete"
    for server in ("LOGON1", "LOGON3"):
        assert [what for _, what in copies(result, server=server)] == ["complete"]
    second = copies(result, server="LOGON2")
    # Q153576
    assert [what for _, what in second] == (
        ["b.dat"] if version == "1.1" else ["b.dat", "complete"]
    )
    assert (13 in events(result)) is (version == "1.1")


# -- jobs with a run phase

SETUP = [
    {"command": "SETUP.EXE", "runs": "5m", "mif": {"status": "Success", "description": "installed"}}
]


@pytest.mark.parametrize("refreshes", [False, True])
@pytest.mark.parametrize("kind", ["share", "run"])
def test_specified_servers_that_have_the_package_get_the_update_by_a_share_job_alone(
    kind: str, refreshes: bool
) -> None:
    """Q140051: a Run Command job for some of a package's servers leaves them as they were."""
    new = {"a.dat": "second"}
    job: dict[str, Any] = {
        "do": "job",
        "at": "2h",
        "name": "UPDATE",
        "package": "OFFICE",
        "send": "even if previously sent",
        "put_on": ["TWO"],
    }
    job |= {"type": "share"} if kind == "share" else {"command": "SETUP.EXE"}
    gets = kind == "share" or refreshes
    result = play(
        scenario(
            share(),
            {"do": "source", "at": "2h", "package": "OFFICE", "files": new},
            job,
            servers=("ONE", "TWO"),
            packages={"OFFICE": {"a.dat": "first"}},
            hours=4,
            expect=[
                {"that": "files", "package": "OFFICE", "server": server, "files": {"a.dat": text}}
                for server, text in (("ONE", "first"), ("TWO", "second" if gets else "first"))
            ],
        ),
        "1.2",
        overrides={"run_job_refreshes_specified": refreshes},
    )
    assert failed(result) == []


def offer(**more: Any) -> dict[str, Any]:
    return {
        "do": "job",
        "at": "0s",
        "name": "PATCH",
        "package": "OFFICE",
        "command": "SETUP.EXE /q",
        **more,
    }


def rows(result: Any) -> dict[str, str]:
    return dict(sorted(result.workstations.items()))


def clients(**more: Any) -> list[dict[str, Any]]:
    return [{"names": ["WS1", "WS2", "WS3"], "poll_every": "1h", **more}]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_mandatory_package_runs_by_itself_and_its_job_is_complete(version: str) -> None:
    result = play(
        scenario(offer(mandatory_after="6h"), clients=clients(), programs=SETUP, hours=10), version
    )
    assert rows(result) == {"WS1": "Complete", "WS2": "Complete", "WS3": "Complete"}
    assert status(result, "PATCH") == "Complete"
    runs = [hours(result, r.at) for r in result.records if r.kind == "pcm.run"]
    assert len(runs) == 3
    assert all(6.0 <= at < 7.2 for at in runs)


def test_a_mandatory_date_passes_unnoticed_where_only_a_changed_file_is_read() -> None:
    """Q163488: nobody's file changes after the first poll, so nobody looks at the date; SP2
    does.
    """
    for version, runs in (("1.2", 0), ("1.2 SP2", 3)):
        result = play(
            scenario(offer(mandatory_after="6h"), clients=clients(), programs=SETUP, hours=10),
            version,
        )
        assert sum(r.kind == "pcm.run" for r in result.records) == runs, version


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.2 SP4"])
def test_a_result_with_a_quote_in_its_description_is_lost_before_1_2(version: str) -> None:
    """Q140810: the row keeps what it said, and no event 374 tells of the failure."""
    quoted, plain = 'cannot open "setup.inf"', "cannot open setup.inf"
    result = play(
        scenario(
            offer(offer_after="1996-01-01 00:00", mandatory_after="1996-01-01 00:00"),
            clients=[{"names": ["WS1", "WS2", "WS3"], "poll_every": "30m"}],
            programs=[
                {"command": "SETUP.EXE", "machines": [machine], "runs": "3m", "mif": mif}
                for machine, mif in (
                    ("WS1", {"status": "Failed", "description": quoted}),
                    ("WS2", {"status": "Success", "description": quoted}),
                    ("WS3", {"status": "Failed", "description": plain}),
                )
            ],
            expect=[
                {"that": "events", "code": 374, "text": plain, "count": 1},
                {
                    "that": "events",
                    "code": 374,
                    "text": quoted,
                    "count": 1,
                    "when": {"escaped_quote_in_mif_loads": True},
                },
                {
                    "that": "events",
                    "code": 245,
                    "count": 2,
                    "when": {"escaped_quote_in_mif_loads": False},
                },
            ],
            hours=4,
        ),
        version,
    )
    assert failed(result) == []
    is_lost = version in ("1.0", "1.1")
    assert rows(result) == {
        "WS1": "None" if is_lost else "Retrying",
        "WS2": "None" if is_lost else "Complete",
        "WS3": "Retrying",
    }


def test_without_an_expiration_date_nothing_is_ever_lost() -> None:
    steps = [{"do": "execute", "at": "4h", "machine": "WS1", "job": "PATCH"}]
    result = play(scenario(offer(), *steps, clients=clients(), programs=SETUP, hours=80), "1.1")
    assert rows(result) == {"WS1": "Complete", "WS2": "None", "WS3": "None"}
    assert status(result, "PATCH") == "Active"  # Q156250: who never runs it leaves the job so


EXPIRES = "12h"


@pytest.mark.parametrize(
    ("version", "lost"), [("1.0", "Retrying"), ("1.1", "Canceled"), ("1.2", "None")]
)
def test_each_client_lets_it_expire_by_its_own_clock(version: str, lost: str) -> None:
    """WS1 is right, WS2 is six hours fast, WS3 is a day slow.

    WS2 drops the package after six hours; its notice says noon and waits at the site until then
    (Q172899).
    """
    machines = [
        {"names": ["WS1"], "poll_every": "30m"},
        {"names": ["WS2"], "poll_every": "30m", "clock_offset": "6h"},
        {"names": ["WS3"], "poll_every": "30m", "clock_offset": "-1d"},
    ]
    expect: list[dict[str, Any]] = [
        {"that": "pcm", "machine": "WS2", "pending": ["PATCH"], "at": "5h 50m"},
        {"that": "pcm", "machine": "WS2", "pending": [], "at": "6h 10m"},
        {"that": "pcm", "machine": "WS1", "pending": ["PATCH"], "at": "11h"},
        {
            "that": "workstations",
            "job": "PATCH",
            "rows": {"WS1": "None", "WS2": "None", "WS3": "None"},
            "at": "11h",
        },
        {
            "that": "workstations",
            "job": "PATCH",
            "rows": {"WS1": lost, "WS2": lost, "WS3": "None"},
            "at": "20h",
        },
        {"that": "expiries", "job": "PATCH", "count": 2},
    ]
    result = play(
        scenario(offer(expires_after=EXPIRES), clients=machines, hours=20, expect=expect), version
    )
    assert failed(result) == []
    assert log(result, "DESPOOLER", "won't be processed till")


def test_a_client_that_was_off_reports_the_expiry_once_it_is_back_and_else_never() -> None:
    steps = [
        {"do": "power", "at": "2h", "machine": "WS1", "on": False},
        {"do": "power", "at": "2h", "machine": "WS2", "on": False},
        {"do": "power", "at": "20h", "machine": "WS1", "on": True},
    ]
    expect = [
        {
            "that": "workstations",
            "job": "PATCH",
            "rows": {"WS1": "None", "WS2": "None", "WS3": "Canceled"},
            "at": "19h",
        },
        {
            "that": "workstations",
            "job": "PATCH",
            "rows": {"WS1": "Canceled", "WS2": "None", "WS3": "Canceled"},
        },
    ]
    staged = scenario(
        offer(expires_after=EXPIRES), *steps, clients=clients(), hours=24, expect=expect
    )
    assert failed(play(staged, "1.1")) == []


def test_a_client_that_never_saw_the_package_before_it_expired_still_reports_it() -> None:
    staged = scenario(
        offer(expires_after="2h"),
        {"do": "power", "at": "5h", "machine": "WS1", "on": True},
        clients=[{"names": ["WS1"], "on": False, "poll_every": "1h"}],
        hours=8,
    )
    assert rows(play(staged, "1.1")) == {"WS1": "Canceled"}
    assert rows(play(staged, "1.2")) == {"WS1": "None"}


def test_two_packages_at_once_and_only_one_is_held() -> None:
    result = play(
        scenario(
            share("A1", "A"),
            share("B1", "B"),
            {**hold(), "package": "B"},
            *update(package="A", name="A2"),
            *update(package="B", name="B2"),
            packages={"A": FILES, "B": FILES},
            hours=5,
            expect=[
                {"that": "files", "package": "A", "files": dict(NEW), "only": True},
                {"that": "job", "job": "A2", "status": "Complete"},
                {"that": "job", "job": "B2", "status": "Retrying"},
            ],
        ),
        "1.1",
    )
    assert failed(result) == []


def test_a_newer_update_while_the_older_one_retries_gets_through_when_the_file_is_free() -> None:
    third = {name: text.replace("first", "third") for name, text in FILES.items()}
    result = play(
        scenario(
            share(),
            hold(),
            *update(),
            *update("5h", third, name="UPDATE-2"),
            {"do": "release", "at": "5h 30m", "machine": "WS1"},
            hours=10,
            expect=[files(a="third", b="third", c="third")],
        ),
        "1.1",
    )
    assert failed(result) == []
    assert {status(result), status(result, "UPDATE-2")} == {"Complete"}


# -- a site server that dies


KILLS = ["2h 1m", "2h 6m", "4h 6m", "6h 10m"]


@pytest.mark.parametrize("at", KILLS)
@pytest.mark.parametrize("version", ["1.1", "1.2 SP4"])
def test_a_killed_site_server_loses_nothing_and_counts_nothing_twice(at: str, version: str) -> None:
    """Clients report, an update retries, and the site server dies once in the middle of it."""

    def staged(*more: dict[str, Any]) -> Any:
        return scenario(
            offer(mandatory_after="1h", expires_after="3h"),
            hold(file="c.dat", at="30m"),
            {"do": "release", "at": "7h", "machine": "WS1", "file": "c.dat"},
            *update(),
            *more,
            clients=clients(poll_every="20m"),
            programs=[
                *SETUP,
                {
                    **SETUP[0],
                    "mif": {"status": "Failed", "description": "no disk"},
                    "machines": ["WS2"],
                },
            ],
            hours=11,
        )

    calm = play(staged(), version)
    killed = play(staged({"do": "kill", "at": at, "down_for": "10m"}), version)
    assert rows(killed) == rows(calm)
    assert [job["status"] for job in killed.jobs] == [job["status"] for job in calm.jobs]
    assert status(killed) == "Complete"
    assert events(killed).count(374) == events(calm).count(374) == 1

    def counted(result: Any) -> list[str]:
        return sorted(
            fact.report for _, fact in of(result.records, MifLoaded) if "BPC0001-" in fact.report
        )

    assert counted(killed) == counted(calm)
    assert len(set(counted(killed))) == len(counted(killed))


def test_a_despooler_started_anew_counts_its_retries_from_zero_until_sp4() -> None:
    restart = {"do": "service", "at": "5h", "action": "restart", "service": "SMS_DESPOOLER"}
    for version, count in (("1.1", 5), ("1.2 SP4", 3)):
        result = play(
            blocked_update(hold(), restart, hours=15), version, overrides={"attempts_max": 3}
        )
        assert len(copies(result)) == count, version  # Q140374
        assert status(result) == "Failed"
        assert len(log(result, "DESPOOLER", "We will retry job")) == count


# -- what users do when they are told (Q128458)


@pytest.mark.parametrize(
    ("does", "reason", "at"),
    [("ignore", "forced disconnect", 26), ("close", "closed", 26), ("crash", "lease expired", 26)],
)
def test_what_a_user_does_who_is_told_to_close_a_file_is_theirs(
    does: str, reason: str, at: int
) -> None:
    """The update gets through at the time of the formula in any case; how the file came to be
    closed differs.
    """
    staged = blocked_update(
        hold(),
        clients=[{"names": ["WS1"], "poll_every": "4h", "when_warned": does}],
        hours=30,
        server="SITE1",
    )
    result = play(staged, "1.2 SP4", overrides={"use_forced_disconnect": True})
    assert status(result) == "Complete"
    read = [fact.does for _, fact in of(result.records, MessageRead)]
    assert read == ([] if does == "ignore" else [does])
    closed = [fact.reason for _, fact in of(result.records, OpenClosed) if fact.machine == "WS1"]
    assert closed[-1] == (reason if does != "crash" else "forced disconnect")
    (done,) = [
        hours(result, r.at)
        for r, fact in of(result.records, CopyEnded)
        if fact.result == "complete"
    ][-1:]
    assert int(done) == 2 + at
