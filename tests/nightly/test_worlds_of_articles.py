"""No article's verdict depends on the world: every cell of the table, in five of them."""

from __future__ import annotations

import pytest

from despoolr_lab.kb import gallery, matrix
from despoolr_lab.kb.matrix import Cell
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario


@pytest.mark.parametrize("cell", matrix.cells(worlds=5), ids=str)
def test_an_article_holds_in_every_small_world(cell: Cell) -> None:
    result = run_scenario(load_scenario(gallery.entry(cell.kb)[1]), cell.options(RunOptions()))
    assert [finding for finding in result.findings if not finding.ok] == []
