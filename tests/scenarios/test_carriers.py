"""Requests that travel as calls and requests that travel as bytes leave the same records."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from despoolr_lab.kb.matrix import Cell
from despoolr_lab.scenario.run import Carrier, RunOptions, run_scenario
from golden import write as golden

CELLS = list({cell.kb: cell for cell in golden.cells()}.values())
WORLDS = [(CELLS[seed % len(CELLS)], seed) for seed in range(1, 21)]
"""Twenty that nobody wrote: each article and scenario in turn, in a world far from the written.
`make nightly` has four of each.
"""


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=golden.key)
def test_as_bytes_every_article_and_scenario_records_what_it_does_as_calls(cell: Cell) -> None:
    golden.assert_golden(cell, golden.digest_of(cell, carrier=Carrier.BYTES))


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "seed"), WORLDS, ids=str)
def test_so_do_twenty_worlds_that_nobody_wrote(cell: Cell, seed: int) -> None:
    check_carriers(cell, seed)


def check_carriers(cell: Cell, seed: int) -> None:
    """A run in a wide world records the same by every carrier."""
    digests = set()
    for carrier in Carrier:
        scenario = golden.scenario_of(cell.kb)
        scenario.worlds.jitter = "wide"
        options = RunOptions(version=cell.version, seed=seed)
        digests.add(run_scenario(scenario, replace(options, carrier=carrier)).digest)
    assert len(digests) == 1
