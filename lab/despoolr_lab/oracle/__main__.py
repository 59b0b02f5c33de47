"""`python -m despoolr_lab.oracle FILE...`: replay case files against a server of ours; 0 only
without disagreements.

It prints the agreements of each part, each disagreement with its case, what it cannot express, and
as its last line `agree N, disagree N, inexpressible N`. Exit code 1 with disagreements, 2 if a file
cannot be read or no server starts.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from despoolr_app.process.children.output import ProcessDied
from despoolr_app.process.event_loop import loop_factory
from despoolr_lab.oracle.asker import Asker
from despoolr_lab.oracle.cases import CaseFileError, Unit, read_units
from despoolr_lab.oracle.connection import Pool
from despoolr_lab.oracle.replay import CaseOutcome, Replay
from despoolr_lab.oracle.server import OracleServer, serving

UNITS_AT_ONCE_MAX: Final = 16
REPLAY_S_MAX: Final = 1800.0
"""Seconds after which a replay is given up: a server that hangs is an error too."""


def main(arguments: list[str]) -> int:
    """Replay the files, print the verdict, return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        units = [unit for name in arguments for unit in read_units(Path(name))]
        with serving() as server, asyncio.Runner(loop_factory=loop_factory()) as runner:
            outcomes = runner.run(replay_all(server, units))
    except (CaseFileError, ProcessDied) as error:
        print(f"oracle: {error}", file=sys.stderr)
        return 2
    return _tell(units, outcomes)


async def replay_all(server: OracleServer, units: list[Unit]) -> list[list[CaseOutcome]]:
    """Play every unit, several at once; their outcomes in the order of `units`."""
    places = asyncio.Semaphore(UNITS_AT_ONCE_MAX)
    address = urlsplit(server.url)
    pool = Pool(address.hostname or "", address.port or 0)
    asker = Asker(server, pool)

    async def play(number: int, unit: Unit) -> list[CaseOutcome]:
        async with places:
            return await Replay(asker, unit, f"u{number}").run()

    try:
        async with asyncio.timeout(REPLAY_S_MAX):
            return await asyncio.gather(*(play(number, unit) for number, unit in enumerate(units)))
    finally:
        pool.close()


def _tell(units: list[Unit], outcomes: list[list[CaseOutcome]]) -> int:
    agreements: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for unit, found in zip(units, outcomes, strict=True):
        for outcome in found:
            if outcome.cannot:
                total["inexpressible"] += 1
                print(f"inexpressible  {outcome.case}: {outcome.cannot}")
            elif outcome.difference:
                total["disagree"] += 1
                print(f"DISAGREE       {outcome.case}: {outcome.difference}")
            else:
                agreements[unit.section] += 1
    for section, count in agreements.items():
        print(f"agree          {section}: {count}")
    print(
        f"agree {sum(agreements.values())}, disagree {total['disagree']}, inexpressible "
        f"{total['inexpressible']}"
    )
    return 1 if total["disagree"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
