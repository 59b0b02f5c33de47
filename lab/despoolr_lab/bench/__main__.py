"""`make bench`: what is fast and what is not, as ratios to a peer or a bare ceiling measured in the
same run.

python -m despoolr_lab.bench [--json] [--rows NAME ...] [--base REVISION]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from despoolr_lab.bench import dav, holders, reports, samba, share_bench, sim_events, sim_runs

ROWS: Final = (
    ("WINST polls answered 304, to a bare aiohttp route", "polls_304_ratio", "polls_304_s"),
    ("GET of 1.2 KB, to a bare aiohttp route", "gets_200_ratio", "gets_200_s"),
    ("durable PUT of 1.2 KB, to a bare aiohttp route", "puts_ratio", "puts_s"),
    ("open + close pairs, to a bare aiohttp route", "open_close_pairs_ratio", "open_close_pairs_s"),
    ("an open + close with 1,000 opens held, to 10", "open_growth_1000", "opens_1000_s"),
    ("an open + close with 100,000 opens held, to 10", "open_growth_100000", "opens_100000_s"),
    ("a refusal by 10,000 holders, to one by 10", "refusal_growth_10000", "refusals_10000_s"),
    ("a lock + unlock among 10,000 locks, to 10", "lock_growth_10000", "locks_10000_s"),
    (
        "status reports from PUT to JobDetails, to their uploads",
        "reports_to_uploads",
        "reports_per_s",
    ),
    (
        "simulated sleeps of 10,000 tasks, to asyncio's turns",
        "sim_sleeps_to_asyncio_turns",
        "sim_sleeps_per_s",
    ),
    (
        "simulated HTTP requests, to loopback sockets",
        "sim_requests_to_socket_requests",
        "sim_requests_per_s_shared_session",
    ),
    ("bytes an idle client takes beside the shared session", "bytes_per_idle_client", ""),
    ("loading a status: with 230,000 rows, to 100 rows", "load_growth_230000", ""),
    *(
        (
            f"open + close pairs, clients: {count}, to Samba",
            f"open_close_{count}_to_samba",
            f"open_close_{count}_ours_s",
        )
        for count in samba.CLIENTS
    ),
    *(
        (f"WebDAV: {label}, to {peer}", f"dav_{work}_to_{peer}", f"dav_{work}_ours_s")
        for work, label in dav.WORK.items()
        for peer in dav.PEERS
    ),
)
"""What is printed: what it is, the ratio (or number), the rate a second."""

GOALS: Final = {
    "polls_304_ratio": 1.5,
    "bytes_per_idle_client": 4096.0,
    "open_close_1_to_samba": 1.0,
    "open_close_4_to_samba": 2.0,
    "open_close_16_to_samba": 2.0,
    "dav_get_to_apache": 1.8,
    "dav_get_to_wsgidav": 8.0,
    "dav_put_to_apache": 1.6,
    "dav_put_to_wsgidav": 5.0,
    "dav_lock_unlock_to_wsgidav": 5.0,
    "dav_propfind_1000_to_apache": 0.8,
    "dav_propfind_1000_to_wsgidav": 5.0,
    "open_growth_1000": 2.0,
    "open_growth_100000": 2.0,
    "refusal_growth_10000": 2.0,
    "lock_growth_10000": 2.0,
    "load_growth_230000": 1.2,
}
"""Ratios are at least; bytes, and what grows, at most."""


PARTS: Final[dict[str, tuple[str, Callable[[], dict[str, float]]]]] = {
    "share": ("a share server over HTTP", share_bench.measure),
    "holders": ("many holders", holders.measure),
    "reports": ("status reports and clients", reports.measure),
    "events": ("simulated time", sim_events.measure),
    "samba": ("open + close and Samba", samba.measure),
    "dav": ("WebDAV and its peers", dav.measure),
}
"""What `--rows` names beside `sim`, which is measured only if it is named: it takes minutes, and
tells CPU seconds in the place of ratios to a peer.
"""
SIM: Final = "sim"


def main(arguments: Sequence[str]) -> int:
    """Measure everything, print a table (or JSON); 0 if every goal is met, 10 if one is missed."""
    parser = argparse.ArgumentParser(prog="python -m despoolr_lab.bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", nargs="+", choices=[*PARTS, SIM], default=[*PARTS])
    parser.add_argument("--base", default="", help="what the rows of sim are compared with")
    asked = parser.parse_args(arguments)
    if asked.base and SIM not in asked.rows:
        parser.error("only the rows of sim are compared with a base: --rows sim")
    found: dict[str, float] = {}
    for name in (one for one in PARTS if one in asked.rows):
        print(f"measuring {PARTS[name][0]} ...", file=sys.stderr)
        found |= PARTS[name][1]()
    runs: dict[str, dict[str, float]] = {}
    if SIM in asked.rows:
        print("measuring runs in virtual time ...", file=sys.stderr)
        runs = sim_runs.measure(asked.base)
    if asked.json:
        print(json.dumps(found | ({SIM: runs} if runs else {}), indent=2, sort_keys=True))
    else:
        _print(found, asked.rows)
        if runs:
            print("\n".join(sim_runs.table(runs)))
        print(
            f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; compare ratios, "
            "not rates: machines are noisy."
        )
    all_met = all(_is_met(key, found[key]) for key in GOALS if key in found)
    return 0 if all_met and (not runs or sim_runs.is_met(runs)) else 10


def _is_met(key: str, value: float) -> bool:
    return value <= GOALS[key] if _is_bound(key) else value >= GOALS[key]


def _is_bound(key: str) -> bool:
    """Whether a goal is one that must not be passed."""
    return key.startswith("bytes") or "_growth_" in key


def _print(found: dict[str, float], rows: Sequence[str]) -> None:
    if not found:
        return
    is_whole = set(rows) >= PARTS.keys()
    print(f"{'what, to what':<58} {'ratio':>8} {'a second':>10}  goal")
    for label, key, rate in ROWS:
        if key not in found:
            if is_whole:
                print(f"{label:<58} {'-':>8} {'':>10}  the peer is not installed")
            continue
        value = found[key]
        shown = f"{value:,.0f}" if key.startswith("bytes") else f"{value:.2f}"
        goal = ""
        if key in GOALS:
            sign = "at most" if _is_bound(key) else "at least"
            goal = f"{sign} {GOALS[key]:g}: {'met' if _is_met(key, value) else 'MISSED'}"
        print(f"{label:<58} {shown:>8} {f'{found[rate]:,.0f}' if rate else '':>10}  {goal}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
