"""Many worlds of one scenario, and the failures found in them by their keys.

The law: what is told at the end is a function of the scenario, the options and the worlds that were
done, in whatever order they were; so a failure's first world is the one with the smallest seed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from despoolr_lab.explore.agreement.ending import look
from despoolr_lab.explore.judgement import Judge, WorldJudgement
from despoolr_lab.explore.rules.breach import FailureKey
from despoolr_lab.explore.swarm import Moments, is_as_written, moments_of, swarm_world
from despoolr_lab.pool import Crash, Rerun, run_one, run_scenarios
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunOptions, RunResult


@dataclass(slots=True)
class FailureKind:
    """A key, in how many worlds it was found, the first of them, and what is said of it there."""

    key: FailureKey
    worlds: int
    first: int
    text: str
    at: float


@dataclass(slots=True)
class Exploration:
    """What the worlds that are done have shown."""

    worlds: int = 0
    as_written: int = 0
    """Worlds in which expectations were asked."""
    refused: dict[int, str] = field(default_factory=dict)
    """Worlds that could not be run, and why: a step asked for what its world cannot do."""
    failures: dict[FailureKey, FailureKind] = field(default_factory=dict)

    def add(self, seed: int, judgement: WorldJudgement) -> list[FailureKind]:
        """Take a world in. Returns the failures that no world before it had."""
        if judgement.refused:
            self.refused[seed] = judgement.refused
            return []
        self.worlds += 1
        self.as_written += is_as_written(seed)
        new = []
        for key, (text, at) in judgement.said.items():
            found = self.failures.get(key)
            if found is None:
                found = self.failures[key] = FailureKind(key, 0, seed, text, at)
                new.append(found)
            found.worlds += 1
            if seed < found.first:
                found.first, found.text, found.at = seed, text, at
        return new

    def in_order(self) -> list[FailureKind]:
        """The failures, those of most worlds first."""
        return sorted(self.failures.values(), key=lambda one: (-one.worlds, one.first, one.key))

    def to_json(self) -> dict[str, Any]:
        """The keys of the command's JSON that speak of what was found."""
        return {
            "worlds": self.worlds,
            "as_written": self.as_written,
            "refused": [{"seed": seed, "why": why} for seed, why in sorted(self.refused.items())],
            "failures": [
                {
                    "kind": one.key.kind,
                    "role": one.key.role,
                    "program": one.key.program,
                    "strategy": one.key.strategy,
                    "worlds": one.worlds,
                    "first": one.first,
                    "text": one.text,
                }
                for one in self.in_order()
            ],
        }


def explore(
    scenario: Scenario, options: RunOptions, seeds: Iterable[int], jobs: int = 0
) -> Generator[tuple[int, WorldJudgement], None, None]:
    """Run the worlds of the seeds and judge each, as it is done (`pool.run_each`)."""
    moments = moments_as_written(scenario, options)
    judge = Judge.of(scenario, options)
    for rerun, found in run_scenarios(
        judge, (rerun_of(scenario, options, seed, moments) for seed in seeds), jobs, look
    ):
        assert rerun.options.seed is not None
        yield (
            rerun.options.seed,
            judge.of_crash(found) if isinstance(found, Crash) else found,
        )


def rerun_of(scenario: Scenario, options: RunOptions, seed: int, moments: Moments) -> Rerun:
    """One world, as a run to make."""
    world = swarm_world(deepcopy(scenario), seed, moments)
    return Rerun(f"world {seed}", world, with_seed(options, seed))


def moments_as_written(scenario: Scenario, options: RunOptions) -> Moments:
    """When things happen in the scenario as it is written; none if that cannot be run."""
    plain = deepcopy(scenario)
    plain.expect = []

    def tell(result: RunResult) -> Moments:
        return moments_of(result.records, result.scenario)

    found = run_one(tell, Rerun("as written", plain, with_seed(options, 0)))
    return {} if isinstance(found, Crash) else found


def judge_here(scenario: Scenario, options: RunOptions) -> WorldJudgement:
    """Run one scenario in this process and judge it."""
    judge = Judge.of(scenario, options)
    found = run_one(judge, Rerun("it", scenario, options), look)
    return judge.of_crash(found) if isinstance(found, Crash) else found


def with_seed(options: RunOptions, seed: int) -> RunOptions:
    """The same options, with another seed."""
    return replace(options, seed=seed)
