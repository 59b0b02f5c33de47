"""`make bench`: what is fast and what is not, as ratios to a peer or a bare ceiling measured in the same run.

python -m despoolr_lab.bench [--json]
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Final

from despoolr_lab.bench import reports, share_bench, sim_events

Row = tuple[str, str, str, str]

GOALS: Final = {
    "polls_to_bare": (0.8, "WINST polls (304) of one logon server, to a bare aiohttp route"),
    "reports_to_uploads": (0.0, "status reports from PUT to JobDetails, to their uploads alone"),
    "octets_per_idle_client": (4096.0, "octets an idle client takes beside the shared session"),
}


def main(arguments: list[str]) -> int:
    """Measure everything, print a table (or JSON); 0 if every goal is met, 10 if one is missed."""
    parts: list[tuple[str, Callable[[], dict[str, float]]]] = [
        ("a share server over HTTP", share_bench.measure),
        ("status reports and clients", reports.measure),
        ("simulated time", sim_events.measure),
    ]
    found: dict[str, float] = {}
    for name, measure in parts:
        print(f"measuring {name} ...", file=sys.stderr)
        found |= measure()
    if "--json" in arguments:
        print(json.dumps(found, indent=2, sort_keys=True))
    else:
        _print(found)
    return 0 if all(_is_met(key, found.get(key, 0.0)) for key in GOALS) else 10


def _is_met(key: str, value: float) -> bool:
    goal, _ = GOALS[key]
    return value <= goal if key.startswith("octets") else value >= goal


def _print(found: dict[str, float]) -> None:
    load = os.getloadavg()[0]
    print(f"{'what':<42} {'value':>14}  goal")
    for key, value in found.items():
        goal = ""
        if key in GOALS and GOALS[key][0]:
            sign = "at most" if key.startswith("octets") else "at least"
            goal = f"{sign} {GOALS[key][0]:g}: {'met' if _is_met(key, value) else 'MISSED'}"
        shown = f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
        print(f"{key:<42} {shown:>14}  {goal}")
    print(f"\nload average {load:.1f} on {os.cpu_count()} cores; compare ratios, not rates: machines are noisy.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
