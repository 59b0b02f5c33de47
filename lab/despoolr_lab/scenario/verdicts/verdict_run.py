"""What verdicts are made of: the records of a run, its profiles, and what its scenario did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from despoolr_core.profile import Profile
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import K, Record, of
from despoolr_core.records.view import JobHistory, RunView
from despoolr_core.share.wire import EpisodeRow


class ScenarioJob(Protocol):
    """A job as a scenario makes it, with the keys of a `job` step."""

    name: str
    at: str
    type: str
    sites: list[str]
    machines: list[str]
    distribute: bool
    put_on: list[str]
    refresh_existing: bool
    command: str
    mandatory_after: str
    expires_after: str


class VerdictRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a sentence is made of. `article` may be empty; `site` is the first one's code, `start`
    site time; `machines` are the clients with names, `without_pcm` the site's
    machines that no PCM runs on, `changed` the paths of packages' files that
    got another text.
    """

    article: str
    site: str
    start: float
    jobs: Sequence[ScenarioJob]
    machines: Sequence[str]
    without_pcm: Sequence[str]
    changed: frozenset[str]
    profiles: dict[str, Profile]
    episodes: list[EpisodeRow]
    records: list[Record]
    view: RunView

    def profile(self, record: Record) -> Profile:
        """The profile of the site whose component a record is by."""
        return self.profiles.get(site_of(record), self.main_profile)

    @property
    def main_profile(self) -> Profile:
        """The profile of the first site."""
        return self.profiles[self.site]

    def job(self, step: ScenarioJob) -> JobHistory | None:
        """What became of a job."""
        return next((job for job in self.view.jobs.values() if job.name == step.name), None)

    def of(self, kind: type[K]) -> list[tuple[Record, K]]:
        """The records of a kind."""
        return list(of(self.records, kind))

    def events(self, code: int) -> list[EventLogged]:
        """The NT events of a code."""
        return [event for _, event in self.view.events if event.event == code]

    @property
    def end(self) -> float:
        """Site time of the last record."""
        return self.records[-1].at if self.records else 0.0


def site_of(record: Record) -> str:
    """The site whose component a record is by."""
    return record.actor.partition("/")[0]
