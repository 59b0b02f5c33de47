"""Where commands that take a scenario are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from worlds.scenario import SHARED


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with a scenario in it; runs are kept below it."""
    monkeypatch.chdir(tmp_path)
    Path("shared.toml").write_text(SHARED)
