"""The questions of an operator, put to servers that run: over HTTP, each server asked for what it
alone knows.

The law: opens and refusals live where the share is, jobs and events at the site server; a server
that does not answer, or cuts its list, is a note, and only when none answers an error. One request
at a time, through no proxy, each with a limit of time; every failure is a `SiteError` that says
what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import to_builtins

from despoolr_app.site_client.blocking_client import ask, health
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError, SiteRefused, SiteUnreachable
from despoolr_app.site_client.queries import (
    LockAnswer,
    LockRow,
    Wanted,
    WhyAnswer,
    concerns,
    fault_note,
    holders_of,
    lock_row,
    oldest_first,
    some_faults,
)
from despoolr_core.records.episode import WAITING
from despoolr_core.records.episodes import Why
from despoolr_core.share.fault_api import FaultList
from despoolr_core.share.fleet_api import SlotSum
from despoolr_core.share.site_api import EventList, JobFacts, JobList, SiteFacts
from despoolr_core.share.wire import EpisodeList, EpisodeRow, OpenList, OpenRow

T = TypeVar("T")

COUNTS_OF_NOW: Final = (
    "a running server knows how often an update was refused, not how often by then: the numbers of "
    "refusals are those of now; a finished run has both"
)
ROWS_MAX: Final = 10_000
HISTORY_TOLERANCE_S: Final = 1.0
"""How far the record of an open may lie behind the open, in site seconds (scaled time makes
milliseconds long).
"""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What one server has open at a moment of site time, and the updates that wait there."""

    server: str
    at: float
    opens: Sequence[OpenRow]
    waiting: Sequence[EpisodeRow]


