"""A kept run made again, and the first record in which the two part.

The law: records are compared one by one as they are made, byte for byte, up to the first that
differs: what follows from it is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from despoolr_core.records.stream import Record, encode
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario


@dataclass(frozen=True, slots=True)
class Parting:
    """The first difference: what was kept and what is now; None where one of them has no more."""

    number: int
    kept: Record | None
    now: Record | None

    @property
    def at(self) -> float:
        """Site time of the earlier of the two."""
        return min(record.at for record in (self.kept, self.now) if record is not None)

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """What differs in them: name, kept, now. Empty where one is missing."""
        if self.kept is None or self.now is None:
            return []
        one, other = _plain(self.kept), _plain(self.now)
        return [
            (name, one.get(name), other.get(name))
            for name in dict.fromkeys([*one, *other])
            if one.get(name) != other.get(name)
        ]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What became of it: how many records are the same, and the digest of a run that is the same to
    its end.
    """

    same: int
    parting: Parting | None = None
    digest: str = ""


def replay(scenario: Scenario, kept: Iterable[Record], *, has_end: bool = True) -> RunComparison:
    """Make the run again and compare. `has_end` False: the kept one was interrupted, and all that
    it has must be the same. Raises `StepError`, `ProfileError`, and what a bug of ours raises.
    """
    compared = _Compared(iter(kept), has_end)
    result = run_scenario(
        scenario,
        RunOptions(seed=scenario.run.seed),
        listeners=[compared],
    )
    if compared.parting is None and (left := next(compared.kept, None)) is not None:
        compared.parting = Parting(compared.same + 1, left, None)
    is_whole = compared.parting is None and has_end
    return RunComparison(compared.same, compared.parting, result.digest if is_whole else "")


@dataclass(slots=True)
class _Compared:
    """A listener: compares each record with the next of those that were kept."""

    kept: Iterator[Record]
    has_end: bool
    same: int = 0
    parting: Parting | None = None
    is_over: bool = field(default=False)

    def __call__(self, record: Record) -> None:
        if self.is_over:
            return
        before = next(self.kept, None)
        if before is not None and encode(before) == encode(record):
            self.same += 1
            return
        self.is_over = True
        if before is not None or self.has_end:
            self.parting = Parting(self.same + 1, before, record)


def _plain(record: Record) -> dict[str, Any]:
    data = msgspec.to_builtins(record.data)
    head = {"at": record.at, "actor": record.actor, "kind": record.kind, "cause": record.cause}
    return {**head, **data}
