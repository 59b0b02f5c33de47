"""The first pass against reruns: what it rules out does not help, and nothing is through earlier
than it says.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from despoolr_lab.scenario.model import Scenario, Worlds
from despoolr_lab.scenario.reading.written import baked
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.changes import changes
from despoolr_lab.whatif.ladder import Base, base_of
from despoolr_lab.whatif.rerun import Task, rerun, with_goal
from worlds.scenario import FILES, blocked_update, hold, scenario, share, update

pytestmark = pytest.mark.slow

CASES = 8
TRIED_MAX = 6
"""Changes of a case that are run again, drawn from all of them."""
SHARES = ("NONE", "READ", "READ|WRITE", "READ|DELETE", "READ|WRITE|DELETE")
VERSIONS = ("1.0", "1.1", "1.2", "1.2 SP4")


def drawn(seed: int) -> tuple[Scenario, str]:
    """A blocked update with one to three holders that differ in file, mode, beginning and end."""
    draw = random.Random(seed)
    holds: list[dict[str, Any]] = []
    for machine in draw.sample(["WS1", "WS2", "WS3"], draw.randint(1, 3)):
        ends = {"for": f"{draw.randint(70, 900)}m"} if draw.random() < 0.6 else {}
        holds.append(
            hold(
                machine,
                draw.choice(list(FILES)),
                at=f"{draw.randint(30, 118)}m",
                access=draw.choice(["READ", "READ", "READ|WRITE"]),
                share_mode=draw.choice(SHARES),
                may_fail=True,
                **ends,
            )
        )
    version = draw.choice(VERSIONS)
    return baked(blocked_update(*holds, hours=14), RunOptions(version=version)), version


def check(base: Base, seed: int) -> int:
    """How many changes were run again, each as the first pass says."""
    assert base.goal is not None
    case = Case.of(base.scenario, base.goal, base.updates)
    found = [one for one in changes(case) if one.bound is not None]
    for one in random.Random(seed).sample(found, min(TRIED_MAX, len(found))):
        expectations = one.instead or base.goal.expectations
        outcome = rerun(Task(0, with_goal(one.scenario, expectations), base.goal, 0))
        assert one.bound is not None
        if one.bound.free_at is None:
            assert not outcome.is_met, (one.says, one.bound.why)
        elif outcome.goal_at is not None:
            assert one.bound.free_at <= outcome.goal_at, one.says
    return len(found)


SHARES_LESS = 291
"""A holder that would share less keeps another one out, who had the file open to the end."""


@pytest.mark.parametrize("seed", [*range(CASES), SHARES_LESS])
def test_the_first_pass_and_the_reruns_agree(seed: int) -> None:
    scenario, _ = drawn(seed)
    base = base_of(scenario)
    if base.goal is not None:
        assert check(base, seed) > 0


FORCED = {
    "forced_disconnect_available": True,
    "use_forced_disconnect": True,
    "forced_disconnect_retries": 6,
}
HELD_FROM_THE_SECOND_ATTEMPT_ON = blocked_update(
    {"do": "link", "at": "90m", "server": "LOGON1", "up": False},
    {"do": "link", "at": "3h", "server": "LOGON1", "up": True},
    hold(at="210m"),
    hours=14,
)
"""At 3:00 nobody holds anything, and no attempt is made."""
ANOTHER_IS_HELD_TOO = scenario(
    share(),
    share("TOOLS", "TOOLS"),
    hold(),
    hold("WS2", package="TOOLS"),
    *update(),
    *update(package="TOOLS", name="TOOLS-UPDATE"),
    packages={"OFFICE": FILES, "TOOLS": FILES},
    hours=8,
    expect=[{"that": "job", "job": "UPDATE", "status": "Complete", "name": "by night"}],
)


@pytest.mark.parametrize(
    ("staged", "version", "goal", "knob"),
    [
        (
            blocked_update(hours=20, response="Slow", profile={**FORCED}),
            "1.2",
            (),
            {"retry_interval": ("Fast",)},
        ),
        (HELD_FROM_THE_SECOND_ATTEMPT_ON, "1.1", (), {"window": ("11",)}),
        (ANOTHER_IS_HELD_TOO, "1.1", ("by night",), {"local_copy": ()}),
        (
            msgspec.structs.replace(
                blocked_update(hours=11, seed=15), worlds=Worlds(jitter="wide")
            ),
            "1.1",
            (),
            {"closes_when_idle": ("630",)},
        ),
    ],
    ids=[
        "attempts close files by force",
        "attempts at another hour",
        "another package is held",
        "a hold ends earlier in this world than is written",
    ],
)
def test_what_a_rerun_can_fix_is_never_ruled_out(
    staged: Scenario, version: str, goal: tuple[str, ...], knob: dict[str, tuple[str, ...]]
) -> None:
    base = base_of(baked(staged, RunOptions(version=version)), goal)
    assert base.goal is not None
    one = changes(Case.of(base.scenario, base.goal, base.updates), knob)[0]
    changed = with_goal(one.scenario, base.goal.expectations)
    assert rerun(Task(0, changed, base.goal, base.scenario.run.seed)).is_met
    assert one.bound is None or not one.bound.cannot_help


def test_another_retry_interval_leaves_what_was_there_before_the_update() -> None:
    base = base_of(baked(blocked_update(hold(at="30m"), hours=20), RunOptions(version="1.1")))
    assert base.goal is not None
    case = Case.of(base.scenario, base.goal, base.updates)
    (one,) = changes(case, {"retry_interval": ("Slow",)})
    assert one.bound is not None and one.bound.cannot_help
    changed = with_goal(one.scenario, base.goal.expectations)
    outcome = rerun(Task(0, changed, base.goal, base.scenario.run.seed))
    assert not outcome.is_met, "a first copy that comes after 0:30 would refuse the holder"
