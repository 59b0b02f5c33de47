"""From when on a world is left in peace."""

from __future__ import annotations

import math

import pytest

from despoolr_lab.explore.rules.calm import calm_from, off_since
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import parse_scenario

HEAD = """
name = "calm"
title = "What is broken and mended"
[run]
for = "1d"
[[clients]]
names = ["WS1"]
"""


def calm_s(*steps: str) -> float:
    scenario: Scenario = parse_scenario(HEAD + "".join(f"[[step]]\n{step}\n" for step in steps))
    return calm_from(scenario) - scenario.start


DOWN = 'at = "1h"\ndo = "link"\nserver = "LOGON1"\nup = false'
UP = 'at = "3h"\ndo = "link"\nserver = "LOGON1"\nup = true'
KILL = 'at = "2h"\ndo = "kill"\ndown_for = "30m"'
DIES = 'at = "2h"\ndo = "sender_dies"'
PAUSE = 'at = "2h"\ndo = "service"\naction = "pause"\nservice = "SMS_DESPOOLER"'

RESUME = PAUSE.replace("2h", "3h").replace("pause", "resume")


@pytest.mark.parametrize(
    ("steps", "calm"),
    [
        ([], 0.0),
        ([KILL], 9000.0),
        ([DOWN, UP], 10800.0),
        ([KILL, DOWN, UP], 10800.0),
        ([DOWN], math.inf),
        ([PAUSE], math.inf),
        ([PAUSE, RESUME], 10800.0),
        ([PAUSE, RESUME.replace("resume", "restart")], math.inf),
        ([PAUSE, KILL.replace("2h", "4h")], 16200.0),
        ([PAUSE, KILL.replace("2h", "4h") + '\nserver = "LOGON1"'], math.inf),
        ([DIES], math.inf),
        ([DIES + '\nfor = "1h"'], 10800.0),
    ],
)
def test_calm_begins_when_the_last_thing_is_mended(steps: list[str], calm: float) -> None:
    assert calm_s(*steps) == calm


def test_a_machine_is_off_since_it_was_switched_off_last() -> None:
    def power(at: str, is_on: str) -> str:
        return f'[[step]]\nat = "{at}"\ndo = "power"\nmachine = "WS1"\non = {is_on}\n'

    steps = power("5h", "false") + power("1h", "false") + power("2h", "true")
    scenario = parse_scenario(HEAD + steps)
    assert off_since(scenario) == {"WS1": scenario.start + 5 * 3600}
    assert off_since(parse_scenario(HEAD + steps + power("6h", "true"))) == {}
