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

from despoolr_core.profile import Profile
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.stream import Record
from despoolr_core.response import Response, retry_interval_s
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.agreement.ending import Ending
from despoolr_lab.explore.agreement.packages import LEFT_OUT, OLD_FILES
from despoolr_lab.explore.rules.box_rules import BoxRules
from despoolr_lab.explore.rules.breach import Breach, FailureKey, without_ids
from despoolr_lab.explore.rules.calm import SETTLED_S, calm_from, cut_off, off_since
from despoolr_lab.explore.rules.client_rules import (
    EXPIRED_EARLY,
    NEVER_RUN,
    RUN_EARLY,
    RUN_EXPIRED,
    RUN_LATE,
    ClientRules,
)
from despoolr_lab.explore.rules.row_rules import RowRules
from despoolr_lab.explore.rules.share_rules import LEASE_CUT, NEVER_CLOSED, ShareRules
from despoolr_lab.explore.rules.site_rules import (
    RetryRule,
    SiteRules,
    attempts_max,
    is_even,
    loses_list,
)
from despoolr_lab.explore.rules.wait_rules import WaitRules
from despoolr_lab.pool import Crash
from despoolr_lab.scenario.model import (
    AclStep,
    ClockJumpsStep,
    ClockStep,
    DeleteStep,
    DiskStep,
    HandleLeaksStep,
    NoIdMifStep,
    ProgramOutcome,
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
        profiles = {
            code: profile
            for code, profile in profiles_of(scenario, self.options).items()
            if code not in changed  # of a site that changes, no one rule holds
        }
        rules = {
            site.code: RetryRule(
                retry_interval_s(Response(site.response)),
                profile.retry_count_step,
                attempts_max=attempts_max(profile),
                is_even=is_even(profile),
                loses_list=loses_list(profile),
                forgets_refresh=not profile.retry_keeps_refresh,
            )
            for site in scenario.site
            if (profile := profiles.get(site.code)) is not None
        }
        surroundings = KnownSites(
            profiles,
            {fold(site.server): site.code for site in scenario.site},
            is_clean=_is_clean(scenario, profiles),
            keeps_rights=_keeps_rights(scenario, profiles),
            cut_off=cut_off(scenario),
        )
        shares = frozenset(fold(server.package_share) for server in scenario.server)
        breaches = list(
            broken(
                result.records,
                rules,
                calm_from(scenario),
                shares,
                ending=result.seen,
                off=off_since(scenario),
                surroundings=surroundings,
            )
        )
        if any(isinstance(step, PutStep | DeleteStep) for step in scenario.step):
            # what a person puts there or takes away, no service has installed
            breaches = [breach for breach in breaches if breach.kind not in (OLD_FILES, LEFT_OUT)]
        if any(isinstance(step, HandleLeaksStep) for step in scenario.step):
            # that is what the file says of a service
            breaches = [breach for breach in breaches if breach.kind != NEVER_CLOSED]
        if any(one.restarts for one in _outcomes(scenario)):
            breaches = [breach for breach in breaches if breach.kind != LEASE_CUT]
        if _has_wrong_clocks(scenario):
            in_time = (NEVER_RUN, RUN_EARLY, RUN_LATE, RUN_EXPIRED, EXPIRED_EARLY)
            breaches = [breach for breach in breaches if breach.kind not in in_time]
        elif self._runs_expired(scenario):
            breaches = [breach for breach in breaches if breach.kind != RUN_EXPIRED]
        for finding in result.findings:
            if not finding.ok:
                text = f"expected {finding.expected}, found {finding.actual}"
                kind = f"{EXPECTATION}: {without_ids(finding.name)}"
                breaches.append(Breach(kind, text, scenario.end))
        return self._judged(result.digest, breaches)

    def _runs_expired(self, scenario: Scenario) -> bool:
        """Whether clients run what has expired on purpose (Q255284)."""
        profiles = profiles_of(scenario, self.options).values()
        return any(profile.runs_newly_found_expired for profile in profiles)

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


def _has_wrong_clocks(scenario: Scenario) -> bool:
    """Whether clients go by clocks that are wrong, at times."""
    return any(isinstance(step, ClockStep | ClockJumpsStep) for step in scenario.step) or any(
        group.clock_offset for group in scenario.clients
    )


def _outcomes(scenario: Scenario) -> list[ProgramOutcome]:
    """What programs do, at all of their starts."""
    return [one for program in scenario.program for one in (program, *program.then)]


def _is_clean(scenario: Scenario, profiles: Mapping[str, Profile]) -> bool:
    """Whether no person puts a file anywhere, and no program writes a status MIF that is bad, or
    that a version cannot load (Q140810).
    """
    mifs = [one.mif for one in _outcomes(scenario) if one.mif is not None]
    stumbles = any(not profile.escaped_quote_in_mif_loads for profile in profiles.values())
    return not any(
        isinstance(step, PutStep | NoIdMifStep | AclStep | DiskStep) for step in scenario.step
    ) and not any(mif.raw or (stumbles and '"' in mif.description) for mif in mifs)


def _keeps_rights(scenario: Scenario, profiles: Mapping[str, Profile]) -> bool:
    """Whether rights may be others at the end: a person changes them, or a version's forced
    disconnect does not give them back (Q182414).
    """
    may_keep = any(
        not one.forced_disconnect_restores_rights
        and one.forced_disconnect_available
        and one.use_forced_disconnect
        for one in profiles.values()
    )
    return may_keep or any(isinstance(step, AclStep | SetStep) for step in scenario.step)


def strategy_of(scenario: Scenario, options: RunOptions) -> str:
    """How the first site copies."""
    return str(profiles_of(scenario, options)[scenario.site[0].code].copy_strategy)


@dataclass(frozen=True, slots=True)
class KnownSites:
    """What is known of a run's sites: their profiles by code, their servers' (folded) names to
    their codes, whether all that lies in boxes was made by services and clients, and whether rights
    may have changed for good.
    """

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    is_clean: bool = False
    keeps_rights: bool = True
    cut_off: Sequence[tuple[float, float]] = ()


NOTHING_KNOWN: Final = KnownSites()


def broken(
    records: Sequence[Record],
    rules: dict[str, RetryRule],
    calm: float = math.inf,
    package_shares: frozenset[str] = frozenset(),
    ending: Ending | None = None,
    off: Mapping[str, float] = MappingProxyType({}),
    surroundings: KnownSites = NOTHING_KNOWN,
) -> Iterator[Breach]:
    """What the records of any run break. `rules` are those of its sites; nothing is asked that is
    due `calm` or later. `off`: machines that are off, and since when.
    """
    shares, sites, clients = ShareRules(package_shares), SiteRules(rules), ClientRules()
    waits, rows = WaitRules(surroundings.keeps_rights), RowRules(surroundings.profiles)
    files = BoxRules(surroundings.servers, surroundings.is_clean)
    for record in records:
        if isinstance(record.data, ImportNote):
            return  # what was imported may leave out what it does not know
        yield from shares.apply(record)
        yield from sites.apply(record)
        yield from clients.apply(record)
        for one in (waits, rows, files):
            yield from one.apply(record)
    end = records[-1].at if records else 0.0
    yield from shares.at_end(records, off)
    yield from sites.at_end(end, calm)
    yield from waits.at_end(end, calm)
    if ending is None:
        yield from clients.at_end(end, calm)
        return
    yield from clients.at_end(end, calm, ending.commands, surroundings.cut_off)
    yield from sites.says_otherwise(ending.rows)
    yield from rows.at_end(ending.rows, end, calm)
    for found in ending.disagreements:
        if found.is_of_rest and end - calm < SETTLED_S:
            continue
        if found.package and sites.forgets:
            continue
        if found.late is None or not sites.has_executed(*found.late):
            yield found.breach
