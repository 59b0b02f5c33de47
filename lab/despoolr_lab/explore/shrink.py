"""A failing world made smaller, as long as it fails in the same way.

The law: a cut stays if the run without it has the key. It ends where no cut is left that keeps it;
then the result is run twice, and both runs must fail so, with one digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from despoolr_lab.explore.agreement.job_rows import NOTHING_COMES, WRONG_STATUS
from despoolr_lab.explore.campaign import judge_here
from despoolr_lab.explore.cuts import cuts
from despoolr_lab.explore.judgement import EXPECTATION, WorldJudgement
from despoolr_lab.explore.replacements import Place
from despoolr_lab.explore.rules.breach import FailureKey, without_ids
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.written import baked, copy_of
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.scenario.worlds import OFF, world_of

ENDS: Final = (NOTHING_COMES, WRONG_STATUS)
"""What other failures come to, at the end of a run that was left in peace."""


class DoesNotFail(Exception):
    """There is nothing to make smaller."""


@dataclass(slots=True)
class Shrunk:
    """How far it is. `cut` are the names of the cuts that stayed, `needed` the places of those that
    did not since then: without what stands there the failure is gone. `is_repeatable` is None until
    no cut is left and it was run twice more.
    """

    scenario: Scenario
    key: FailureKey
    text: str = ""
    cut: list[str] = field(default_factory=list)
    needed: set[Place] = field(default_factory=set)
    runs: int = 0
    digest: str = ""
    is_repeatable: bool | None = None


def shrink(
    scenario: Scenario,
    options: RunOptions,
    *,
    kind: str = "",
) -> Iterator[Shrunk]:
    """Make it smaller, and give it after each run: the last is the smallest. `kind`: a part of the
    key to keep; empty: the first of those that it has.

    Raises `DoesNotFail` where the scenario does not fail so, and `ProfileError`.
    """
    whole = baked(scenario, options)
    judgement = judge_here(copy_of(whole), _seeded(whole))
    keys = [key for key in judgement.said if kind in str(key)]
    if not keys:
        raise DoesNotFail(_why_not(judgement, kind))
    # what breaks a rule says more than what comes of it in the end, or an expectation that fails
    key = min(keys, key=lambda one: (one.kind.startswith(EXPECTATION), one.kind in ENDS, one))
    now = Shrunk(whole, key, judgement.said[key][0])
    yield now
    for name, still in _first_steps(whole, key):
        found = judge_here(copy_of(still), _seeded(still))
        now.runs += 1
        if key in found.said:
            now = replace(now, scenario=still, cut=[*now.cut, name], text=found.said[key][0])
            yield now
    count = -1
    while count != len(now.cut):
        count = len(now.cut)
        for tried in _pass(now):
            now = tried
            yield now
    first, again = (judge_here(copy_of(now.scenario), _seeded(now.scenario)) for _ in range(2))
    yield replace(now, digest=first.digest, is_repeatable=first == again and key in first.said)


def _why_not(judgement: WorldJudgement, kind: str) -> str:
    if judgement.refused:
        return f"it cannot be run: {judgement.refused}"
    if not judgement.said:
        return "nothing goes wrong in it; `despoolr explore` finds worlds where something does"
    there = "; ".join(map(str, judgement.said))
    return f"nothing called {kind!r} goes wrong in it, but: {there}"


def _first_steps(scenario: Scenario, key: FailureKey) -> Iterator[tuple[str, Scenario]]:
    """Expectations that are not asked, then no jitter: what the world drew is written down."""
    plain = copy_of(scenario)
    plain.expect = [
        one for one in plain.expect if key.kind == f"{EXPECTATION}: {without_ids(one.label)}"
    ]
    yield "its other expectations", plain
    still = copy_of(world_of(plain, plain.run.seed))
    still.run.seed = 0
    still.worlds.jitter = OFF
    yield "its jitter", still


def _pass(now: Shrunk) -> Iterator[Shrunk]:
    """Try each cut once; after one that stays, go on with those that follow it."""
    at = 0
    tried: set[Place] = set()
    while (cut := next(islice(cuts(now.scenario), at, None), None)) is not None:
        judgement = judge_here(copy_of(cut.scenario), _seeded(cut.scenario))
        if now.key in judgement.said:
            text = judgement.said[now.key][0]
            now = replace(now, scenario=cut.scenario, cut=[*now.cut, cut.name], text=text)
            tried = set()
        else:
            tried.add(cut.place)
            at += 1
        now = replace(now, runs=now.runs + 1, needed=tried)
        yield now


def _seeded(scenario: Scenario) -> RunOptions:
    return RunOptions(seed=scenario.run.seed)
