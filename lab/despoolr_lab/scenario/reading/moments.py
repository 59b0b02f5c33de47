"""What a scenario names must be there at the moment when it is named.

The law: a job is asked about, cancelled or run after it was made, a link comes back after it was
cut, and nothing is expected of a time that the run does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from despoolr_core.times import moment_s, signed_span_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.toml.tables import split_job

Mistake = tuple[str, list[str | int]]
_JOB: Final = re.compile(r"\{job:([^{}]+)\}")
_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\d.*(?:Z|[+-]\d\d:?\d\d)$")
_TIME_MAX: Final = moment_s("3000-01-01", 0.0)
_YEARS: Final = "the years 1970 to 2999"
_DATES: Final = ("activate_after", "offer_after", "mandatory_after", "expires_after")
_KEYS: Final = ("job", "pending", "executed", "jobs", "text", "path")


def mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What is named too early or too late, and where it stands."""
    yield from _calendar(scenario)
    yield from _jobs(scenario)
    yield from _links(scenario)
    yield from _bounds(scenario)


def _calendar(scenario: Scenario) -> Iterator[Mistake]:
    """Times that the calendar of a site does not have."""
    start, end = scenario.start, scenario.end_as_written
    yield from _zones(scenario)
    if not 0 <= start < _TIME_MAX:
        yield f"a run starts in {_YEARS}", ["run", "start"]
    if end >= _TIME_MAX:
        yield f"the run would not end in {_YEARS}", ["run", "for"]
    for index, group in enumerate(scenario.clients):
        if (text := group.clock_offset) and not _is_clock(text, start, end):
            yield f"{text} is no time in {_YEARS}", ["clients", index, "clock_offset"]
    for index, step in enumerate(scenario.step):
        at = moment_s(step.at, start)
        for key in _DATES:
            if (text := getattr(step, key, "")) and not 0 <= moment_s(text, at) < _TIME_MAX:
                yield f"{text} is no time in {_YEARS}", ["step", index, key]
        for key in ("offset", "by"):
            if (text := getattr(step, key, "")) and not _is_clock(text, at, end):
                yield f"{text} is no time in {_YEARS}", ["step", index, key]


def _zones(scenario: Scenario) -> Iterator[Mistake]:
    """Dates with a zone, which the calendar of a site does not have."""
    tables: list[tuple[list[str | int], Any]] = [(["run"], scenario.run)]
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        tables += [([table, index], one) for index, one in enumerate(items)]
    for where, one in tables:
        for key in ("start", "at", "after", "before", *_DATES):
            text = str(getattr(one, key, ""))
            if _ZONE.search(text):
                yield f"{text} has a zone, and a site's calendar has none", [*where, key]


def _is_clock(offset: str, first: float, last: float) -> bool:
    """Whether a clock that is wrong by that much shows times that there are."""
    off_s = signed_span_s(offset)
    return first + off_s >= 0 and last + off_s < _TIME_MAX


def _jobs(scenario: Scenario) -> Iterator[Mistake]:
    start = scenario.start
    made = {
        step.name: (step, moment_s(step.at, start), number)
        for number, step in enumerate(scenario.step)
        if isinstance(step, model.JobStep)
    }
    for step, at, number in made.values():
        if step.activate_after and moment_s(step.activate_after, at) > scenario.end_as_written:
            reason = f"job {step.name} would be activated after the end of the run"
            yield reason, ["step", number, "activate_after"]
    for rank, table in ((1, "step"), (0, "expect")):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if isinstance(one, model.JobStep):
                continue
            asked = (moment_s(one.at, start) if one.at else scenario.end_as_written, rank, index)
            for key in _KEYS:
                for name in _named(key, getattr(one, key, None)):
                    plain, instance = split_job(name)
                    if plain not in made:
                        continue
                    step, at, number = made[plain]
                    if reason := _too_early(step, (at, 1, number), instance, asked):
                        yield reason, [table, index, key]


def _too_early(
    step: model.JobStep,
    made: tuple[float, int, int],
    instance: int,
    asked: tuple[float, int, int],
) -> str:
    """Why nothing can be said of a job, or of an instance of it, at that moment; empty where it
    can.
    """
    if asked < made:
        return f"job {step.name} is made at {step.at}, later than this"
    if instance < 2:
        return ""
    if not step.repeat_every:
        return f"job {step.name} is made once: there is no {step.name}#{instance}"
    first = moment_s(step.activate_after, made[0]) if step.activate_after else made[0]
    if first + (instance - 2) * span_s(step.repeat_every) > asked[0]:
        return (
            f"{step.name}#{instance} is made when the one before it goes out, which is "
            f"{instance - 2} times {step.repeat_every} after the first does, later than this"
        )
    return ""


def _named(key: str, value: Any) -> list[str]:
    """The jobs that a key's value names, with the number of the instance."""
    if key in ("text", "path"):
        return _JOB.findall(value or "")
    return [value] if isinstance(value, str) else value or []


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
        if e.after and moment_s(e.after, start) > scenario.end_as_written:
            yield f"nothing happens after {e.after}: {went}", ["expect", index, "after"]
        if e.before and moment_s(e.before, start) < start:
            yield f"nothing happens before {e.before}: {went}", ["expect", index, "before"]
    for index, e in enumerate(scenario.expect):
        if isinstance(e, model.EpisodeExpectation) and e.blocked_at_least:
            asked = moment_s(e.at, scenario.start) if e.at else scenario.end_as_written
            if span_s(e.blocked_at_least) > asked - scenario.start:
                yield (
                    f"nothing lasted {e.blocked_at_least} by then: the run goes for "
                    f"{scenario.run.for_}",
                    ["expect", index, "blocked_at_least"],
                )
