"""Steps that would undo what another step is about."""

from __future__ import annotations

import pytest

from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from worlds.mistakes import stepped

FULL = 'do = "disk_full"; at = "{at}"; server = "LOGON1"; {more}'


def two(first: str, second: str) -> str:
    return stepped(f"{first}; [[step]]; {second}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FULL.format(at="1h", more='for = "30m"'), FULL.format(at="90m", more='for = "10m"')),
        (FULL.format(at="1h", more=""), FULL.format(at="90m", more='share = "SMS_SHR"')),
        (
            FULL.format(at="1h", more='versions = ["1.1"]'),
            FULL.format(at="90m", more='versions = ["1.2"]'),
        ),
        (
            'do = "clock_jumps"; at = "1h"; machine = "PC1"; by = "+1h"',
            'do = "clock_jumps"; at = "90m"; machine = "PC1"; by = "+1h"',
        ),
        (
            'do = "link_down"; at = "1h"; server = "LOGON1"; other = "SITE1"',
            'do = "link_down"; at = "90m"; server = "LOGON1"; for = "10m"',
        ),
    ],
    ids=["one after the other", "elsewhere", "for other versions", "clocks add up", "another way"],
)
def test_two_faults_that_do_not_end_each_other_go_together(first: str, second: str) -> None:
    assert len(parse_scenario(two(first, second)).step) == 4


def test_a_sender_that_came_back_with_its_site_can_die_again() -> None:
    dies = 'do = "sender_dies"; at = "{at}"'
    kill = '{do}; [[step]]; do = "kill"; at = "{at}"; down_for = "5m"'
    first, second = dies.format(at="1h"), dies.format(at="2h")
    assert len(parse_scenario(two(kill.format(do=first, at="90m"), second)).step) == 5
    for at in ("30m", "150m"):
        with pytest.raises(ScenarioError, match="sender_dies is there already"):
            parse_scenario(two(kill.format(do=first, at=at), second))


def test_whichever_begins_first_the_later_one_in_the_file_is_told() -> None:
    text = two(FULL.format(at="1h", more=""), FULL.format(at="30m", more='for = "31m"'))
    with pytest.raises(ScenarioError, match="disk_full is there already, from 1h on") as caught:
        parse_scenario(text)
    assert caught.value.line == text.splitlines().index('at = "30m"') + 1
