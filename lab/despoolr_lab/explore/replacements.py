"""What a scenario can have fewer of by another step in its place: a server that is cut off for a
hold, one that dies for a while for a link that is cut and mended, a job that repeats or one that is
made late for two, a hold that ends by itself for one that is released, a longer death of a site for
a server that it copies to.

The law: what takes a place says as much or less, or something else is gone for it, so that no chain
of replacements comes back to where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import floor
from typing import Any, Final

from msgspec import structs

from despoolr_core.times import moment_s, span_s
from despoolr_lab.explore.swarm import DOWN_S
from despoolr_lab.scenario.model import (
    HoldStep,
    JobStep,
    KillStep,
    LinkStep,
    ReleaseStep,
    Scenario,
    Step,
)
from despoolr_lab.scenario.worlds import span_text

Place = tuple[str, int, str]
"""A table of the file, which of its kind, and the key in it (empty: all of it)."""
NOWHERE: Final[Place] = ("", 0, "")
Change = Callable[[Scenario], Any]
NamedChange = tuple[str, Place, Change]

START: Final = "0s"
HOUR_S: Final = 3600.0
_NAMES: Final = ("machine", "name", "package", "server", "service", "job", "site")


def label(part: Any) -> str:
    """What a table of the file is about, in a few words."""
    tag = part.__struct_config__.tag
    names = [str(getattr(part, name)) for name in _NAMES if getattr(part, name, "")]
    return " ".join([str(tag) if tag else type(part).__name__, *names])


def one_for_two(scenario: Scenario) -> Iterator[NamedChange]:
    """One step in the place of two."""
    yield from _let_go(scenario)
    yield from _died(scenario)
    yield from _repeated(scenario)
    yield from _made_late(scenario)


def _let_go(scenario: Scenario) -> Iterator[NamedChange]:
    """A hold for as long as it was until its machine released it."""
    for index, step in enumerate(scenario.step):
        if not isinstance(step, HoldStep) or step.for_:
            continue
        for second, later in enumerate(scenario.step):
            if not isinstance(later, ReleaseStep) or later.machine != step.machine:
                continue
            held_s = _between_s(scenario, step.at, later.at)
            if held_s > 0 and (step.file or step.path).endswith(later.file):
                until = structs.replace(step, for_=span_text(held_s))
                yield f"{label(later)}, for its end", NOWHERE, _in_place_of(index, second, until)


def _died(scenario: Scenario) -> Iterator[NamedChange]:
    """A server that is down for as long as it was cut off from its site."""
    cut: dict[tuple[str, str], int] = {}
    for index, step in enumerate(scenario.step):
        if not isinstance(step, LinkStep):
            continue
        if not step.up:
            cut[step.server, step.other] = index
        elif (first := cut.pop((step.server, step.other), None)) is not None:
            began = scenario.step[first].at
            down_s = _between_s(scenario, began, step.at)
            if down_s <= 0:
                continue
            kill = KillStep(at=began, server=step.server, down_for=span_text(down_s))
            yield f"{label(step)}, for a death", NOWHERE, _in_place_of(first, index, kill)


def _repeated(scenario: Scenario) -> Iterator[NamedChange]:
    """A job that is made again by itself, in place of it and a second one of the same package: when
    that was made, or so late that there is no third of it.
    """
    jobs = [(index, step) for index, step in enumerate(scenario.step) if isinstance(step, JobStep)]
    for number, (first, one) in enumerate(jobs):
        for second, other in jobs[number + 1 :]:
            same = (one.package, one.site) == (other.package, other.site)
            every_s = _between_s(scenario, one.at, other.at)
            if not same or one.repeat_every or other.repeat_every or every_s <= 0:
                continue
            what = f"{label(other)}, for a repetition"
            yield what, NOWHERE, _again(first, second, 0.0)
            began_s = _s(scenario, one.at)
            short_s = scenario.end - scenario.start - began_s - 2 * every_s
            if short_s >= 0:
                later_s = (floor((every_s + short_s) / HOUR_S) + 1) * HOUR_S - every_s
                yield f"{what} later", NOWHERE, _again(first, second, later_s)


def _made_late(scenario: Scenario) -> Iterator[NamedChange]:
    """A job that brings a package, when a second one of that package was made, in place of both: to
    leave out either alone leaves the other without what it refreshes, or too early for its fault.
    """
    jobs = [(index, step) for index, step in enumerate(scenario.step) if isinstance(step, JobStep)]
    for number, (first, one) in enumerate(jobs):
        for second, other in jobs[number + 1 :]:
            same = (one.package, one.site) == (other.package, other.site)
            if same and _between_s(scenario, one.at, other.at) > 0:
                late = structs.replace(one, at=other.at)
                yield f"{label(other)}, for {one.name} then", NOWHERE, _late(first, second, late)


def _late(first: int, second: int, late: JobStep) -> Change:
    """A job in place of two; what is about the second is about it."""

    def change(scenario: Scenario) -> Any:
        gone = scenario.step[second]
        assert isinstance(gone, JobStep)
        _in_place_of(first, second, late)(scenario)
        _named(scenario, gone.name, late.name)

    return change


def longer_dead(scenario: Scenario, server: str, without: Change) -> Iterator[NamedChange]:
    """A site that is dead for as long as any that `explore` draws, and a run that is longer by as
    much, in place of a server: where that was copied to, the site died amid it; now the next
    attempt is due as soon as it is up. `without`: takes the server away.
    """
    for index, step in enumerate(scenario.step):
        if not isinstance(step, KillStep) or step.server:
            continue
        longer_s = DOWN_S[1] - span_s(step.down_for)
        if longer_s > 0:
            what = f"server {server}, for a longer death"
            yield what, NOWHERE, _longer_dead(index, step, longer_s, without)


def _longer_dead(index: int, step: KillStep, longer_s: float, without: Change) -> Change:
    def change(scenario: Scenario) -> Any:
        dead = structs.replace(step, down_for=span_text(DOWN_S[1]))
        scenario.step[index] = dead
        scenario.run.for_ = span_text(scenario.end - scenario.start + longer_s)
        without(scenario)

    return change


def _s(scenario: Scenario, moment: str) -> float:
    """Seconds since the start of the run."""
    return round(moment_s(moment, scenario.start) - scenario.start, 3)


def _between_s(scenario: Scenario, since: str, until: str) -> float:
    return round(_s(scenario, until) - _s(scenario, since), 3)


def _in_place_of(first: int, second: int, step: Step) -> Change:
    def change(scenario: Scenario) -> Any:
        scenario.step[first] = step
        del scenario.step[second]

    return change


def _again(first: int, second: int, later_s: float) -> Change:
    """The second job as a repetition of the first. `later_s`: seconds by which it is made later,
    with what comes then, and the end.
    """

    def change(scenario: Scenario) -> Any:
        one, other = scenario.step[first], scenario.step[second]
        assert isinstance(one, JobStep) and isinstance(other, JobStep)
        since_s = _s(scenario, other.at)
        if later_s:
            for index, part in enumerate((*scenario.step, *scenario.expect)):
                at_s = _s(scenario, part.at) if part.at else 0.0
                if at_s > since_s or (at_s == since_s and second <= index < len(scenario.step)):
                    part.at = span_text(at_s + later_s)
            scenario.run.for_ = span_text(scenario.end - scenario.start + later_s)
        again = structs.replace(
            other,
            name=one.name,
            at=one.at,
            put_on=_put_on(scenario, one, other),
            repeat_every=span_text(_between_s(scenario, one.at, other.at)),
        )
        _in_place_of(first, second, again)(scenario)
        _named(scenario, other.name, f"{one.name}#2")

    return change


def _named(scenario: Scenario, job: str, now: str) -> None:
    for part in (*scenario.step, *scenario.expect):
        if getattr(part, "job", "") == job:
            part.job = now  # type: ignore[union-attr]


def _put_on(scenario: Scenario, one: JobStep, other: JobStep) -> list[str]:
    """Where a job is put that brings a package first, and refreshes it later: where `one` is, which
    says no names for all servers of its site.
    """
    if one.refresh_existing or not (other.refresh_existing and one.distribute):
        return other.put_on
    main = scenario.site[0].code
    ours = [
        server.name
        for server in scenario.server
        if (server.site or main) == (one.site or main) and "distribution" in server.roles
    ]
    return list(dict.fromkeys([*other.put_on, *(one.put_on or ours)]))


def cut_off(scenario: Scenario) -> Iterator[NamedChange]:
    """A server that is cut off, from the start, in place of one of whose files one is held: that
    needs no client, and no package that is there before.
    """
    for index, step in enumerate(scenario.step):
        if isinstance(step, LinkStep) and not step.up and step.at != START:
            at_once = structs.replace(step, at=START)
            yield f"{label(step)}, from the start", NOWHERE, _another(index, at_once)
        if isinstance(step, HoldStep):
            server = step.server or scenario.server[0].name
            cut = LinkStep(at=step.at, server=server, up=False)
            yield f"{label(step)}, for {server} cut off", NOWHERE, _another(index, cut)


def _another(index: int, step: Step) -> Change:
    return lambda scenario: scenario.step.__setitem__(index, step)
