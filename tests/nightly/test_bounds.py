"""The first pass of a what-if against reruns: many more cases, and every article."""

from __future__ import annotations

import pytest

from despoolr_lab.kb.gallery import entries, entry
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.reading.written import baked
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.whatif.ladder import base_of
from unit.lab.whatif.test_bound_holds import check, drawn

CASES = 200


@pytest.mark.parametrize("seed", range(100, 100 + CASES))
def test_the_first_pass_and_the_reruns_agree(seed: int) -> None:
    base = base_of(drawn(seed)[0])
    if base.goal is not None:
        check(base, seed)


@pytest.mark.parametrize("kb", [kb for kb, _ in entries()])
def test_the_first_pass_and_the_reruns_agree_on_every_article(kb: str) -> None:
    scenario = load_scenario(entry(kb)[1])
    for version in scenario.versions:
        base = base_of(baked(scenario, RunOptions(version=version)))
        if base.goal is not None:
            check(base, 1)
