"""Failing worlds made small: the planted bugs come down to a few lines that still fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_lab.explore.campaign import moments_as_written, rerun_of
from despoolr_lab.explore.shrink import DoesNotFail, Shrunk, shrink
from despoolr_lab.explore.smallest import render
from despoolr_lab.scenario.reading.load import load_scenario, parse_scenario
from despoolr_lab.scenario.run import RunOptions
from despoolr_server.site.despooler.copying.target import CopyProgress
from worlds.support import REPOSITORY

DEMO = REPOSITORY / "scenarios" / "demo_live.toml"


def smallest(seed: int) -> Shrunk:
    scenario = load_scenario(Path(DEMO))
    world = rerun_of(scenario, RunOptions(), seed, moments_as_written(scenario, RunOptions()))
    *_, last = shrink(world.scenario, world.options)
    return last


def test_a_forgotten_refusal_comes_down_to_three_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    real = CopyProgress.has_failed

    def forget(self: Any, name: str, error: Any) -> None:
        if not isinstance(error, ShareError) or error.win32 != 32:
            real(self, name, error)

    monkeypatch.setattr(CopyProgress, "has_failed", forget)
    found = smallest(2)
    assert found.key.kind == "a refused open forgotten"
    assert found.is_repeatable
    scenario = found.scenario
    assert (len(scenario.site), len(scenario.server)) == (1, 1)
    assert sum(len(group.expand()) for group in scenario.clients) <= 2
    assert len(scenario.step) <= 3
    text = render(found)
    assert parse_scenario(text) == scenario
    assert text.count("[[step]]                                      # without it: does not") == 3


def test_a_world_in_which_nothing_goes_wrong_is_not_made_small() -> None:
    with pytest.raises(DoesNotFail, match="nothing goes wrong in it"):
        smallest(2)
