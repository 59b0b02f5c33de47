"""The steps of a world that can be done: what needs a machine waits until that is up, or is left
out.

The law: a run ends at a step that its world cannot do, and a world that was put together by draws
would often ask for one. Administrators wait for their site; who would hold a file on a server that
is cut off, or with a machine that is off, does not; nothing is killed, cut or switched off twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario.model import (
    CancelStep,
    ConnectStep,
    ExecuteStep,
    HoldStep,
    HotfixStep,
    JobStep,
    KillStep,
    LinkStep,
    PollStep,
    PowerStep,
    PutStep,
    ReleaseStep,
    Scenario,
    ServiceStep,
    SourceStep,
    Step,
)
from despoolr_lab.scenario.worlds import BEGINS_S, WIDE, span_text

AFTER_S: Final = 60.0
"""Seconds after a site is up again until an administrator goes on."""
MOVES_S: Final = BEGINS_S[WIDE]
"""How far a hold may move in its world."""
_OF_A_SITE: Final = JobStep | CancelStep | SourceStep | HotfixStep | ServiceStep | ExecuteStep
_OF_A_SERVER: Final = HoldStep | ConnectStep | PutStep | PollStep
_OF_A_MACHINE: Final = HoldStep | ConnectStep | PollStep | ExecuteStep

Timed = tuple[float, int, Step]


def feasible(scenario: Scenario, steps: Iterable[Step]) -> list[Step]:
    """The steps that can be done, in the order of their times."""
    start = scenario.start
    length = scenario.end - start
    timed = sorted(
        ((moment_s(step.at, start) - start, number, step) for number, step in enumerate(steps)),
        key=lambda one: one[:2],
    )
    timed = list(_held_for(timed))
    downs = _Downs(scenario)
    kept: list[Timed] = [one for one in timed if not downs.refuses(*one)]
    found: list[Timed] = []
    for at, number, step in kept:
        when = downs.waits(at) if isinstance(step, _OF_A_SITE) else at
        if downs.is_away(at, step) or when >= length:
            continue
        found.append((when, number, msgspec.structs.replace(step, at=span_text(when))))
    done = [step for _, _, step in sorted(found, key=lambda one: one[:2])]
    return list(_paused_once(done, scenario.site[0].code))


def _paused_once(steps: Iterable[Step], main: str) -> Iterator[Step]:
    """Steps in order, without those that pause what is paused, or resume what is not, also because
    its site was killed and has started again since.
    """
    paused: set[tuple[str, str]] = set()
    for step in steps:
        if isinstance(step, KillStep) and not step.server:
            paused = {one for one in paused if one[0] != (step.site or main)}
        elif isinstance(step, ServiceStep) and step.action != "restart":
            what = (step.site or main, step.service)
            if (what in paused) == (step.action == "pause"):
                continue
            paused ^= {what}
        yield step


def _held_for(timed: list[Timed]) -> Iterator[Timed]:
    """Holds that a release would end, ended by their `for`: a release of what was refused cannot be
    done.
    """
    ended: set[int] = set()
    for index, (at, number, step) in enumerate(timed):
        if isinstance(step, ReleaseStep):
            continue
        if isinstance(step, HoldStep) and not step.for_:
            later = (
                (when, other)
                for when, other, one in timed[index + 1 :]
                if isinstance(one, ReleaseStep)
                and one.machine == step.machine
                and fold(step.file or step.path).endswith(fold(one.file))
            )
            when, other = next(later, (at, -1))
            ended.add(other)
            held = span_text(max(1.0, when - at)) if other >= 0 else ""
            yield at, number, msgspec.structs.replace(step, for_=held)
        else:
            yield at, number, step


class _Downs:
    """What is down, and from when to when."""

    def __init__(self, scenario: Scenario) -> None:
        self._sites: list[tuple[float, float]] = []
        self._servers: dict[str, list[tuple[float, float]]] = {}
        self._machines: dict[str, list[tuple[float, float]]] = {
            name: [(0.0, float("inf"))]
            for group in scenario.clients
            if not group.on
            for name in group.expand()
        }

    def refuses(self, at: float, _number: int, step: Step) -> bool:
        """Whether a step would take down what is down, or bring up what is up. Else it is noted."""
        if isinstance(step, KillStep) and step.server:
            spans = self._servers.setdefault(f"{step.server}/", [])
            if any(since - AFTER_S <= at <= until + AFTER_S for since, until in spans):
                return True
            spans.append((at, at + span_s(step.down_for)))
            return False
        if isinstance(step, KillStep):
            if any(since - AFTER_S <= at <= until + AFTER_S for since, until in self._sites):
                return True
            self._sites.append((at, at + span_s(step.down_for)))
            return False
        if isinstance(step, LinkStep):
            return self._toggles(self._servers, f"{step.server}/{step.other}", at, step.up)
        if isinstance(step, PowerStep):
            return self._toggles(self._machines, step.machine, at, step.on)
        return False

    def _toggles(
        self, where: dict[str, list[tuple[float, float]]], what: str, at: float, is_up: bool
    ) -> bool:
        spans = where.setdefault(what, [])
        is_down = bool(spans) and spans[-1][1] == float("inf")
        if is_down != is_up:
            return True
        if is_up:
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, float("inf")))
        return False

    def waits(self, at: float) -> float:
        """When an administrator can do at last what is to be done then."""
        for since, until in sorted(self._sites):
            if since - 1.0 <= at <= until + AFTER_S:
                at = until + AFTER_S
        return at

    def is_away(self, at: float, step: Step) -> bool:
        """Whether what a step needs is cut off or off."""
        around = MOVES_S if isinstance(step, HoldStep) else 1.0
        spans: list[tuple[float, float]] = []
        if isinstance(step, _OF_A_SERVER):
            spans += [span for one in self._servers.values() for span in one]
            if isinstance(step, PutStep):
                spans += self._sites
        if isinstance(step, _OF_A_MACHINE):
            spans += self._machines.get(step.machine, [])
        return any(since - around <= at <= until + around for since, until in spans)
