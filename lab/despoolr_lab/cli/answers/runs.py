"""Answers of commands that make runs, and of those that read kept ones. Spans are seconds."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from despoolr_app.runs.store import KeptRun
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.share.site_api import DetailRow
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.scenario.expectations import Finding


class RunJob(Struct):
    """The last job of a run, with its details; empty for a run that had none."""

    job: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    package: str | UnsetType = UNSET
    request: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    sending: str | UnsetType = UNSET
    working: str | UnsetType = UNSET
    cancel: str | UnsetType = UNSET
    created_at: float | UnsetType = UNSET
    activate_at: float | UnsetType = UNSET
    status_at: float | UnsetType = UNSET
    details: list[DetailRow] | UnsetType = UNSET


class RunJobRow(Struct):
    """A job of a run, and the status of each server."""

    job: str
    name: str
    status: str
    servers: dict[str, str]


class RunAnswer(Struct):
    """`run`, `kb run`: what the run came to. One that was interrupted has no job. `whatif`, where
    it was asked; `variant` says which switch one of `--all` has.
    """

    kb: str
    scenario: str
    version: str
    seed: int
    time: str
    passed: bool
    verdict: str
    expectations: list[Finding]
    episodes: list[EpisodeRow]
    digest: str
    records: int
    virtual_s: float
    wall_s: float
    notes: list[str] | UnsetType = UNSET
    job: RunJob | UnsetType = UNSET
    jobs: list[RunJobRow] | UnsetType = UNSET
    workstations: dict[str, str] | UnsetType = UNSET
    interrupted: bool | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    whatif: Ladder | UnsetType = UNSET


class DemoAnswer(Struct):
    """`demo`: the live run, the one in virtual time, and what would have fixed that."""

    passed: bool
    live: RunAnswer
    virtual: RunAnswer
    whatif: Ladder


class ArticleAnswer(Struct):
    """An article as a switch: `cured_by` are the fields that its fix sets, by version with its
    fault.
    """

    kb: str
    title: str
    topic: str
    versions: list[str]
    has_the_fault: list[str]
    remedy: str
    cure: str
    bug: dict[str, Any]
    fix: dict[str, Any]
    cured_by: dict[str, dict[str, Any]]


class ArticleExpectation(Struct):
    """What an article's scenario expects, and of which profiles."""

    name: str
    when: dict[str, Any]


class ArticleShowAnswer(ArticleAnswer):
    """`kb show`: the article and its scenario."""

    story: str
    expected: list[ArticleExpectation]
    scenario: str


class RunsAnswer(Struct):
    """`runs list`: the newest first, and the bytes of all."""

    runs: list[KeptRun]
    size: int


class RunsRemoveAnswer(Struct):
    """`runs rm`, `runs gc`: what was removed, with the bytes of it, and what may still go on and
    stays for that reason.
    """

    removed: list[str]
    going_on: list[str]
    size: int


class DifferingField(Struct):
    """A field of a record that is not the same."""

    name: str
    kept: Any
    now: Any


class DifferingRecord(Struct):
    """The first record that is not the same."""

    record: int
    at: float
    kept: str
    now: str
    fields: list[DifferingField]


class ReplayAnswer(Struct):
    """`replay`: whether the run is the same when it is made again."""

    same: bool
    records: int
    digest: str
    kept_digest: str
    first: DifferingRecord | None


class ReportAnswer(Struct):
    """`report`: where it was written."""

    run: str
    report: str
    records: int


class ExportAnswer(Struct):
    """`export`: where it was written; `size` in bytes."""

    run: str
    format: str
    file: str
    size: int


class ImportedFile(Struct):
    """What was found in one source."""

    file: str
    format: str
    grade: str
    opens: int
    closes: int
    refusals: int
    damaged: int


class ImportAnswer(Struct):
    """`import`: the run that was made of a real server's traces, and what they prove."""

    run: str
    kind: str
    path: str
    scenario: str
    server: str
    grade: str
    files: list[ImportedFile]
    to: float | None
    records: int
    opens: int
    closes: int
    refusals: int
    refused_for_rights: int
    held_at_end: int
    verdict: str
    episodes: list[EpisodeRow]
    verdicts: list[str]
    notes: list[str]
    since: float | None = field(name="from")


class ImportFormat(Struct):
    """A format, and how to record it."""

    name: str
    grade: str
    what: str
    how: str


class ImportFormatsAnswer(Struct):
    """`import --formats`: what can be read, what each grade proves, the fields of tshark."""

    grades: dict[str, str]
    formats: list[ImportFormat]
    fields: list[str]


class WatchedHold(Struct):
    """An open that is in somebody's way."""

    open: str
    machine: str
    user: str
    access: str
    share_mode: str
    since: float


class WatchedWait(Struct):
    """Who waits for what, and for whom."""

    machine: str
    share: str
    path: str
    attempts: int
    first_refused_at: float
    last_refused_at: float
    blockers: list[WatchedHold]


class WatchedHolder(WatchedHold):
    """An open that is held; `is_older` where it was there before the watching began."""

    share: str
    path: str
    is_older: bool
    is_in_the_way: bool


class WatchAnswer(Struct):
    """`watch`: a line at each change."""

    run: str
    server: str
    grade: str
    held: int
    opens: int
    refusals: int
    waiting_count: int
    waiting: list[WatchedWait]
    holders: list[WatchedHolder]
