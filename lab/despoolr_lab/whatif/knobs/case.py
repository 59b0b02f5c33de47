"""What a run told that is to be mended, as every knob is given it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from despoolr_core.profile import Profile
from despoolr_core.records.whatif.bounds import BlockedUpdate, Bound, together
from despoolr_core.rules.fold import fold
from despoolr_core.times import moment_s
from despoolr_lab.scenario.model import HotfixStep, JobStep, Scenario, SetStep
from despoolr_lab.scenario.run import RunOptions, profiles_of
from despoolr_lab.whatif.knobs.goal import UPDATE, Goal


@dataclass(frozen=True, slots=True)
class Case:
    """What a run told that is to be mended: its scenario as it ran, what was blocked, what had to
    come true.
    """

    scenario: Scenario
    goal: Goal
    updates: Sequence[BlockedUpdate]
    profiles: dict[str, Profile]

    @classmethod
    def of(cls, scenario: Scenario, goal: Goal, updates: Sequence[BlockedUpdate]) -> Case:
        """The case of a scenario that has its options baked in."""
        return cls(scenario, goal, updates, profiles_of(scenario, RunOptions()))

    @property
    def sites(self) -> list[str]:
        """The sites at which a change is made: all, the first one first."""
        return [site.code for site in self.scenario.site]

    @property
    def may_force(self) -> bool:
        """Whether a site closes files by force after enough attempts: they open the way then."""
        return any(
            one.forced_disconnect_available and one.use_forced_disconnect
            for one in self.profiles.values()
        )

    @property
    def is_bounded(self) -> bool:
        """Whether the first pass may speak: its arithmetic is that of one way to copy all along, of
        updates that are to come through. A goal of another kind may hold while files stay open.
        """
        return self.goal.kind == UPDATE and not any(
            isinstance(step, HotfixStep | SetStep) for step in self.scenario.step
        )

    @property
    def on_shares(self) -> list[BlockedUpdate]:
        """The blocked updates of package shares: those whose files a strategy replaces."""
        shares = {fold(server.package_share) for server in self.scenario.server}
        return [one for one in self.updates if fold(one.episode.share) in shares]


def more_attempts(case: Case, begun_at: float | None = None) -> Bound | None:
    """What attempts at other times are worth, of which the first is as early as `begun_at`. None
    where nothing was held, or where attempts may close files by force.
    """
    if not case.updates or case.may_force:
        return None
    found = [one if begun_at is None else one.begun_at(begun_at) for one in case.updates]
    return together([one.as_it_asked() for one in found])


def made_at(case: Case) -> float:
    """When the first of the goal's jobs was made: no attempt is earlier."""
    start = case.scenario.start
    return min(
        (
            moment_s(step.at, start)
            for step in case.scenario.step
            if isinstance(step, JobStep) and step.name in case.goal.jobs
        ),
        default=start,
    )
