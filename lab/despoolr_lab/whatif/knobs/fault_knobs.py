"""Knobs of what a scenario breaks: what if that had stayed whole?

No way to copy and no holder is to blame for a link that is down or a disk that is full: who asks
what would have fixed it has to hear that first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import Cost
from despoolr_core.times import span
from despoolr_lab.scenario.model import (
    AclStep,
    ClockStep,
    DiskFullStep,
    DiskStep,
    HandleLeaksStep,
    KillStep,
    LinkDownStep,
    LinkStep,
    PowerStep,
    Program,
    SenderDiesStep,
    ServiceStep,
    SlowShareStep,
    Step,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.worlds import span_text
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.change import ScenarioChange

ASKED_AFTER_S: Final = 1800.0
OFF_S: Final = 600.0
"""How long a machine is off that is restarted by hand."""
MACHINES_TOLD_MAX: Final = 3
BROKEN_MAX: Final = 8
"""Things that are mended one by one, and programs that hang; all together as well."""


def mended(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    groups = case.scenario.clients
    off = {fold(name) for group in groups if not group.on for name in group.expand()}
    wrong = {fold(name) for group in groups if group.clock_offset for name in group.expand()}
    broken: dict[str, set[int]] = {}
    for number, step in enumerate(case.scenario.step):
        if isinstance(step, PowerStep) and fold(step.machine) in off:
            continue  # it began switched off, and would stay so
        if isinstance(step, ClockStep) and fold(step.machine) in wrong:
            continue  # it began wrong, and would stay so
        if whole := _whole(step):
            broken.setdefault(whole, set()).add(number)
    yield from _clocks(case)
    parts = [([whole], numbers) for whole, numbers in list(broken.items())[:BROKEN_MAX]]
    if len(broken) > 1:
        parts.append((list(broken), set().union(*broken.values())))
    for names, numbers in parts:
        scenario = copy_of(case.scenario)
        scenario.step = [s for number, s in enumerate(scenario.step) if number not in numbers]
        says = names[0] if len(names) == 1 else f"nothing of {len(names)} things being broken"
        yield ScenarioChange(says, Cost.HABIT, scenario, family=says)
    yield from _hung(case)


def _clocks(case: Case) -> Iterator[ScenarioChange]:
    """Clocks that are wrong from the start, and stay right."""
    wrong = [number for number, group in enumerate(case.scenario.clients) if group.clock_offset]
    if not wrong:
        return
    scenario = copy_of(case.scenario)
    for number in wrong:
        scenario.clients[number].clock_offset = ""
    machines = [name for number in wrong for name in case.scenario.clients[number].expand()]
    folded = {fold(name) for name in machines}
    scenario.step = [
        step
        for step in scenario.step
        if not (isinstance(step, ClockStep) and fold(step.machine) in folded)
    ]
    says = f"the clock{'s' * (len(machines) > 1)} of {_some(machines)} being right"
    yield ScenarioChange(says, Cost.HABIT, scenario, family=says)


def _hung(case: Case) -> Iterator[ScenarioChange]:
    """Programs that hang, and hold what they have open until their machines go: each of the first
    alone, then all of them.
    """
    hung = [number for number, one in enumerate(case.scenario.program) if _hangs(one)]
    for numbers in [[one] for one in hung[:BROKEN_MAX]] + ([hung] if len(hung) > 1 else []):
        programs = [case.scenario.program[number] for number in numbers]
        machines = list(dict.fromkeys(name for one in programs for name in one.machines))
        some = _some(machines)
        who = programs[0].command + (f" on {some}" if some else "")
        says = f"{who} not hanging" if len(numbers) == 1 else f"none of {len(numbers)} hanging"
        scenario = copy_of(case.scenario)
        for number in numbers:
            program = scenario.program[number]
            program.hangs = False
            for later in program.then:
                later.hangs = False
        yield ScenarioChange(says, Cost.CLIENT, scenario, needs="another program", family=says)
        yield from _restarted(case, machines)


def _hangs(program: Program) -> bool:
    """Whether a program hangs, at one of its starts."""
    return program.hangs or any(later.hangs for later in program.then)


def _restarted(case: Case, machines: Sequence[str]) -> Iterator[ScenarioChange]:
    """Machines on which something hangs are restarted by hand."""
    refused_at = min((one.episode.first_refused_at for one in case.updates), default=None)
    if refused_at is None or not machines:
        return
    off_s = refused_at + ASKED_AFTER_S - case.scenario.start
    if off_s + OFF_S > case.scenario.end - case.scenario.start:
        return
    scenario = copy_of(case.scenario)
    for machine in machines:
        off = PowerStep(at=span_text(off_s), machine=machine, on=False)
        on = PowerStep(at=span_text(off_s + OFF_S), machine=machine, on=True)
        scenario.step = [*scenario.step, off, on]
    yield ScenarioChange(
        f"restarting {_some(machines)} {span(ASKED_AFTER_S)} after the first refusal",
        Cost.FORCE,
        scenario,
        needs="somebody who goes there",
        family=f"restarting {_some(machines)}",
    )


def _some(machines: Sequence[str]) -> str:
    shown = [*machines[:MACHINES_TOLD_MAX]]
    if len(machines) > len(shown):
        shown.append(f"{len(machines) - len(shown)} more")
    return " and ".join(shown)


def _whole(step: Step) -> str:
    """What would be so without a step that breaks something, or mends it; empty for others."""
    if isinstance(step, LinkStep | LinkDownStep):
        if step.other:
            one, other = sorted((step.server, step.other))
            return f"the link between {one} and {other} staying up"
        return f"{step.server} staying on the network"
    if isinstance(step, DiskStep | DiskFullStep):
        where = f"\\\\{step.server}" + (f"\\{step.share}" if step.share else "")
        return f"room enough on the disk of {where}"
    if isinstance(step, ServiceStep):
        where = f" of site {step.site}" if step.site else ""
        return f"{step.service}{where} never being stopped"
    if isinstance(step, KillStep):
        return f"{step.server or step.site or 'the site'} never dying"
    if isinstance(step, PowerStep | ClockStep):
        is_clock = isinstance(step, ClockStep)
        clock = f"the clock of {step.machine} being right"
        return clock if is_clock else f"{step.machine} staying switched on"
    if isinstance(step, AclStep):
        return f"the rights on \\\\{step.server}\\{step.share} staying as they were"
    if isinstance(step, HandleLeaksStep):
        return f"{step.service} closing {step.file}"
    if isinstance(step, SenderDiesStep):
        return "the LAN Sender never dying"
    return f"{step.server} answering at once" if isinstance(step, SlowShareStep) else ""