@dataclass(slots=True)
class LiveSource:
    """Running servers. Jobs and events are asked of the one that is a site server."""

    servers: Sequence[ServerAddress]
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return ", ".join(server.url for server in self.servers)

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """The opens that stand (or stood at a time), with the refusals on each server's record."""
        found: list[LockRow] = []
        time = at or 0.0
        for told in self._each(wanted, at):
            time = max(time, told.why.at) if at is None else at
            found += [row for row in told.rows if wanted.takes(row.share, row.path, [row.machine])]
        return LockAnswer(self.name, time, oldest_first(found), self.notes)

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Every server's episodes, and who holds what they wait for."""
        verdicts: list[str] = []
        episodes: list[EpisodeRow] = []
        holders: list[LockRow] = []
        time = at or 0.0
        for told in self._each(wanted, at):
            pairs = [
                pair
                for pair in zip(told.why.episodes, told.why.verdicts, strict=True)
                if concerns(wanted, pair[0])
            ]
            time = max(time, told.why.at) if at is None else at
            rows = [row for row, _ in pairs]
            episodes += rows
            verdicts += [sentence for _, sentence in pairs]
            holders += oldest_first(holders_of(told.rows, wanted, rows))
        if at is not None and episodes:
            self.notes.append(COUNTS_OF_NOW)
        if at is None:
            self._note_faults()
        return WhyAnswer(self.name, time, verdicts, episodes, holders, self.notes)

    def states(self) -> list[ServerState]:
        """What each server has open now, and who waits there. Raises `SiteError` if none
        answers.
        """
        found: list[ServerState] = []
        failures: list[SiteError] = []
        limit = urlencode({"limit": ROWS_MAX})
        for server in self.servers:
            try:
                episodes = ask(server, f"episodes?{limit}", EpisodeList)
                opens = ask(server, f"opens?{limit}", OpenList)
                at = health(server).now
            except SiteError as error:
                failures.append(error)
                continue
            if max(opens.count - len(opens.opens), episodes.count - len(episodes.episodes)) > 0:
                self.notes.append(f"{server.name} cut its list at {ROWS_MAX:,}")
            waiting = [row for row in episodes.episodes if row.state == WAITING]
            found.append(ServerState(server.name, at, opens.opens, waiting))
        if not found:
            raise failures[0] if failures else SiteError("there is no server to ask")
        self.notes += [str(error) for error in failures]
        return found

    def jobs(self) -> list[dict[str, Any]]:
        return list(to_builtins(self._site("jobs", JobList).jobs))

    def job(self, job: str) -> dict[str, Any]:
        return dict(to_builtins(self._site(f"jobs/{quote(job, safe='')}", JobFacts)))

    def events(self, limit: int) -> list[dict[str, Any]]:
        self._note_faults()
        return list(to_builtins(self._site(f"events?limit={limit}", EventList).events))

    def moment(self) -> float | None:
        try:
            return self._site("site", SiteFacts).now
        except SiteError:
            return None

    def slots(self) -> SlotSum:
        """Who runs which clients; from the site server. Raises `SiteError`."""
        return self._site("slots", SlotSum)

    def _note_faults(self) -> None:
        """What is broken on purpose now is beside every answer about what went wrong. A server that
        may not be broken, or does not answer, is not.
        """
        told: list[str] = []
        for server in self.servers:
            with suppress(SiteError):
                rows = ask(server, "faults", FaultList).faults
                told += [fault_note(row.fault, row.where, row.began_at, None) for row in rows]
        self.notes += some_faults(told)

    def _each(self, wanted: Wanted, at: float | None) -> list[_Told]:
        """Every server's answer; one that does not answer is a note, unless none does."""
        answers: list[_Told] = []
        failures: list[SiteError] = []
        limit = {"limit": str(ROWS_MAX)}
        machine = {"machine": wanted.machine} if wanted.machine else {}
        for server in self.servers:
            try:
                why = ask(
                    server,
                    "why?" + urlencode(limit if at is None else {"at": repr(at), **limit}),
                    Why,
                )
                episodes = ask(server, "episodes?" + urlencode(machine | limit), EpisodeList)
                listed = None
                if at is None:  # the answer's time is its last record's: nothing may happen since
                    listed = ask(server, "opens?" + urlencode(limit), OpenList)
                    why = msgspec.structs.replace(why, at=max(why.at, health(server).now))
            except SiteError as error:
                failures.append(error)
                continue
            if len(why.opens) >= ROWS_MAX or episodes.count > len(episodes.episodes):
                self.notes.append(
                    f"{server.name} cut its list at {ROWS_MAX:,}; narrow the question "
                    "with --machine"
                )
            answers.append(_Told(why, _live_rows(why, episodes.episodes, listed)))
        if not answers:
            raise failures[0] if failures else SiteError("there is no server to ask")
        self.notes += [str(error) for error in failures]
        return answers

    def _site(self, path: str, kind: type[T]) -> T:
        failure: SiteError | None = None
        for server in self.servers:
            try:
                return ask(server, path, kind)
            except SiteUnreachable as error:
                failure = error
            except SiteRefused as error:
                if not error.is_unknown_call:
                    raise
                failure = failure or SiteError(f"{error}; is it the site server?")
        raise failure or SiteError("there is no server to ask")


@dataclass(frozen=True, slots=True)
class _Told:
    """One server's answer."""

    why: Why
    rows: list[LockRow]


def _live_rows(why: Why, episodes: list[EpisodeRow], listed: OpenList | None) -> list[LockRow]:
    """Each open with the refusals it has caused. `listed`: what stands now; else the opens of a
    past moment.

    An episode knows a blocker by its machine, program and the instant of its open. The list of
    opens has the same instant; the history has the record's, which is a little later.
    """
    refusals: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for episode in episodes:
        for hold in episode.holds:
            refusals.setdefault((hold.machine, hold.program), []).append(
                (hold.opened_at, hold.refusal_count)
            )
    stand = {row.open: row for row in listed.opens} if listed is not None else {}
    rows = []
    for held in why.opens:
        now = stand.get(held.open)
        if listed is not None and now is None:
            continue  # closed between the two questions
        opened_at = now.opened_at if now is not None else held.opened_at
        tolerance_s = 0.0 if listed is not None else HISTORY_TOLERANCE_S
        count = sum(
            n
            for at, n in refusals.get((held.machine, held.program), ())
            if abs(at - opened_at) <= tolerance_s
        )
        row = msgspec.structs.replace(lock_row(held, count), opened_at=opened_at)
        if now is not None:
            row = msgspec.structs.replace(
                row,
                ranges=now.ranges,
                range_count=now.range_count,
                waiting=now.waiting,
                waiting_count=now.waiting_count,
            )
        rows.append(row)
    return rows
