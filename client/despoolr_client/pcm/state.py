"""One PCM's memory of its packages, and what a poll decides from it. All change goes through `Pcm`.

The law: a RequestID is shown once (`New`), runs by itself at most once (`Executed`), and its expiry
is reported exactly once. The record itself stays in the instruction file until expiry or cancel
(`domain.md` c); only the history says whether it has run. Times are the client's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from despoolr_client.pcm import lines
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.chance import Chance
from despoolr_client.pcm.history import NO_HISTORY, History, HistoryState
from despoolr_client.pcm.screening import screen
from despoolr_client.pcm.terms import due_at, is_due, is_expired, is_offered, is_shown
from despoolr_core.formats.instructions.winst import WorkstationInstruction

Records = tuple[WorkstationInstruction, ...]


class Folder(StrEnum):
    """The folders of the PCM window in which packages are."""

    PENDING = "Pending Commands"
    EXECUTED = "Executed Commands"


class Reading(msgspec.Struct, frozen=True):
    """What a changed instruction file brought: requests that left it, and log lines."""

    gone: tuple[str, ...]
    lines: tuple[str, ...]


class Decisions(msgspec.Struct, frozen=True):
    """What one poll decided: records to show as new, to run, to report as expired; and log
    lines.
    """

    shown: Records = ()
    due: Records = ()
    expired: Records = ()
    lines: tuple[str, ...] = ()


class Pcm:
    """The packages one client knows."""

    __slots__ = ("executed_at", "history", "records")

    def __init__(self, history: History = NO_HISTORY) -> None:
        self.records: Records = ()
        self.history = history
        self.executed_at: dict[str, float] | None = None

    # -- a poll
    def read(
        self, records: Sequence[WorkstationInstruction], platform: int, behaviour: PcmBehaviour
    ) -> Reading:
        """Take the records of a changed instruction file. Returns what is new. A request that is no
        longer there was cancelled.
        """
        passed, skipped = screen(records, platform, behaviour)
        there = {record.request_id for record in passed}
        gone = tuple(
            record.request_id
            for record in self.records
            if record.request_id not in there
            and self.history.get(record.request_id) is not HistoryState.EXPIRED
        )
        self.records = passed
        said = [lines.before_filter(len(records))]
        said += [lines.service_only(record.request_id) for record in skipped]
        said.append(lines.after_filter(len(passed)))
        return Reading(gone, tuple(said))

    def decide(
        self,
        now: float,
        behaviour: PcmBehaviour,
        rng: Chance,
        *,
        polling_interval_s: float = 3600.0,
        only_expiry: bool = False,
    ) -> Decisions:
        """What is to be shown, run and reported as expired at `now`. Remembers what it decided, so
        nothing is decided twice.

        A due record stays due until `executed` says that it ran: a client that could not connect
        tries at the next poll. `only_expiry` looks at no other date (Q163488).
        """
        shown: list[WorkstationInstruction] = []
        due: list[WorkstationInstruction] = []
        expired: list[WorkstationInstruction] = []
        for record in self.records:
            request = record.request_id
            state = self.history.get(request)
            if state is HistoryState.EXPIRED:
                continue
            if is_expired(record, now) and not (
                behaviour.runs_newly_found_expired and state is None
            ):
                self._remember(request, HistoryState.EXPIRED)
                expired.append(record)
                continue
            if only_expiry or not is_offered(record, now):
                continue
            if state is None:
                self._remember(request, HistoryState.NEW)
                if is_shown(record, now):
                    shown.append(record)
            if self._runs_by_itself(record, state, now, behaviour, polling_interval_s):
                due.append(record)
        due.sort(key=lambda record: (due_at(record) or 0.0, record.request_id))
        if behaviour.arbitrary_mandatory_order:
            rng.shuffle(due)
        said = (lines.NEW_PACKAGES if shown else lines.NO_NEW_PACKAGES,) if self.records else ()
        return Decisions(tuple(shown), tuple(due), tuple(expired), said)

    def _runs_by_itself(
        self,
        record: WorkstationInstruction,
        state: HistoryState | None,
        now: float,
        behaviour: PcmBehaviour,
        interval_s: float,
    ) -> bool:
        # Q174933: from the offer time on
        optional_too = behaviour.is_service and behaviour.service_runs_optional
        wanted = is_due(record, now) or (optional_too and not record.install_by_full)
        if not wanted or state is not HistoryState.EXECUTED:
            return wanted
        # Q166765: polled again before the site has dealt with the status, the service takes the
        # package for one not run yet.
        race_s = behaviour.rerun_when_polled_under_s
        ran_at = (self.executed_at or {}).get(record.request_id)
        return (
            behaviour.is_service
            and interval_s < race_s
            and ran_at is not None
            and now - ran_at < race_s
        )

    # -- what happened
    def executed(self, request_id: str, now: float) -> None:
        """The package has run (well or not). One that expired meanwhile stays expired."""
        if self.history.get(request_id) is not HistoryState.EXPIRED:
            self._remember(request_id, HistoryState.EXECUTED)
        if self.executed_at is None:
            self.executed_at = {}
        self.executed_at.setdefault(request_id, now)

    def _remember(self, request_id: str, state: HistoryState) -> None:
        self.history = {**self.history, request_id: state}

    # -- what there is
    def record(self, request_id: str) -> WorkstationInstruction:
        """The record of one request. Raises `KeyError` if the instruction file does not have it,
        or no longer.
        """
        for record in self.records:
            if record.request_id == request_id:
                return record
        raise KeyError(request_id)

    def may_run(self, request_id: str, now: float) -> bool:
        """Whether a run may start now: the record is there, offered and not expired."""
        try:
            record = self.record(request_id)
        except KeyError:
            return False
        over = self.history.get(request_id) is HistoryState.EXPIRED or is_expired(record, now)
        return is_offered(record, now) and not over

    def folder_of(self, request_id: str, now: float) -> Folder | None:
        """Where the user sees a package; None when it is not in the window (not offered, expired,
        unknown).
        """
        try:
            record = self.record(request_id)
        except KeyError:
            return None
        state = self.history.get(request_id)
        if (
            state is None
            or state is HistoryState.EXPIRED
            or is_expired(record, now)
            or not is_shown(record, now)
        ):
            return None
        return Folder.EXECUTED if state is HistoryState.EXECUTED else Folder.PENDING

    def folder(self, folder: Folder, now: float) -> Records:
        """The packages in one folder, in the order of the instruction file. Executed ones stay
        until they expire (Q191348).
        """
        return tuple(
            record for record in self.records if self.folder_of(record.request_id, now) is folder
        )
