"""Knobs of a site: how it copies, tries again, closes by force; its version and its hotfixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from despoolr_core.articles import ARTICLES, Article, Remedy, article_of
from despoolr_core.phrases import counted
from despoolr_core.profile import FIELDS, PROFILES, Profile
from despoolr_core.records.whatif.bounds import BlockedUpdate, Bound, together
from despoolr_core.response import POLLING_S, Response, retry_interval_s
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES, Cost
from despoolr_core.times import span
from despoolr_lab.scenario.model import (
    HotfixStep,
    Scenario,
    SetStep,
    SourceStep,
)
from despoolr_lab.scenario.reading.written import copy_of
from despoolr_lab.scenario.run import RunOptions, profiles_of
from despoolr_lab.scenario.worlds import span_text
from despoolr_lab.whatif.knobs.case import Case, made_at, more_attempts
from despoolr_lab.whatif.knobs.change import ScenarioChange
from despoolr_lab.whatif.knobs.goal import ASKED as ASKED_FOR
from despoolr_lab.whatif.knobs.goal import RUN, UPDATE
from despoolr_lab.whatif.knobs.names import FIX, FORCED, MARKER, VERSION

FORCED_RETRIES: Final = (3, 12)
MARKER_SHARES: Final = (0.5, 1.0)
ATTEMPTS_FOREVER: Final = 100_000
_OF_COPYING: Final = frozenset(
    {
        "copy_strategy",
        "refresh_every_file",
        "partial_retry_list_lost",
        "retry_keeps_refresh",
        "give_up_rule",
        "attempts_max",
        "give_up_after_s",
        "retry_count_step",
        "forced_disconnect_available",
        "use_forced_disconnect",
        "forced_disconnect_restores_rights",
    }
)
"""Behaviours that decide whether an update comes through; the others decide what is told of it."""


def strategies(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    if not case.on_shares:
        return
    current = {profile.copy_strategy for profile in case.profiles.values()}
    for name in values or COPY_STRATEGIES:
        strategy = COPY_STRATEGIES.get(name)
        if strategy is None or current == {name}:
            continue
        bound = together([_changed_only(case, one).by(strategy) for one in case.on_shares])
        yield ScenarioChange(
            f"copy strategy {name}",
            strategy.cost,
            _with_profile(case.scenario, {"copy_strategy": name}),
            needs=strategy.needs,
            is_shipped=not strategy.is_ours,
            bound=bound,
            made_at=partial(_setting, case, {"copy_strategy": name}),
        )


def marker(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    """The clients that look for a marker are a share of all: those that do not are in its way."""
    if not case.on_shares:
        return
    strategy = COPY_STRATEGIES["quiesce_marker"]
    bound = together([_changed_only(case, one).by(strategy) for one in case.on_shares])
    for share in [float(value) for value in values] or MARKER_SHARES:
        honoured = copy_of(case.scenario)
        for group in honoured.clients:
            group.honours_marker = True if share == 1 else share
        fields = {"copy_strategy": strategy.name}
        yield ScenarioChange(
            f"a marker that {share:.0%} of the clients honour".replace("100%", "all"),
            Cost.CLIENT,
            _with_profile(honoured, fields),
            needs="clients that look for it",
            family=MARKER,
            strength=share,
            bound=bound,
            made_at=partial(_setting, replace(case, scenario=honoured), fields),
        )


def _changed_only(case: Case, update: BlockedUpdate) -> BlockedUpdate:
    """Without the opens of files that are the same in both versions: who compares first need not
    touch them.
    """
    changed = {
        fold(name)
        for step in case.scenario.step
        if isinstance(step, SourceStep)
        for name in (*step.files, *step.delete)
    }
    return update.with_holdings(
        lambda one: one if fold(one.path.partition("/")[2]) in changed else None
    )


def forced(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    """(x * (y + 1)) + z after the first failure: x the retry interval, y the retries, z the delay
    (Q128458).
    """
    if not case.on_shares:
        return
    interval_s = retry_interval_s(Response(case.scenario.site[0].response))
    for retries in [int(value) for value in values] or FORCED_RETRIES:
        fields: dict[str, Any] = {
            "forced_disconnect_available": True,
            "use_forced_disconnect": True,
            "forced_disconnect_retries": retries,
        }
        delay_min = case.profiles[case.sites[0]].forced_disconnect_delay_min
        forced_at = min(one.since for one in case.on_shares) + (
            interval_s * (retries + 1) + delay_min * 60.0
        )
        itself = together([one.as_it_asked() for one in case.on_shares])
        bound = Bound(min(forced_at, itself.free_at or forced_at))
        needs = _forced_needs(case.profiles.values())
        shipped = " (as shipped)" if retries == 12 else ""
        for restores in (False, True):
            keeps = " and the fix of Q182414" if restores else ""
            all_fields = {**fields, "forced_disconnect_restores_rights": restores}
            yield ScenarioChange(
                f"forced disconnect after {counted(retries, 'retry', 'retries')}{shipped}{keeps}",
                Cost.FORCE,
                _with_profile(case.scenario, all_fields),
                needs=needs,
                family=f"{FORCED}{keeps}",
                strength=-retries,
                is_shipped=retries == 12 and not restores,
                bound=bound,
                made_at=partial(_setting, case, all_fields),
            )


def intervals(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    """From the moment on at which the goal's job is made: what lay on the shares before, and who
    had it open, stays as it was.
    """
    if case.goal.kind not in (UPDATE, ASKED_FOR):
        return
    since_s = made_at(case) - case.scenario.start
    current = Response(case.scenario.site[0].response)
    for response in [_response(value) for value in values] or list(Response):
        if response is current:
            continue
        if since_s > 0:
            scenario = _setting(case, {}, since_s, response=str(response))
        else:
            scenario = copy_of(case.scenario)
            for site in scenario.site:
                site.response = str(response)
        yield ScenarioChange(
            f"retrying every {span(retry_interval_s(response))} (Response {response})",
            Cost.SETTING,
            scenario,
            strength=-POLLING_S[response],
            bound=more_attempts(case, begun_at=made_at(case)),
            made_at=partial(_setting, case, {}, response=str(response)),
        )


def _response(text: str) -> Response:
    for one in Response:
        if fold(text) == fold(str(one)):
            return one
    raise ValueError(f"Response {text!r} is not one of {', '.join(Response)}")


def patience(case: Case, _values: Sequence[str]) -> Iterator[ScenarioChange]:
    if not any(one.episode.state == "given up" for one in case.updates):
        return
    fields = {"give_up_rule": "count", "attempts_max": ATTEMPTS_FOREVER}
    yield ScenarioChange(
        "never giving up within the run",
        Cost.SETTING,
        _with_profile(case.scenario, fields),
        bound=more_attempts(case),
        made_at=partial(_setting, case, fields),
    )


def versions(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    names = list(PROFILES)
    for number, site in enumerate(case.scenario.site):
        later = _that_differ(case, names[names.index(site.version) + 1 :])
        for version in values or later:
            scenario = copy_of(case.scenario)
            scenario.site[number].version = version
            where = f" at site {site.code}" if len(case.scenario.site) > 1 else ""
            yield ScenarioChange(
                f"SMS {version}{where}",
                Cost.PACKAGING,
                scenario,
                needs="an upgrade of the site",
                family=f"{VERSION} {site.code}",
                strength=names.index(version),
                is_shipped=True,
                bound=_with_fields(case, profiles_of(scenario, RunOptions())[site.code]),
            )


def _concern(case: Case, field: str) -> bool:
    """Whether a behaviour can matter to the goal."""
    return case.goal.kind in (ASKED_FOR, RUN) or (field in _OF_COPYING) == (
        case.goal.kind == UPDATE
    )


def _that_differ(case: Case, names: Sequence[str]) -> list[str]:
    """The versions of which each does something that matters as those before it do not."""
    found: dict[tuple[Any, ...], str] = {}
    fields = [name for name in FIELDS if _concern(case, name)]
    for name in names:
        found.setdefault(tuple(getattr(PROFILES[name], one) for one in fields), name)
    return list(found.values())


def fixes(case: Case, values: Sequence[str]) -> Iterator[ScenarioChange]:
    wanted = [article_of(value) for value in values]
    for kb, article in ARTICLES.items():
        if wanted and article not in wanted:
            continue
        for number, site in enumerate(case.scenario.site):
            if not article.has_fault(case.profiles[site.code]):
                continue
            if not any(_concern(case, name) for name in article.fix):
                continue
            scenario = copy_of(case.scenario)
            scenario.site[number].profile |= article.fix
            where = f" at site {site.code}" if len(case.scenario.site) > 1 else ""
            yield ScenarioChange(
                f"the fix of {kb}{where}",
                _fix_cost(article),
                scenario,
                needs=_fix_needs(article, case.profiles[site.code]),
                family=f"{FIX} {kb} {site.code}",
                is_shipped=article.remedy is not Remedy.NONE,
                bound=_with_fields(case, profiles_of(scenario, RunOptions())[site.code]),
                made_at=partial(_installing, case, kb, site.code),
            )


def _forced_needs(profiles: Iterable[Profile]) -> str:
    is_there = all(one.forced_disconnect_available for one in profiles)
    return "registry values" if is_there else "SMS 1.2"


def _fix_cost(article: Article) -> Cost:
    """A hotfix and a registry value are settings; who has to have another version, or what nobody
    ever made, pays as for an upgrade.
    """
    if "use_forced_disconnect" in article.fix:
        return Cost.FORCE
    is_setting = article.remedy in (Remedy.HOTFIX, Remedy.SETTING)
    return Cost.SETTING if is_setting else Cost.PACKAGING


def _fix_needs(article: Article, profile: Profile) -> str:
    """What an administrator would have to get for the fix of an article."""
    if article.remedy is Remedy.HOTFIX:
        return "the hotfix"
    if article.remedy is Remedy.NONE:
        return "a fix that was never made"
    if article.remedy is Remedy.VERSION:
        return article.cure.partition(";")[0].removeprefix("upgrade to ").removeprefix("install ")
    return _forced_needs([profile])


def _installing(case: Case, kb: str, site: str, at_s: float) -> Scenario:
    """The scenario in which a hotfix is installed in the middle."""
    scenario = copy_of(case.scenario)
    hotfix = HotfixStep(at=span_text(at_s), article=kb, site=site)
    scenario.step = [*scenario.step, hotfix]
    return scenario


def _with_fields(case: Case, profile: Profile) -> Bound | None:
    """What another profile is worth that leaves the holders as they are: no more than attempts of
    its way to copy. None where it may close files by force, or nothing was held.
    """
    if not case.updates or (profile.forced_disconnect_available and profile.use_forced_disconnect):
        return None
    strategy = COPY_STRATEGIES[profile.copy_strategy]
    asked = [one.as_it_asked() for one in case.updates if one not in case.on_shares]
    copied = [_changed_only(case, one).by(strategy) for one in case.on_shares]
    return together([*copied, *asked])


def _with_profile(before: Scenario, fields: dict[str, Any]) -> Scenario:
    scenario = copy_of(before)
    for site in scenario.site:
        site.profile = {**site.profile, **fields}
    return scenario


def _setting(case: Case, fields: dict[str, Any], at_s: float, *, response: str = "") -> Scenario:
    """The scenario in which settings of its sites are changed in the middle."""
    scenario = copy_of(case.scenario)
    at = span_text(at_s)
    changed = [SetStep(at=at, site=code, profile=fields, response=response) for code in case.sites]
    scenario.step = [*scenario.step, *changed]
    return scenario
