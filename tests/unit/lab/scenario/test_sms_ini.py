"""What a scenario puts into the SMS.INI of its machines counts."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.stream import of
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.toml.toml_text import ScenarioError

SCENARIO = """
name = "sms-ini"
title = "A command that must run, on a machine with an SMS.INI of its own"
[run]
for = "3h"
[[server]]
name = "LOGON1"
[[server]]
name = "LOGON2"
[[clients]]
names = ["WS1"]
poll_every = "1h"
first_poll = "10m"
sms_ini = [INI]
[[package]]
name = "PATCH"
files = { "setup.exe" = "a patch" }
[[program]]
command = "SETUP.EXE"
runs = "5m"
[[step]]
at = "0s"
do = "job"
name = "ALL"
package = "PATCH"
command = "SETUP.EXE /q"
mandatory_after = "1m"
"""


def started(ini: str, version: str) -> float:
    result = run_scenario(
        parse_scenario(SCENARIO.replace("[INI]", ini)), RunOptions(version=version)
    )
    (at,) = [record.at for record, _ in of(result.records, ProgramStarted)]
    return at


@pytest.mark.slow
def test_a_machine_whose_sms_ini_disables_the_countdown_runs_at_once_from_sp4_on() -> None:
    ini = '["[Local]", "DisablePCMCountdown=TRUE"]'
    assert started(ini, "1.2 SP4") < started("[]", "1.2 SP4")
    assert started(ini, "1.1") == started("[]", "1.1"), "Q185805: it had no effect"


def test_results_go_where_sms_ini_says() -> None:
    ini = r"""["[Package Command Manager]", 'ResultSharePoint=\\LOGON2\SMS_SHR\DESPOOLR.BOX']"""
    result = run_scenario(parse_scenario(SCENARIO.replace("[INI]", ini)), RunOptions())
    assert len([1 for _ in of(result.records, ResultReported)]) == 1
    servers = {
        fact.server
        for _, fact in of(result.records, FileWritten)
        if fact.path.startswith("DESPOOLR.BOX") and fact.machine == "WS1"
    }
    assert servers == {"LOGON2"}


def test_what_is_no_sms_ini_is_refused() -> None:
    with pytest.raises(ScenarioError, match="sms_ini: line 1, column 1: a section"):
        parse_scenario(SCENARIO.replace("[INI]", '["[Local"]'))


def test_a_line_may_stand_in_two_sections() -> None:
    ini = '["[Local]", "LogonPath=C", "", "[Other]", "LogonPath=C", ""]'
    (group,) = parse_scenario(SCENARIO.replace("[INI]", ini)).clients
    assert len(group.sms_ini) == 6
