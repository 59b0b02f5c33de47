"""What must hold of the files in boxes, read from the records alone.

The law: what a service takes out of a box it has passed on before; an instruction is executed once
each time it is written; what services and clients wrote themselves, nobody sets aside as bad; and
what is set aside is there for somebody to read. A scenario in which a person puts files there, or a
program writes bad ones, is asked less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import InstructionExecuted, MifLoaded, MifRefused
from despoolr_core.records.stream import Record
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.share_rules import QUIET_STEPS
from despoolr_server.site.state import boxes
from despoolr_server.site.state.quarantine import NAME_MAX

TAKEN_TOO_EARLY: Final = "a file that went before it was passed on"
EXECUTED_TWICE: Final = "an instruction executed twice"
GOOD_REFUSED: Final = "a good file set aside"
NOT_KEPT: Final = "a bad file that is not kept"
TOLD_TWICE: Final = "a report written twice"
COUNTED_ALREADY: Final = "counted already"
LOADER: Final = "SMS_INVENTORY_DATA_LOADER"
MAINTENANCE: Final = "SMS_MAINTENANCE_MANAGER"
DESPOOLER: Final = "SMS_DESPOOLER"
REASON: Final = ".TXT"
"""How the name of the text ends that lies beside it."""
_MIFS: Final = fold(boxes.DELTA_MIFS)
_BAD_MIFS: Final = fold(boxes.BAD_MIFS)
_BAD_INSTRUCTIONS: Final = fold(boxes.BAD_INSTRUCTIONS)
_ROOT: Final = fold(boxes.ROOT_SHARE)
_SITE: Final = fold(boxes.SITE_SHARE)
_LOGON: Final = fold(boxes.LOGON_SHARE)
_COLLECTED: Final = (fold(boxes.LOGON_DESPOOLER), fold(boxes.LOGON_INVENTORY))

Place = tuple[str, str, str]
"""Server, share and path of a file, as names are compared."""


@dataclass(slots=True)
class BoxRules:
    """The fold: feed it all records in order. `servers` are the site servers, to the codes of their
    sites. `is_clean`: whatever is in a box, a service or a client made it, and made it well.
    """

    servers: Mapping[str, str]
    is_clean: bool = True
    _written: dict[Place, int] = field(default_factory=dict)
    """File to the record of its last coming."""
    _last_mif: dict[str, int] = field(default_factory=dict)
    """Site server to when its Despooler last wrote a MIF."""
    _told: dict[tuple[str, str], int] = field(default_factory=dict)
    """Site and MIF to the record in which its Data Loader told of it."""
    _came: dict[str, int] = field(default_factory=dict)
    """Name of a file that a site server got, or set aside, to when."""
    _executed: dict[tuple[str, str], int] = field(default_factory=dict)
    _gone: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """A report that a Despooler took away: since when it lay there, and the last MIF before it
    went.
    """
    _is_disturbed: bool = False

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        fact = record.data
        if isinstance(fact, FileWritten):
            self._comes(record, fact.server, fact.share, fact.path, fact.program)
        elif isinstance(fact, FileRenamed):
            self._comes(record, fact.server, fact.share, fact.new_path, fact.program)
        elif isinstance(fact, FileDeleted):
            yield from self._goes(record, fact)
        elif isinstance(fact, MifLoaded | MifRefused):
            self._told[record.actor.partition("/")[0], fold(fact.file)] = record.seq
            if isinstance(fact, MifRefused):
                yield from self._refused(record, fact)
        elif isinstance(fact, InstructionExecuted):
            yield from self._is_executed(record, fact)
        elif isinstance(fact, StepTaken) and fact.do not in QUIET_STEPS:
            self._is_disturbed = True

    def _comes(self, record: Record, server: str, share: str, path: str, program: str) -> None:
        place = (fold(server), fold(share), fold(path))
        self._written[place] = record.seq
        if fold(server) in self.servers:
            directory, _, name = place[2].rpartition("/")
            self._came[name] = record.seq
            if directory == _MIFS and program == DESPOOLER:
                self._last_mif[place[0]] = record.seq

    def _goes(self, record: Record, gone: FileDeleted) -> Iterator[Breach]:
        place = (fold(gone.server), fold(gone.share), fold(gone.path))
        since = self._written.pop(place, 0)
        if not since:
            return
        directory, _, name = place[2].rpartition("/")
        if gone.program.startswith("SMS_") and directory in (_BAD_MIFS, _BAD_INSTRUCTIONS):
            text = f"{gone.program} deleted {gone.path} of {gone.server}"
            yield Breach(NOT_KEPT, text, record.at, record.seq, "", gone.program)
        if gone.program == LOADER and place[1] == _ROOT and directory == _MIFS:
            site = self.servers.get(place[0], "")
            told = self._told.get((site, name), 0)
            aside = self._written.get((place[0], _ROOT, f"{_BAD_MIFS}/{name}"), 0)
            if site and max(told, aside) < since:
                yield self._too_early(record, gone, "was neither counted nor set aside")
        elif gone.program == MAINTENANCE and place[1] == _LOGON and directory in _COLLECTED:
            # a report whose answer got lost comes a second time, and may lie there still
            lies = any((server, _SITE, name) in self._written for server in self.servers)
            if self._came.get(name, 0) < since and not lies:
                yield self._too_early(record, gone, "had not come to the site server")
        elif gone.program == DESPOOLER and place[1] == _SITE and not directory:
            self._gone[place] = since, self._last_mif.get(place[0], 0)

    def _too_early(self, record: Record, gone: FileDeleted, text: str) -> Breach:
        text = f"{gone.program} took {gone.path} out of {gone.share} of {gone.server}: it {text}"
        return Breach(TAKEN_TOO_EARLY, text, record.at, record.seq, "", gone.program)

    def _is_executed(self, record: Record, executed: InstructionExecuted) -> Iterator[Breach]:
        site = record.actor.partition("/")[0]
        server = next((one for one, code in self.servers.items() if code == site), "")
        place = (server, _SITE, fold(executed.file))
        if not server:
            return
        if not executed.type:
            yield from self._is_kept(record, place[0], executed.file, _BAD_INSTRUCTIONS)
            if self.is_clean:
                text = f"{executed.file}: {executed.result}"
                yield Breach(GOOD_REFUSED, text, record.at, record.seq, "", DESPOOLER)
            return
        since, last_mif = self._gone.pop(place, (0, 0))
        came = max(since, self._written.get(place, 0))
        before = self._executed.get((site, place[2]), 0)
        if place in self._written:  # its retry took its name
            self._executed.pop((site, place[2]), None)
        else:
            self._executed[site, place[2]] = record.seq
        if before and came < before:
            text = f"{executed.file} was executed, and is executed again: {executed.result}"
            yield Breach(EXECUTED_TWICE, text, record.at, record.seq, "", DESPOOLER)
        if executed.type == WIREMOVE and since and last_mif < since and _counts(executed.result):
            text = (
                f"the Despooler took the report {executed.file} away, and had written no MIF of it"
            )
            yield Breach(TAKEN_TOO_EARLY, text, record.at, record.seq, "", DESPOOLER)

    def _refused(self, record: Record, refused: MifRefused) -> Iterator[Breach]:
        program = record.actor.partition("/")[2]
        text = f"{refused.file}: {refused.reason}"
        if COUNTED_ALREADY in refused.reason:
            if not self._is_disturbed:
                yield Breach(TOLD_TWICE, text, record.at, record.seq, "", program)
            return
        site = record.actor.partition("/")[0]
        server = next((one for one, code in self.servers.items() if code == site), "")
        if server:
            yield from self._is_kept(record, server, refused.file, _BAD_MIFS)
        if self.is_clean:
            yield Breach(GOOD_REFUSED, text, record.at, record.seq, "", program)

    def _is_kept(self, record: Record, server: str, file: str, box: str) -> Iterator[Breach]:
        """What is set aside lies in its box, under its name or one that begins like it."""
        begin = f"{box}/{fold(file[:NAME_MAX]).rpartition('.')[0]}"
        kept = (path for at, share, path in self._written if (at, share) == (server, _ROOT))
        if not any(path.startswith(begin) and not path.endswith(REASON) for path in kept):
            program = record.actor.partition("/")[2]
            text = f"{file} was set aside as bad, and is not in {box} of {server}"
            yield Breach(NOT_KEPT, text, record.at, record.seq, "", program)


def _counts(result: str) -> bool:
    """Whether a client's report comes to a MIF."""
    return not result.startswith(("38a", "expired: the last"))
