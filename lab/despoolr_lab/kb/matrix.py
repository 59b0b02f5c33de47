"""Every article on every version it speaks of, as it shipped and with its fault turned the other
way: one cell a run.

The law: a cell is one run of the article's scenario in a process of its own, so that all cores work
and no cell can lean on another. What comes back is what the table and the JSON show; records and
report stay in the run's directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec.structs import replace

from despoolr_core.articles import ARTICLES
from despoolr_core.profile import profile_of
from despoolr_lab.kb.gallery import entries, entry
from despoolr_lab.pool import run_each
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, RunResult

AS_SHIPPED: Final = "as shipped"
FIX: Final = "--fix"
BUG: Final = "--bug"


class RunScenario(Protocol):
    """Runs a scenario, keeps all that is told of it below `out`, and says where."""

    def __call__(
        self, scenario: Scenario, options: RunOptions, out: Path, *, quiet: bool, log_format: str
    ) -> tuple[RunResult, Path]:
        """The result, and the run's directory."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run to make: an article, a version, whether its fault is turned, and in which world
    (None: as the options or the scenario say).
    """

    kb: str
    version: str
    variant: str
    seed: int | None = None

    def options(self, options: RunOptions) -> RunOptions:
        """What the run is to be like."""
        fix = (*options.fix, self.kb) if self.variant == FIX else options.fix
        bug = (*options.bug, self.kb) if self.variant == BUG else options.bug
        seed = options.seed if self.seed is None else self.seed
        return replace(options, version=self.version, fix=fix, bug=bug, seed=seed)


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """What became of a cell: `result` is the run's JSON, `wrong` the expectations that do not
    hold.
    """

    cell: Cell
    result: dict[str, Any]
    directory: str

    @property
    def passed(self) -> bool:
        """Whether it was as Microsoft said."""
        return not self.misplaced and bool(self.result["passed"])

    @property
    def wrong(self) -> list[dict[str, Any]]:
        """The expectations that do not hold."""
        return self.misplaced + [e for e in self.result["expectations"] if not e["ok"]]

    @property
    def misplaced(self) -> list[dict[str, Any]]:
        """What is wrong where the version has a fault that the article says it has not, or the
        other way round: its expectations ask for the behaviour, not for the version.
        """
        article = ARTICLES[self.cell.kb]
        wanted = self.cell.version in article.affected
        has = article.has_fault(profile_of(self.cell.version))
        if self.cell.variant != AS_SHIPPED or has == wanted:
            return []
        name = f"{self.cell.version} has the fault of {self.cell.kb}"
        return [{"name": name, "expected": wanted, "actual": has, "ok": False}]


def cells(version: str = "", worlds: int = 0) -> list[Cell]:
    """Every cell, by article and version: as shipped, and with the fix where there is a fault, else
    with the fault. With `worlds`, each in the worlds of the seeds 1 to `worlds`.
    """
    seeds: list[int | None] = [*range(1, worlds + 1)] or [None]
    found = []
    for kb, _ in entries():
        article = ARTICLES[kb]
        for one in [version] if version else article.versions:
            turned = FIX if article.has_fault(profile_of(one)) else BUG
            found += [Cell(kb, one, v, seed) for v in (AS_SHIPPED, turned) for seed in seeds]
    return found


def run_all(
    run: RunScenario,
    todo: Sequence[Cell],
    options: RunOptions,
    out: Path,
    jobs: int = 0,
    *,
    log_format: str = "",
) -> Iterator[CellOutcome]:
    """Run the cells with `run`, a function of a module, on all cores unless `jobs` says otherwise,
    and give each as it is done. Ctrl-C is as `run_each` has it; raises `WorkerDied`.
    """
    work = partial(run_cell, run, options=options, out=out, log_format=log_format)
    # The long ones first: two cores are done at about the same time.
    for _, outcome in run_each(work, sorted(todo, key=lambda cell: cell.kb), jobs):
        yield outcome


def run_cell(
    run: RunScenario, cell: Cell, options: RunOptions, out: Path, log_format: str
) -> CellOutcome:
    """One run, kept below `out`."""
    result, directory = run(
        load_scenario(entry(cell.kb)[1]),
        cell.options(options),
        out,
        quiet=True,
        log_format=log_format,
    )
    return CellOutcome(cell, {**result.to_json(), "variant": cell.variant}, str(directory))
