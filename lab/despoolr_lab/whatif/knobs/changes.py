"""Which changes are tried on a run: the knobs of a what-if, each at few values.

The law: a change is a change of the scenario file, so that whoever doubts a row runs the file.
Values that aim at what happened (this holder, this job) come before those that do not. What the
first pass rules out is a row with its reason, and no rerun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from despoolr_lab.scenario.model import Scenario
from despoolr_lab.whatif.knobs.case import Case
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.fault_knobs import mended
from despoolr_lab.whatif.knobs.holder_knobs import asked, idle, local, reaper, sharing
from despoolr_lab.whatif.knobs.job_knobs import expires, noidmif, windows
from despoolr_lab.whatif.knobs.names import (
    ASKED,
    EXPIRES,
    FIX,
    FORCED,
    IDLE,
    INTERVAL,
    LOCAL,
    MARKER,
    MENDED,
    NOIDMIF,
    PATIENCE,
    REAPER,
    SHARING,
    STRATEGY,
    VERSION,
    WINDOW,
)
from despoolr_lab.whatif.knobs.site_knobs import (
    fixes,
    forced,
    intervals,
    marker,
    patience,
    strategies,
    versions,
)


def changes(case: Case, wanted: dict[str, tuple[str, ...]] | None = None) -> list[ScenarioChange]:
    """Every change to try; only those knobs that are `wanted`, at their values, if any are. No two
    make the same scenario.
    """
    found: list[ScenarioChange] = []
    seen = {_encoded(case.scenario)}
    for knob, make in _MAKERS.items():
        if wanted and knob not in wanted:
            continue
        for change in make(case, (wanted or {}).get(knob, ())):
            scenario = _encoded(change.scenario)
            if scenario not in seen:
                seen.add(scenario)
                bound = change.bound if case.is_bounded else None
                family = change.family or knob
                found.append(replace(change, family=family, knob=knob, bound=bound))
    return found


def _encoded(scenario: Scenario) -> bytes:
    """The same bytes for the same file: comparing these takes a hundredth of comparing text."""
    return msgspec.json.encode(scenario, order="sorted")


_Maker = Callable[[Case, Sequence[str]], Iterable[ScenarioChange]]
_MAKERS: Final[dict[str, _Maker]] = {
    MENDED: mended,
    STRATEGY: strategies,
    FORCED: forced,
    INTERVAL: intervals,
    PATIENCE: patience,
    FIX: fixes,
    VERSION: versions,
    IDLE: idle,
    ASKED: asked,
    SHARING: sharing,
    LOCAL: local,
    MARKER: marker,
    REAPER: reaper,
    WINDOW: windows,
    EXPIRES: expires,
    NOIDMIF: noidmif,
}
