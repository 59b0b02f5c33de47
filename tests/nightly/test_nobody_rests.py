"""Services and clients that never rest record what those that rest record: every article and
scenario.
"""

from __future__ import annotations

import pytest

from despoolr_lab.kb.matrix import Cell
from golden import write as golden
from house.test_resting import ONE_OF_EACH, let_nobody_rest


@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=golden.key)
def test_a_run_without_rest_records_what_it_recorded(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_nobody_rest(monkeypatch)
    golden.assert_golden(cell, golden.digest_of(cell))
