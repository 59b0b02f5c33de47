"""Requests as calls and as bytes leave the same records: four wide worlds of every article and
scenario.
"""

from __future__ import annotations

import pytest

from despoolr_lab.kb.matrix import Cell
from scenarios.test_carriers import CELLS, check_carriers

WORLDS = range(101, 105)


@pytest.mark.parametrize("seed", WORLDS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_both_carriers_record_the_same_in_a_wide_world(cell: Cell, seed: int) -> None:
    check_carriers(cell, seed)
