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
    DiskFullStep,
    DiskStep,
    HandleLeaksStep,
    KillStep,
    LinkDownStep,
    LinkStep,
    PowerStep,
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
BROKEN_MAX: Final = 8
"""Things that are mended one by one; all together as well."""


def mended(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    off = {fold(name) for group in case.scenario.clients if not group.on for name in group.expand()}
    broken: dict[str, set[int]] = {}
    for number, step in enumerate(case.scenario.step):
        if isinstance(step, PowerStep) and fold(step.machine) in off:
            continue  # it began switched off, and would stay so
        if whole := _whole(step):
            broken.setdefault(whole, set()).add(number)
    groups = [([whole], numbers) for whole, numbers in list(broken.items())[:BROKEN_MAX]]
    if len(broken) > 1:
        groups.append((list(broken), set().union(*broken.values())))
    for names, numbers in groups:
        scenario = copy_of(case.scenario)
        scenario.step = [s for number, s in enumerate(scenario.step) if number not in numbers]
        says = names[0] if len(names) == 1 else f"nothing of {len(names)} things being broken"
        yield ScenarioChange(says, Cost.HABIT, scenario, family=says)
    yield from _hung(case)


def _hung(case: Case) -> Iterator[ScenarioChange]:
    """Programs that hang, and hold what they have open until their machines go."""
    refused_at = min((one.episode.first_refused_at for one in case.updates), default=None)
    for number, program in enumerate(case.scenario.program):
        if not program.hangs:
            continue
        where = f" on {' and '.join(program.machines[:3])}" if program.machines else ""
        scenario = copy_of(case.scenario)
        scenario.program[number].hangs = False
        yield ScenarioChange(
            f"{program.command}{where} not hanging",
            Cost.CLIENT,
            scenario,
            needs="another program",
            family=f"{program.command}{where}",
        )
        if refused_at is None or not program.machines:
            continue
        off_s = refused_at + ASKED_AFTER_S - case.scenario.start
        if off_s + OFF_S > case.scenario.end - case.scenario.start:
            continue
        scenario = copy_of(case.scenario)
        for machine in program.machines:
            off = PowerStep(at=span_text(off_s), machine=machine, on=False)
            on = PowerStep(at=span_text(off_s + OFF_S), machine=machine, on=True)
            scenario.step = [*scenario.step, off, on]
        yield ScenarioChange(
            f"restarting {' and '.join(program.machines[:3])} "
            f"{span(ASKED_AFTER_S)} after the first refusal",
            Cost.FORCE,
            scenario,
            needs="somebody who goes there",
            family=f"restarting {where}",
        )


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
    if isinstance(step, PowerStep):
        return f"{step.machine} staying switched on"
    if isinstance(step, AclStep):
        return f"the rights on \\\\{step.server}\\{step.share} staying as they were"
    if isinstance(step, HandleLeaksStep):
        return f"{step.service} closing {step.file}"
    if isinstance(step, SenderDiesStep):
        return "the LAN Sender never dying"
    return f"{step.server} answering at once" if isinstance(step, SlowShareStep) else ""
