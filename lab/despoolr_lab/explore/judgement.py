"""What one run broke: its records read by all rules, its world's end, and what was expected of it.

The law: it is decided in the worker that made the run, so that records never travel; what comes
back is a handful of sentences with their keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from despoolr_core.records.kinds.imported import ImportNote
from despoolr_core.records.stream import Record
from despoolr_core.response import Response, retry_interval_s
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.agreement.ending import Ending
from despoolr_lab.explore.agreement.packages import OLD_FILES
from despoolr_lab.explore.rules.breach import Breach, FailureKey, without_ids
from despoolr_lab.explore.rules.calm import SETTLED_S, calm_from, off_since
from despoolr_lab.explore.rules.client_rules import RUN_EXPIRED, ClientRules
from despoolr_lab.explore.rules.share_rules import NEVER_CLOSED, ShareRules
from despoolr_lab.explore.rules.site_rules import RetryRule, SiteRules, attempts_max, is_even
from despoolr_lab.pool import Crash
from despoolr_lab.scenario.model import (
    ClockJumpsStep,
    ClockStep,
    DeleteStep,
    HandleLeaksStep,
    PutStep,
    Scenario,
    SetStep,
)
from despoolr_lab.scenario.run import RunOptions, RunResult, profiles_of

EXPECTATION: Final = "an expectation failed"
EXCEPTION: Final = "an exception"


@dataclass(frozen=True, slots=True)
class WorldJudgement:
    """What went wrong in one run: for each key the first sentence, and its site time. `digest` is
    empty for a run that had no end.
    """

    digest: str = ""
    said: dict[FailureKey, tuple[str, float]] = field(default_factory=dict)
    refused: str = ""
    """Why the scenario asks for what its world cannot do: nothing was found out then."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges runs of scenarios with these options, as what a pool tells of them."""

    strategy: str
    options: RunOptions

    @classmethod
    def of(cls, scenario: Scenario, options: RunOptions) -> Judge:
        """For a scenario, whose first site's copy strategy is part of every key."""
        return cls(strategy_of(scenario, options), options)

    def __call__(self, result: RunResult) -> WorldJudgement:
        scenario = result.scenario
        changed = {
            step.site or scenario.site[0].code
            for step in scenario.step
            if isinstance(step, SetStep)
        }
        rules = {
            site.code: RetryRule(
                retry_interval_s(Response(site.response)),
                profile.retry_count_step,
                attempts_max=attempts_max(profile),
                is_even=is_even(profile),
            )
            for site, profile in zip(
                scenario.site, profiles_of(scenario, self.options).values(), strict=True
            )
            if site.code not in changed  # of a site that changes, no one rule holds
        }
        shares = frozenset(fold(server.package_share) for server in scenario.server)
        breaches = list(
            broken(
                result.records,
                rules,
                calm_from(scenario),
                shares,
                ending=result.seen,
                off=off_since(scenario),
            )
        )
        if any(isinstance(step, PutStep | DeleteStep) for step in scenario.step):
            # what a person puts there or takes away, no service has installed
            breaches = [breach for breach in breaches if breach.kind != OLD_FILES]
        if any(isinstance(step, HandleLeaksStep) for step in scenario.step):
            # that is what the file says of a service
            breaches = [breach for breach in breaches if breach.kind != NEVER_CLOSED]
        if self._may_run_late(scenario):
            breaches = [breach for breach in breaches if breach.kind != RUN_EXPIRED]
        for finding in result.findings:
            if not finding.ok:
                text = f"expected {finding.expected}, found {finding.actual}"
                kind = f"{EXPECTATION}: {without_ids(finding.name)}"
                breaches.append(Breach(kind, text, scenario.end))
        return self._judged(result.digest, breaches)

    def _may_run_late(self, scenario: Scenario) -> bool:
        """Whether clients go by clocks that are wrong, or run what has expired on purpose
        (Q255284).
        """
        return (
            any(isinstance(step, ClockStep | ClockJumpsStep) for step in scenario.step)
            or any(group.clock_offset for group in scenario.clients)
            or any(
                profile.runs_newly_found_expired
                for profile in profiles_of(scenario, self.options).values()
            )
        )

    def of_crash(self, crash: Crash) -> WorldJudgement:
        """Of a run that had no end."""
        if crash.is_refused:
            return WorldJudgement(refused=crash.text)
        where, _, function = crash.where.partition(":")
        place = f"{where} {function.partition(' in ')[2]}".strip()
        breach = Breach(
            f"{EXCEPTION}: {crash.kind}", f"{crash.text} ({crash.where})", program=place
        )
        return self._judged("", [breach])

    def _judged(self, digest: str, breaches: Iterable[Breach]) -> WorldJudgement:
        said: dict[FailureKey, tuple[str, float]] = {}
        for breach in breaches:
            said.setdefault(breach.key(self.strategy), (breach.text, breach.at))
        return WorldJudgement(digest, dict(sorted(said.items())))


def strategy_of(scenario: Scenario, options: RunOptions) -> str:
    """How the first site copies."""
    return str(profiles_of(scenario, options)[scenario.site[0].code].copy_strategy)


def broken(
    records: Sequence[Record],
    rules: dict[str, RetryRule],
    calm: float = math.inf,
    package_shares: frozenset[str] = frozenset(),
    ending: Ending | None = None,
    off: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Breach]:
    """What the records of any run break. `rules` are those of its sites; nothing is asked that is
    due `calm` or later. `off`: machines that are off, and since when.
    """
    shares, sites, clients = ShareRules(package_shares), SiteRules(rules), ClientRules()
    for record in records:
        if isinstance(record.data, ImportNote):
            return  # what was imported may leave out what it does not know
        yield from shares.apply(record)
        yield from sites.apply(record)
        yield from clients.apply(record)
    end = records[-1].at if records else 0.0
    yield from shares.at_end(records, off)
    yield from sites.at_end(end, calm)
    if ending is None:
        yield from clients.at_end(end, calm)
        return
    yield from clients.at_end(end, calm, ending.waiting, ending.taken_back, ending.expires)
    yield from sites.says_otherwise(ending.rows)
    for found in ending.disagreements:
        if found.is_of_rest and end - calm < SETTLED_S:
            continue
        if found.package and sites.forgets:
            continue
        if found.late is None or not sites.has_executed(*found.late):
            yield found.breach
