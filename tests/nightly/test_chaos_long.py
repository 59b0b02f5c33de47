"""Two hundred kills of a logon server under writers, every damage after each."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos_world import DAMAGES
from process.test_chaos import chaos
from process_world import Workshop


@pytest.mark.timeout(7200)
def test_two_hundred_kills_lose_double_and_bring_back_nothing(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    try:
        assert chaos(workshop, 200, seed=2, damages_each=len(DAMAGES)) >= 200 * 150
    finally:
        for process in workshop.processes:
            if process.process.poll() is None:
                process.kill()
