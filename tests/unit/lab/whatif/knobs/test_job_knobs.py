"""When a job is sent, and when it expires: what could be otherwise about them."""

from __future__ import annotations

import pytest

from despoolr_core.records.whatif.ladder import FIXES
from despoolr_lab.kb.gallery import entry
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.reading.written import baked
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.job_knobs import expires, noidmif, windows
from despoolr_lab.whatif.ladder import base_of
from unit.lab.whatif.test_ladder import ladder, named
from worlds.scenario import blocked_update

pytestmark = pytest.mark.slow


def case_of(scenario: Scenario, version: str = "1.1") -> Case:
    base = base_of(baked(scenario, RunOptions(version=version)))
    assert base.goal is not None
    return Case.of(base.scenario, base.goal, base.updates)


def test_what_workstations_reported_stands_if_the_job_expires_later_or_never() -> None:
    """And by the workaround of Q152229, which tells it by the inventory."""
    found = ladder(
        load_scenario(entry("Q152229")[1]), knobs={"expires": (), "noidmif": ()}, worlds=1
    )
    never = named(found, "expiring never")
    assert (never.word, never.cost, never.toml) == (FIXES, "setting", ('-expires_after = "2d"',))
    later = named(found, "expiring twice as late")
    assert (later.word, later.toml[-1]) == (FIXES, '+expires_after = "4d"')
    reported = named(found, "a NOIDMIF from each workstation")
    assert (reported.word, reported.cost) == (FIXES, "client change")
    assert [line for line in reported.toml if "machine" in line] == [
        f'+machine = "WS{number}"' for number in range(1, 5)
    ]


def test_a_job_expires_within_the_run_or_is_not_tried() -> None:
    case = case_of(load_scenario(entry("Q152229")[1]))
    asked = [one.says for one in expires(case, ("never", "3d", "5d"))]
    assert asked == ["job PATCH-ALL expiring never", "job PATCH-ALL expiring 3d"]
    assert not [*windows(case, ())], "it was sent in time"


def test_an_update_that_is_blocked_is_sent_at_another_hour_and_expires_as_it_did() -> None:
    case = case_of(blocked_update(hours=30))
    (later,) = windows(case, ("22",))
    assert later.says.startswith("sending it at 22:00, ")
    assert later.scenario != case.scenario
    assert not [*expires(case, ())] and not [*noidmif(case, ())]
