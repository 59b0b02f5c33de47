"""A trace has one track an open, and nothing outside of the run."""

from __future__ import annotations

import json
from typing import Any

from despoolr_core.records.stream import Record
from despoolr_core.records.view import FaultHistory, RunView
from despoolr_lab.export.perfetto import perfetto
from worlds.report import HOUR, Site, blocked_update


def events(records: list[Record] | None = None) -> list[dict[str, Any]]:
    told = json.loads(b"".join(perfetto(RunView(records or blocked_update()))))
    return list(told["traceEvents"])


def tracks(found: list[dict[str, Any]]) -> dict[int, str]:
    return {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}


def test_each_open_has_a_track_of_its_own_from_grant_to_close() -> None:
    site = Site().step().hold("WS1", "O1").at(1).hold("WS2", "O2").at(3).close("O1").at(4).step()
    found, view = events(site.records), RunView(site.records)
    names = tracks(found)
    opens = [e for e in found if e["ph"] == "X" and "sharing" in e["args"]]
    assert len({e["tid"] for e in opens}) == len(opens) == len(view.holdings)
    for event, holding in zip(opens, view.holdings, strict=True):
        assert names[event["tid"]] == f"{holding.program} on {holding.machine} ({holding.open})"
        end = view.end if holding.closed_at is None else holding.closed_at
        assert event["dur"] == round((end - holding.opened_at) * 1e6)


def test_refusals_are_instants_on_the_track_of_their_episode() -> None:
    found = events()
    refused = [e for e in found if e["name"] == "refused"]
    assert len(refused) == 12
    assert {tracks(found)[e["tid"]] for e in refused} == {"waits: SMS_DESPOOLER on SITE1"}


def test_times_are_microseconds_since_the_first_moment() -> None:
    view = RunView(blocked_update())
    times = [(e["ts"], e["ts"] + e.get("dur", 0)) for e in events() if "ts" in e]
    assert min(start for start, _ in times) == 0
    assert max(end for _, end in times) <= (view.end - view.start) * 1e6 + 1
    assert (view.end - view.start) > HOUR


def test_an_open_that_is_older_than_the_records_begins_with_them() -> None:
    view = RunView(blocked_update())
    view.holdings[0].opened_at -= 9 * HOUR
    told = json.loads(b"".join(perfetto(view)))["traceEvents"]
    assert min(e["ts"] for e in told if "ts" in e) == 0


def test_a_run_without_records_is_a_trace_without_events() -> None:
    told = json.loads(b"".join(perfetto(RunView())))
    assert [e["ph"] for e in told["traceEvents"]] == ["M"] * 3


def test_what_was_broken_on_purpose_has_a_slice_from_its_beginning_to_its_end() -> None:
    view = RunView(blocked_update())
    view.faults += [
        FaultHistory("link_down", "LOGON1 to everybody", view.start + 60, view.start + 3660),
        FaultHistory("slow_share", "LOGON1 by 2s", view.end - 60),
    ]
    told = json.loads(b"".join(perfetto(view)))["traceEvents"]
    slices = [e for e in told if e["ph"] == "X" and e["name"] in ("link_down", "slow_share")]
    assert [(e["ts"] / 1e6, e["dur"] / 1e6) for e in slices] == [
        (60.0, 3600.0),
        (view.end - view.start - 60, 60.0),
    ]
    names = [tracks(told)[e["tid"]] for e in slices]
    assert names == ["link_down: LOGON1 to everybody", "slow_share: LOGON1 by 2s"]
    assert "Broken on purpose" in [e["args"]["name"] for e in told if e["name"] == "process_name"]
