"""Watching a job: every change is one line, in the order of time, and nothing else is."""

from __future__ import annotations

from typing import Any

from despoolr_app.site_client.watch import EACH_MAX, changes, has_ended


def look(
    status: str, *rows: tuple[str, str, str, float], at: float = 0.0, description: str = ""
) -> dict[str, Any]:
    details = [
        {
            "kind": kind,
            "site": "BPC",
            "machine": machine,
            "status": row,
            "updated_at": when,
            "description": description,
        }
        for kind, machine, row, when in rows
    ]
    return {
        "job": {"job": "BPC00001", "name": "UPDATE", "status": status, "status_at": at},
        "details": details,
    }


def said(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    return changes(before, now, lambda at: f"{at:.0f}")


def test_the_first_look_tells_the_status_and_rows_that_say_something() -> None:
    now = look(
        "Active", ("Server", "LOGON1", "Retrying", 7), ("Workstation", "WS1", "None", 3), at=5
    )
    assert said(None, now) == ["5  job UPDATE is Active", "7  server LOGON1 at BPC: Retrying"]


def test_what_did_not_change_is_not_said() -> None:
    now = look("Active", ("Server", "LOGON1", "Retrying", 7))
    later = look("Active", ("Server", "LOGON1", "Retrying", 9))
    assert said(now, now) == [] and said(now, later) == []


def test_changes_come_in_the_order_of_their_times_and_the_job_last() -> None:
    before = look("Active", ("Server", "LOGON1", "Retrying", 7), ("Site Arrival", "", "None", 0))
    now = look(
        "Complete", ("Server", "LOGON1", "Complete", 9), ("Site Arrival", "", "Complete", 8), at=9
    )
    assert said(before, now) == [
        "8  site arrival at BPC: Complete",
        "9  server LOGON1 at BPC: Complete (was Retrying)",
        "9  job UPDATE is Complete (was Active)",
    ]


def test_a_description_is_said_with_its_row() -> None:
    assert said(
        None, look("Active", ("Workstation", "WS1", "Failed", 2), at=1, description="no room")
    )[1] == ("2  workstation WS1 at BPC: Failed - no room")


def test_many_rows_that_go_the_same_way_are_one_line_beyond_the_bound() -> None:
    def rows(count: int) -> list[tuple[str, str, str, float]]:
        return [("Workstation", f"WS{n}", "Complete", float(n)) for n in range(count)]

    assert len(said(None, look("Active", *rows(EACH_MAX)))) == EACH_MAX + 1
    assert said(None, look("Active", *rows(EACH_MAX + 1)))[1:] == [
        f"{EACH_MAX}  {EACH_MAX + 1} workstations: Complete"
    ]


def test_a_job_has_ended_when_it_is_complete_failed_or_cancelled() -> None:
    every = ("Pending", "Active", "Retrying", "Cancelling", "Complete", "Failed", "Cancelled")
    assert [s for s in every if has_ended(look(s))] == ["Complete", "Failed", "Cancelled"]
