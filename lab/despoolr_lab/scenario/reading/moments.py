"""What a scenario names must be there at the moment when it is named.

The law: a job is asked about, cancelled or run after it was made, a link comes back after it was
cut, and nothing is expected of a time that the run does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from despoolr_core.times import moment_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario

Mistake = tuple[str, list[str | int]]
_JOB: Final = re.compile(r"\{job:([^{}#]+)(?:#\d+)?\}")
_KEYS: Final = ("job", "pending", "executed", "text", "path")


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What is named too early or too late, and where it stands."""
    yield from _jobs(scenario)
    yield from _links(scenario)
    yield from _bounds(scenario)


def _jobs(scenario: Scenario) -> Iterator[Mistake]:
    start = scenario.start
    made = {
        step.name: (moment_s(step.at, start), 1, number, step.at)
        for number, step in enumerate(scenario.step)
        if isinstance(step, model.JobStep)
    }
    for rank, table in ((1, "step"), (0, "expect")):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if isinstance(one, model.JobStep) or not one.at:
                continue
            for key in _KEYS:
                for name in _named(key, getattr(one, key, None)):
                    if name in made and (moment_s(one.at, start), rank, index) < made[name][:3]:
                        reason = f"job {name} is made at {made[name][3]}, later than this"
                        yield reason, [table, index, key]


def _named(key: str, value: Any) -> list[str]:
    """The jobs that a key's value names."""
    if key in ("text", "path"):
        return _JOB.findall(value or "")
    names = [value] if isinstance(value, str) else value or []
    return [name.partition("#")[0] for name in names]


def _links(scenario: Scenario) -> Iterator[Mistake]:
    start, cut = scenario.start, set()
    links = [
        (moment_s(step.at, start), index, step)
        for index, step in enumerate(scenario.step)
        if isinstance(step, model.LinkStep)
    ]
    for _, index, step in sorted(links, key=lambda entry: entry[:2]):
        ends = frozenset({step.server, step.other})
        if not step.up:
            cut.add(ends)
        elif ends not in cut:
            yield "this link was never cut", ["step", index, "up"]
        else:
            cut.discard(ends)


def _bounds(scenario: Scenario) -> Iterator[Mistake]:
    """Times that are expected of something and lie outside of the run."""
    for index, e in enumerate(scenario.expect):
        if not isinstance(e, model.ReachedExpectation):
            continue
        start, went = scenario.start, f"the run goes for {scenario.run.for_}"
        if e.after and moment_s(e.after, start) > scenario.end:
            yield f"nothing happens after {e.after}: {went}", ["expect", index, "after"]
        if e.before and moment_s(e.before, start) < start:
            yield f"nothing happens before {e.before}: {went}", ["expect", index, "before"]
