"""The digests in `tests/golden` are of every run there is, and of what the scenarios record.

The articles' are compared where their cells run anyway: `test_articles.py`.
"""

from __future__ import annotations

import pytest

from despoolr_lab.kb import matrix
from despoolr_lab.kb.matrix import Cell
from golden import write as golden

SCENARIOS = [cell for cell in golden.cells() if cell not in matrix.cells()]


def test_every_article_and_scenario_has_its_digest_and_nothing_else_has_one() -> None:
    assert list(golden.written()) == [golden.key(cell) for cell in golden.cells()]


@pytest.mark.parametrize("cell", SCENARIOS, ids=golden.key)
def test_a_scenario_records_what_it_recorded(cell: Cell) -> None:
    golden.assert_golden(cell, golden.digest_of(cell))
