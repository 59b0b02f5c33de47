"""`make bench`: what is fast and what is not, as ratios to a peer or a bare ceiling measured in the
same run.

python -m despoolr_lab.bench [--json] [--rows NAME ...] [--rounds N] [--base REVISION]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from despoolr_lab.bench import (
    clients,
    dav,
    holders,
    many,
    night,
    reports,
    samba,
    share_bench,
    sim_events,
    sim_runs,
)
from despoolr_lab.bench.base.figures import (
    FigureRow,
    Found,
    about_load,
    are_met,
    at_least,
    at_most,
    summary,
    table,
)

_DAV_GOALS: Final = {
    "dav_get_to_apache": 1.8,
    "dav_get_to_wsgidav": 8.0,
    "dav_put_to_apache": 1.6,
    "dav_put_durable_to_apache": 1.0,
    "dav_put_to_wsgidav": 5.0,
    "dav_lock_to_wsgidav": 5.0,
    "dav_propfind_to_apache": 0.8,
    "dav_propfind_to_wsgidav": 5.0,
}

_DAV_ROWS: Final = tuple(
    FigureRow(
        f"WebDAV: {label}{how}, to {peer}",
        key,
        f"dav_{work}_ours{durable}_s",
        at_least(_DAV_GOALS[key]) if key in _DAV_GOALS else None,
    )
    for work, label in dav.WORK.items()
    for peer in dav.PEERS
    for durable, how in (("", ""), ("_durable", ", durable"))
    if not durable or work == "put"
    for key in [f"dav_{work}{durable}_to_{peer}"]
)

ROWS: Final = (
    FigureRow(
        "poll (304), to a bare aiohttp route", "polls_304_ratio", "polls_304_s", at_least(1.5)
    ),
    FigureRow("GET of 1.2 KB, to a bare aiohttp route", "gets_200_ratio", "gets_200_s"),
    FigureRow("durable PUT of 1.2 KB, to a bare aiohttp route", "puts_ratio", "puts_s"),
    FigureRow(
        "open + close, to a bare aiohttp route", "open_close_pairs_ratio", "open_close_pairs_s"
    ),
    *(
        FigureRow(
            f"open + close, clients: {count}, to Samba",
            f"open_close_{count}_to_samba",
            f"open_close_{count}_ours_s",
            at_least(1.0 if count == 1 else 2.0),
        )
        for count in samba.CLIENTS
    ),
    *_DAV_ROWS,
    FigureRow("CPU us of a client for one exchange", "exchange_us", "", at_most(10.0)),
    FigureRow("a client's exchange, to one that nobody reads", "exchange_to_bare", ""),
    FigureRow("CPU us of one of 16 exchanges in one write", "exchange_several_us", ""),
    FigureRow(
        "polls that a fleet makes in a CPU second",
        "fleet_polls_per_cpu_s",
        "fleet_polls_s",
        at_least(20_000),
    ),
    FigureRow("MB of 100,000 idle clients in one process", "idle_mb", "", at_most(150.0)),
    FigureRow("core that they take, polling each minute", "idle_core", "", at_most(1.0)),
    FigureRow("bytes an idle client takes beside the shared session", "bytes_per_idle_client", ""),
    FigureRow(
        "open + close with 1,000 opens held, to 10",
        "open_growth_1000",
        "opens_1000_s",
        at_most(2.0),
    ),
    FigureRow(
        "open + close with 100,000 opens held, to 10",
        "open_growth_100000",
        "opens_100000_s",
        at_most(2.0),
    ),
    FigureRow(
        "open + close with 1,000,000 opens held, to 10,000",
        "held_growth_1000000",
        "held_pairs_s",
        at_most(1.5),
    ),
    FigureRow("bytes of one open of 1,000,000", "bytes_per_open", "", at_most(1300.0)),
    FigureRow(
        "a refusal by 10,000 holders, to one by 10",
        "refusal_growth_10000",
        "refusals_10000_s",
        at_most(2.0),
    ),
    FigureRow(
        "a lock + unlock among 10,000 locks, to 10",
        "lock_growth_10000",
        "locks_10000_s",
        at_most(2.0),
    ),
    FigureRow(
        "status reports from PUT to JobDetails, to their uploads",
        "reports_to_uploads",
        "reports_per_s",
    ),
    FigureRow(
        "loading a status: with 230,000 rows, to 100 rows", "load_growth_230000", "", at_most(1.2)
    ),
    FigureRow(
        "MB of the report of 10,000,000 records", "report_mb", "report_records_s", at_most(200.0)
    ),
    FigureRow("MB of why, asked of 10,000,000 records", "why_mb", "why_records_s", at_most(200.0)),
    FigureRow(
        "simulated sleeps of 10,000 tasks, to asyncio's turns",
        "sim_sleeps_to_asyncio_turns",
        "sim_sleeps_per_s",
    ),
    FigureRow(
        "simulated HTTP requests, to loopback sockets",
        "sim_requests_to_socket_requests",
        "sim_requests_per_s_shared_session",
    ),
    FigureRow("CPU ms a report, in the night of 20,000", "night_ms", "night_reports_s"),
    FigureRow("the same, to the base's", "night_to_base", "", at_most(0.6)),
)
"""What is printed."""


def _once(measure: Callable[[], dict[str, float]], rounds: int) -> Found:
    return {key: [value] for key, value in measure().items()} if rounds else {}


def _each_round(measure: Callable[[], dict[str, float]], rounds: int) -> Found:
    told = [measure() for _ in range(rounds)]
    return {key: [one[key] for one in told] for key in told[0]}


PARTS: Final[dict[str, tuple[str, Callable[[int], Found]]]] = {
    "poll": ("a share server beside a bare route", share_bench.measure),
    "open": ("open + close beside Samba", samba.measure),
    "exchange": ("a client's exchange", clients.measure_exchanges),
    "fleet": ("fleets, and idle clients", clients.measure_fleets),
    "growth": ("many holders", holders.measure),
    "opens": ("a million opens", lambda _rounds: many.measure_opens(1)),
    "reports": ("status reports and clients", lambda rounds: _once(reports.measure, rounds)),
    "records": ("ten million records", many.measure_records),
    "events": ("simulated time", lambda rounds: _each_round(sim_events.measure, rounds)),
}
"""What `--rows` names, beside the kinds of work of WebDAV (`dav.WORK`), `night` and `sim`."""

NIGHT: Final = "night"
SIM: Final = "sim"


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print a table (or JSON); 0 if every goal is met, 10 if one is
    missed.
    """
    every = [*dav.WORK, *PARTS, NIGHT, SIM]
    parser = argparse.ArgumentParser(prog="python -m despoolr_lab.bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", nargs="+", choices=every, default=every)
    parser.add_argument("--rounds", type=int, choices=range(1, 100), default=5, metavar="N")
    parser.add_argument("--base", default="", help="a commit that night and sim are compared with")
    asked = parser.parse_args(arguments)
    if asked.base and not {NIGHT, SIM} & {*asked.rows}:
        parser.error("only night and sim are compared with a base: --rows night")
    if asked.base and not sim_runs.is_commit(asked.base):
        parser.error(f"git knows no commit {asked.base!r}; `git log` lists those it knows")
    found: Found = {}
    for name in (one for one in PARTS if one in asked.rows):
        _say(PARTS[name][0])
        found |= PARTS[name][1](asked.rounds)
    if works := [work for work in dav.WORK if work in asked.rows]:
        _say("WebDAV and its peers")
        found |= dav.measure(asked.rounds, works)
    if NIGHT in asked.rows:
        _say("the night of 20,000")
        found |= night.measure(1, asked.base)
    virtual: dict[str, dict[str, float]] = {}
    if SIM in asked.rows:
        _say("runs in virtual time")
        virtual = sim_runs.measure(asked.base)
    if asked.json:
        print(
            json.dumps(
                summary(found) | ({SIM: virtual} if virtual else {}), indent=2, sort_keys=True
            )
        )
    else:
        lines = table(ROWS, found) if found else []
        lines += sim_runs.table(virtual) if virtual else []
        print("\n".join([*lines, "", *filter(None, [about_load(found)]), _about_machine()]))
    return 0 if are_met(ROWS, found) and (not virtual or sim_runs.is_met(virtual)) else 10


def _say(what: str) -> None:
    print(f"measuring {what} ...", file=sys.stderr)


def _about_machine() -> str:
    return (
        f"Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of rounds, from "
        "the lowest to the highest. Compare ratios, not rates: machines are noisy."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
