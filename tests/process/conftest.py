"""A directory in which processes are started; none outlives its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from worlds.process import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    try:
        yield made
    finally:
        for process in made.processes:
            if process.process.poll() is None:
                process.kill()
