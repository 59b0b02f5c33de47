"""What a site's services record; the actor is `<site>/<component>`. A `job` or `package` is an ID,
`file` a name in a box.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from despoolr_core.records.kinds.fact import Fact


class JobStatusChanged(Fact, frozen=True, kw_only=True):
    """A job has a new status, of Pending, Active, Retrying, Complete, Failed ... A new job `was`
    nothing.
    """

    KIND: ClassVar = "job.status"
    job: str
    name: str = ""
    status: str
    was: str
    reason: str
    type: str | UnsetType = UNSET
    package: str | UnsetType = UNSET


class DetailStatusChanged(Fact, frozen=True, kw_only=True):
    """A row of Job Details was reported. `detail` is Site Arrival, Completion, Server or
    Workstation; a row that the report made `was` nothing.
    """

    KIND: ClassVar = "detail.status"
    job: str
    detail: str = ""
    site: str
    machine: str
    status: str
    was: str


class InstructionWritten(Fact, frozen=True, kw_only=True):
    """The Despooler wrote an instruction for itself, for a retry at `execute_at`. `servers` are
    those that it will try, `forgotten` those it will not refresh (Q195936).
    """

    KIND: ClassVar = "instruction.written"
    file: str
    type: str
    job: str
    retries: int
    execute_at: float
    servers: tuple[str, ...]
    forgotten: tuple[str, ...] = ()


class InstructionExecuted(Fact, frozen=True, kw_only=True):
    """The Despooler is done with an instruction; `result` is what its log says. One that was set
    aside has no type and no job.
    """

    KIND: ClassVar = "instruction.executed"
    file: str
    type: str
    job: str
    result: str


class CopyStarted(Fact, frozen=True, kw_only=True):
    """An attempt to bring a package to a distribution server; `attempt` counts from 1."""

    KIND: ClassVar = "copy.started"
    job: str
    package: str
    server: str
    attempt: int


class FileCopied(Fact, frozen=True, kw_only=True):
    """What became of one file of an attempt: `result` is copied, unchanged, refused ..., with the
    Win32 error (0: none).
    """

    KIND: ClassVar = "copy.file"
    job: str
    package: str
    server: str
    file: str
    result: str
    win32: int


class CopyEnded(Fact, frozen=True, kw_only=True):
    """How an attempt ended: `complete`, or `refused` at a file with a Win32 error."""

    KIND: ClassVar = "copy.ended"
    job: str
    package: str
    server: str
    attempt: int
    result: str
    file: str
    win32: int


class MifLoaded(Fact, frozen=True, kw_only=True, rename={"about": "kind"}):
    """The Data Loader took in a MIF. `about` is a kind of detail, `site`, `package` or
    `inventory`; `report` is its number, or the code of the site that reports itself.
    """

    KIND: ClassVar = "mif.loaded"
    file: str
    report: str
    about: str


class MifRefused(Fact, frozen=True, kw_only=True):
    """A MIF was not taken in."""

    KIND: ClassVar = "mif.refused"
    file: str
    reason: str


class MifsSent(Fact, frozen=True, kw_only=True):
    """A packet of `count` MIFs is on its way to the parent site."""

    KIND: ClassVar = "mifs.sent"
    to: str
    request: str
    count: int


class PackageReported(Fact, frozen=True, kw_only=True):
    """A site tells what became of another site's package; `said` is the ID as it writes it."""

    KIND: ClassVar = "package.reported"
    package: str
    said: str
    job: str
    result: str


class PackageStatusChanged(Fact, frozen=True, kw_only=True):
    """What `site` now says of a package, and what it said before."""

    KIND: ClassVar = "package.status"
    package: str
    site: str
    status: str
    was: str
    job: str


class PackageUnknown(Fact, frozen=True, kw_only=True):
    """No package has the ID that a site reported; `kept` says whether the report was, for a person
    to look at.
    """

    KIND: ClassVar = "package.unknown"
    said: str
    site: str
    result: str
    file: str
    reason: str
    kept: bool


class HotfixApplied(Fact, frozen=True, kw_only=True):
    """A hotfix changed the site's profile; `fields` are the behaviours that are others now."""

    KIND: ClassVar = "hotfix.installed"
    article: str
    fields: dict[str, Any]


class SettingsChanged(Fact, frozen=True, kw_only=True):
    """Settings of a site were changed while it ran; `fields` are those that were, with their new
    values.
    """

    KIND: ClassVar = "settings.changed"
    fields: dict[str, Any]


class BoxRestored(Fact, frozen=True, kw_only=True):
    """A site's directory was missing on `server` and was made again; `aside` is the new name of a
    file that stood there, or empty.
    """

    KIND: ClassVar = "box.restored"
    server: str
    share: str
    path: str
    aside: str


class EventLogged(Fact, frozen=True, kw_only=True):
    """An NT event, by its code; `machine` is the one it is about."""

    KIND: ClassVar = "event"
    event: int
    component: str
    text: str
    job: str = ""
    machine: str = ""


class LineLogged(Fact, frozen=True, kw_only=True):
    """One line of a component's log. Tildes stand for newlines."""

    KIND: ClassVar = "log"
    component: str
    text: str


class SlotsLeased(Fact, frozen=True, kw_only=True):
    """A fleet has the clients from number `first` on."""

    KIND: ClassVar = "slots.leased"
    holder: str
    first: int
    count: int


class SlotsReleased(Fact, frozen=True, kw_only=True):
    """A fleet gave its clients back."""

    KIND: ClassVar = "slots.released"
    holder: str
    first: int
    count: int


class SlotsLapsed(Fact, frozen=True, kw_only=True):
    """A fleet fell silent, and its clients are free."""

    KIND: ClassVar = "slots.lapsed"
    holder: str
    first: int
    count: int
