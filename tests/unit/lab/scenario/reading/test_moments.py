"""What a scenario names must be there when it is named."""

from __future__ import annotations

import pytest

from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from worlds.mistakes import changed, stepped

OFFERED = (
    'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; command = "SETUP.EXE"; offer_after = '
)
EARLY = changed('for = "3h"', 'for = "3h"; start = "1970-01-01 00:00"')


def test_times_are_in_the_years_that_a_calendar_has_and_one_second_past_them_is_not() -> None:
    parse_scenario(stepped(OFFERED + '"2999-12-31 23:59:59"'))
    parse_scenario(EARLY)
    parse_scenario(EARLY.replace('"PC2"]', '"PC2"]\nclock_offset = "+1h"'))
    for beyond in (
        stepped(OFFERED + '"3000-01-01 00:00:00"'),
        EARLY.replace("1970-01-01 00:00", "1969-12-31 23:59:59"),
        EARLY.replace('"PC2"]', '"PC2"]\nclock_offset = "-1s"'),
        f'{EARLY}\n[[step]]\nat = "1h"\ndo = "clock_jumps"\nmachine = "PC1"\nby = "-3601s"\n',
    ):
        with pytest.raises(ScenarioError, match="in the years 1970 to 2999"):
            parse_scenario(beyond)
