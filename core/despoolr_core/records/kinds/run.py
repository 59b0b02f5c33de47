"""What a run of a scenario records about itself."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from despoolr_core.records.kinds.fact import Fact


class StepTaken(Fact, frozen=True, kw_only=True):
    """A step of the timeline: `do` is its word in the file, `at` its time as written there. A step
    that has a `result` is told a second time, with it in place of the time.
    """

    KIND: ClassVar = "scenario.step"
    do: str
    at: str | UnsetType = UNSET
    result: dict[str, Any] | UnsetType = UNSET


class ExpectationChecked(Fact, frozen=True, kw_only=True):
    """What was expected, what was found, and whether they agree."""

    KIND: ClassVar = "scenario.expect"
    name: str
    expected: Any
    actual: Any
    ok: bool


class FaultBegan(Fact, frozen=True, kw_only=True):
    """A fault that somebody caused on purpose began: its name, and where."""

    KIND: ClassVar = "fault.began"
    fault: str
    where: str


class FaultEnded(Fact, frozen=True, kw_only=True):
    """A fault is over; its cause is the record of its beginning."""

    KIND: ClassVar = "fault.ended"
    fault: str
    where: str


class RunEnded(Fact, frozen=True, kw_only=True):
    """The last record of a run, `time up` or `ended early`. What was open then, nobody had
    closed.
    """

    KIND: ClassVar = "run.ended"
    reason: str
