"""A share, watched: what its samples and its log tell becomes a run that grows.

The law: after each look all that is known stands in the run, so that a kill loses no more than what
waits to be put in order. The run is as large as its bound at most, twice; when old records go, the
opens that they told of and that are held still are told again. What the looks cost, and which of
them failed, is said at the end, and a failure also when it begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET

from despoolr_app.runs.directory import RecordFile
from despoolr_core.phrases import counted, how_often
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.stream import Listener
from despoolr_core.times import moment, span
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.trace_recorder import TraceRecorder
from despoolr_lab.imports.importer import GRADES
from despoolr_lab.imports.live.arrivals import Arrivals
from despoolr_lab.imports.live.blend import LOG, SAMPLES, Blend
from despoolr_lab.imports.live.status import StatusLooks
from despoolr_lab.imports.live.tail import LogTail
from despoolr_lab.imports.samba.audit import AuditReader, tells_creates
from despoolr_lab.imports.samba.status_json import GAP as STATUS_GAP
from despoolr_lab.imports.samba.window import HELD_S
from despoolr_lab.imports.traces.samples import OpenSample, Sampler
from despoolr_lab.imports.traces.seen import Seen
from despoolr_lab.imports.traces.source import TraceFile

IDLE_S: Final = 0.5
"""A log that has told nothing for so long has told all that explains its last lines."""


class Watch:
    """A share that is watched: `look` again and again, then `end`."""

    def __init__(
        self,
        server: str,
        names: Names,
        run: RecordFile,
        listeners: Iterable[Listener],
        *,
        every_s: float,
        status: StatusLooks | None = None,
        arrivals: Arrivals | None = None,
        log: tuple[LogTail, TraceFile] | None = None,
    ) -> None:
        """`log` is followed from its end; its `TraceFile` says the zone of its times."""
        self._status, self._arrivals = status, arrivals
        self._tail = log[0] if log else None
        self._reader = AuditReader(log[1]) if log else None
        if self._reader is not None and log is not None:
            self._reader.has_creates = tells_creates(log[1])
        if self._reader is not None and status is not None:
            self._reader.roots = status.roots  # they tell where the shares lie
        self._source = log[1] if log else None
        self._run = run
        self.recorder = TraceRecorder(server, names, [run, *listeners])
        self.recorder.part_now = lambda: run.rotation_count
        delay_s = every_s + HELD_S + IDLE_S if log and (status or arrivals) else 0.0
        self._blend = Blend(names, delay_s)
        self._sampler = Sampler(is_live=arrivals is not None)
        self._set_back_s = 0.0
        self._every_s = every_s
        self._has_begun = False
        self._line_count = 0
        self._heard_at = 0.0
        self._is_failing = False
        self._part = 0

    @property
    def grade(self) -> str:
        """What the run proves, by its best source."""
        return "B" if self._tail is not None else "C"

    def look(self, now: float, set_back_s: float = 0.0) -> None:
        """Look once, and write down what is known now. `set_back_s`: how far this machine's clock
        was set back so far; `now` is as if it had not been. Raises `ImportFailed`.
        """
        if set_back_s > self._set_back_s:
            self._note_clock(now, set_back_s - self._set_back_s)
        self._set_back_s = set_back_s
        for sample in self._samples():
            for fact in self._sampler.take(sample):
                self._blend.push(SAMPLES, fact)
        for fact in self._logged(now):
            fact.at += set_back_s
            self._blend.push(LOG, fact)
        if not self._has_begun:
            self._begin(now)
        for source, fact in self._blend.ready(now):
            self.recorder.take(source, fact)
        self._say_failures()
        self._retell()
        self._run.flush()

    def end(self) -> None:
        """Write down what waits, what could not be known, and the end."""
        if not self._has_begun:
            return
        if self._reader is not None:
            for fact in (*self._reader.rest(), *self._reader.gaps()):
                fact.at += self._set_back_s
                self._blend.push(LOG, fact)
        for source, fact in self._blend.rest():
            self.recorder.take(source, fact)
        self.recorder.end([ImportNote(about="gap", text=text) for text in self._told()])
        self._run.flush()

    def costs(self) -> str:
        """What the looks took, in a sentence; empty where nobody was asked."""
        status = self._status
        if status is None or not status.count:
            return ""
        each_s = status.taken_s / status.count
        return (
            f"smbstatus was asked {how_often(status.count)}, {each_s * 1000:.0f} ms each: "
            f"{100 * each_s / max(self._every_s, each_s):.0f} % of the time"
        )

    # -- parts of a look

    def _note_clock(self, now: float, by_s: float) -> None:
        if self._reader is not None:
            for fact in self._reader.rest():  # lines of the clock that was
                fact.at += self._set_back_s
                self._blend.push(LOG, fact)
        self.recorder.notes.add(
            "clock",
            f"this machine's clock was set back by {span(by_s)}: what happens from "
            f"{moment(now, seconds=True)} on is told as if it had not been",
        )

    def _samples(self) -> list[OpenSample]:
        if self._status is not None:
            sample = self._status.look()
            if sample is not None and self._set_back_s:
                sample.at += self._set_back_s
                for row in sample.rows:  # those that are known already are not told again
                    row.opened_at = row.opened_at and row.opened_at + self._set_back_s
            return [sample] if sample is not None else []
        return self._arrivals.samples() if self._arrivals is not None else []

    def _logged(self, now: float) -> Iterator[Seen]:
        if self._tail is None or self._reader is None:
            return
        lines = self._tail.lines()
        for text in lines:
            self._line_count += 1
            yield from self._reader.take(self._line_count, text)
        if lines:
            self._heard_at = now
        elif now - self._heard_at >= IDLE_S:
            yield from self._reader.rest()

    def _begin(self, now: float) -> None:
        self._has_begun = True
        gaps = [ImportNote(about="gap", text=text) for text in self._gaps()]
        self.recorder.start(min(now, self._blend.first_at), [*self._sources(), *gaps])

    def _sources(self) -> Iterable[ImportNote]:
        if self._status is not None:
            yield _source("smbstatus -j", "C", f"asked every {span(self._every_s)}", "samba")
        if self._arrivals is not None:
            yield _source("files that come in", "C", "read as they come", "")
        if self._tail is not None:
            yield _source(self._source_name, "B", "followed from its end", "samba")

    def _gaps(self) -> Iterable[str]:
        """What cannot be known, said at the beginning: the run is read while it goes."""
        if self._status is not None:
            yield (
                f"sampled every {span(self._every_s)}: what is open for a shorter time may be "
                "missing, and an end is known as between two samples"
            )
            yield STATUS_GAP
        if self._tail is None:
            yield "refusals are not in samples: nobody who waits is in this run"
        else:
            yield (
                "share modes are not in full_audit's lines: those of an open that no sample saw "
                "are unknown"
            )
        if self._blend.delay_s:
            yield (
                f"what happens is told {span(self._blend.delay_s)} later: the log and the samples "
                "are put in one order"
            )

    @property
    def _source_name(self) -> str:
        return self._source.name if self._source is not None else ""

    def _say_failures(self) -> None:
        status = self._status
        if status is None:
            return
        is_failing = bool(status.failed_count) and status.count == status.last_failed
        if is_failing and not self._is_failing:
            why = "" if self.recorder.names.is_hidden else f" ({status.failure})"
            self.recorder.notes.add("gap", f"a look failed{why}: what was open then is unknown")
        self._is_failing = is_failing

    def _retell(self) -> None:
        """Once old records have gone, tell again what is open since then."""
        part = self._run.rotation_count
        if part != self._part:
            self._part = part
            if part > 1:  # the part before this one is kept
                self.recorder.tell_again(part - 1, list(self._sources()))

    def _told(self) -> Iterable[str]:
        status, tail, source = self._status, self._tail, self._source
        if costs := self.costs():
            yield costs
        if status is not None and status.failed_count:
            last = "" if self.recorder.names.is_hidden else f", the last: {status.failure}"
            yield f"{counted(status.failed_count, 'look')} failed{last}"
        if tail is not None and tail.rotation_count:
            yield f"the log was rotated {how_often(tail.rotation_count)}, and followed"
        if tail is not None and tail.cut_count:
            yield f"the log was cut {how_often(tail.cut_count)}: lines before a cut may be missing"
        if source is not None and source.damage_count:
            yield source.damage
        if self._arrivals is not None:
            yield from self._arrivals.gaps
            if self._arrivals.unread_count:
                last = "" if self.recorder.names.is_hidden else f": {self._arrivals.failure}"
                yield f"no samples: {counted(self._arrivals.unread_count, 'file')}{last}"


def _source(name: str, grade: str, how: str, system: str) -> ImportNote:
    return ImportNote(
        about="source",
        text=f"{name}, {how}, is of grade {grade}: {GRADES[grade]}",
        source=name,
        grade=grade,
        system=system or UNSET,
    )
