"""From when on a world is left in peace: nothing is down, cut off, paused or full any more.

The law: what must happen some day can be asked for only where nothing stops it. What a scenario
breaks and does not mend is broken for ever.
"""

from __future__ import annotations

import math

from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario.model import (
    AclStep,
    DiskStep,
    FaultStep,
    HotfixStep,
    KillStep,
    LinkStep,
    PowerStep,
    Scenario,
    ServiceStep,
    Step,
)

SETTLED_S = 3 * 3600.0
"""Seconds of calm after which whatever is due has been done, at any Response but a retry."""


def calm_from(scenario: Scenario) -> float:
    """Site seconds from which on nothing is disturbed; infinity if something stays so."""
    calm, main = scenario.start, scenario.site[0].code
    broken: dict[tuple[str, ...], float] = {}
    """What is broken to since when."""
    for at, step in sorted(
        ((moment_s(step.at, scenario.start), step) for step in scenario.step),
        key=lambda pair: pair[0],
    ):
        if isinstance(step, KillStep):
            calm = max(calm, at + span_s(step.down_for))
            if not step.server:  # a site that starts again has no service paused
                site = ("service", step.site or main)
                broken = {what: since for what, since in broken.items() if what[:2] != site}
        elif isinstance(step, HotfixStep):
            calm = max(calm, at)
        elif isinstance(step, FaultStep):
            calm = max(calm, at + span_s(step.for_) if step.for_ else math.inf)
        elif (mended := _mends(step, main)) is not None:
            what, is_whole = mended
            if is_whole:
                broken.pop(what, None)
                calm = max(calm, at)
            else:
                broken[what] = at
    return math.inf if broken else calm


def _mends(step: Step, main: str) -> tuple[tuple[str, ...], bool] | None:
    """What a step breaks or mends, and whether it is whole then."""
    if isinstance(step, LinkStep):
        return ("link", *sorted((step.server, step.other))), step.up
    if isinstance(step, ServiceStep):
        if step.action == "restart":
            return ("restart",), True
        return ("service", step.site or main, step.service), step.action == "resume"
    if isinstance(step, DiskStep):
        return ("disk", step.server, step.share, step.path), step.free < 0
    if isinstance(step, AclStep):  # who may do less may be waited for in vain
        return ("acl", step.server, step.share, step.path), False
    if isinstance(step, PowerStep):
        return ("power", step.machine), step.on
    return None


def off_since(scenario: Scenario) -> dict[str, float]:
    """The machines that are switched off at the end, and since when, in site seconds."""
    steps = [step for step in scenario.step if isinstance(step, PowerStep)]
    off: dict[str, float] = {}
    for step in sorted(steps, key=lambda step: moment_s(step.at, scenario.start)):
        if step.on:
            off.pop(step.machine, None)
        else:
            off[step.machine] = moment_s(step.at, scenario.start)
    return off


def cut_off(scenario: Scenario) -> list[tuple[float, float]]:
    """The spans in which a server could not be reached, or a fault made it slow, in site
    seconds.
    """
    found: list[tuple[float, float]] = []
    since: dict[tuple[str, ...], float] = {}
    for step in sorted(scenario.step, key=lambda step: moment_s(step.at, scenario.start)):
        at = moment_s(step.at, scenario.start)
        if isinstance(step, KillStep):
            found.append((at, at + span_s(step.down_for)))
        elif isinstance(step, FaultStep):
            found.append((at, at + span_s(step.for_) if step.for_ else math.inf))
        elif isinstance(step, LinkStep):
            link = tuple(sorted((step.server, step.other)))
            if not step.up:
                since.setdefault(link, at)
            elif link in since:
                found.append((since.pop(link), at))
    return found + [(at, math.inf) for at in since.values()]
