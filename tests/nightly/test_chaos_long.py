"""Two hundred kills of a logon server under writers, every damage after each."""

from __future__ import annotations

from pathlib import Path

import pytest

from process.test_chaos import chaos
from worlds.chaos import DAMAGES
from worlds.process import Workshop

ROUNDS, KILLS_EACH = 20, 10


@pytest.mark.parametrize("seed", range(100, 100 + ROUNDS))
def test_ten_kills_of_two_hundred_lose_double_and_bring_back_nothing(
    tmp_path: Path, seed: int
) -> None:
    workshop = Workshop(tmp_path)
    try:
        assert chaos(workshop, KILLS_EACH, seed, damages_each=len(DAMAGES)) >= KILLS_EACH * 150
    finally:
        for process in workshop.processes:
            if process.process.poll() is None:
                process.kill()
