"""The recordings of real servers, what each import of them finds, and how that agrees with the
truth beside them, as far as the format's grade goes.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.share import OpenRefused
from despoolr_core.records.stream import Record, of
from despoolr_core.records.view import Holding, RunView
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.imports.importer import Import, ImportOptions
from despoolr_lab.imports.traces.source import TraceFile
from worlds.support import DATA, leave_out

TRACES = DATA / "traces"
YEAR = 2026
WIRE_S = 0.15
"""How far apart client and server tell the same answer."""
CONTENTION = {
    "STATUS_SHARING_VIOLATION",
    "STATUS_DELETE_PENDING",
    "STATUS_LOCK_NOT_GRANTED",
    "STATUS_FILE_LOCK_CONFLICT",
}


@dataclass
class Found:
    """What an import found."""

    imported: Import
    records: list[Record]
    view: RunView = field(init=False)

    def __post_init__(self) -> None:
        self.view = RunView(self.records)

    @property
    def notes(self) -> str:
        """All sentences about what the sources prove."""
        return "\n".join(note.text for _, note in of(self.records, ImportNote))

    @property
    def refusals(self) -> list[tuple[float, OpenRefused]]:
        return [(record.at, refused) for record, refused in of(self.records, OpenRefused)]

    @property
    def episodes(self) -> list[EpisodeRow]:
        return self.view.ledger.rows(self.view.end)


def imported(paths: Iterable[Path], **wishes: Any) -> Found:
    """Import files and keep the records. A capture needs tshark; without it the test is left
    out.
    """
    import shutil

    files = list(paths)
    if any(".pcap" in file.name for file in files) and shutil.which("tshark") is None:
        leave_out("tshark is not installed; on Debian: apt-get install tshark")
    records: list[Record] = []
    one = Import([TraceFile(file) for file in files], ImportOptions(**({"year": YEAR} | wishes)))
    one.run([records.append])
    return Found(one, records)


@dataclass
class Truth:
    """What really happened in a recording."""

    name: str
    told: dict[str, Any]

    @classmethod
    def of(cls, name: str) -> Truth:
        return cls(name, json.loads((TRACES / name / "truth.json").read_text("utf-8")))

    @property
    def zone(self) -> dt.tzinfo:
        return ZoneInfo(self.told["server"]["timezone_of_logs"])

    def wishes(self) -> dict[str, Any]:
        return {"server": self.told["server"]["name"], "zone": self.zone}

    def file(self, name: str) -> Path:
        return TRACES / self.name / name

    @property
    def opens(self) -> list[dict[str, Any]]:
        opens: list[dict[str, Any]] = self.told["opens"]
        return opens

    @property
    def ends_at(self) -> float:
        return float(self.told["clock"]["end_epoch"])

    def refusals(self, start: float = 0.0, end: float = float("inf")) -> Counter[tuple[str, ...]]:
        """How often whom which file was refused with what, within a span."""
        return Counter(
            (event["machine"], event["path"], event["status"])
            for event in self.told["events"]
            if event.get("status") in CONTENTION and start <= event["t"] <= end
        ) + Counter(
            (event["machine"], event["path"], event["status"])
            for event in self.told["events"]
            if event["op"] == "rename"
            and event.get("status") == "STATUS_ACCESS_DENIED"
            and start <= event["t"] <= end
        )

    def episodes(self) -> set[tuple[str, str, str, int, frozenset[str], bool]]:
        """Each wait: who, on what, doing what, how often, because of whom, and whether it got
        through.
        """
        return {
            (
                told["waiter"]["machine"],
                told["path"],
                told["operation"],
                told["refusals"],
                frozenset(blocker["machine"] for blocker in told["blockers"]),
                told["outcome"] == "resolved",
            )
            for told in self.told["episodes"]
        }


def episodes_of(found: Found) -> set[tuple[str, str, str, int, frozenset[str], bool]]:
    """The waits that an import found, as `Truth.episodes` tells them."""
    return {
        (
            row.machine,
            row.path,
            row.purpose.partition(" ")[0] or "open",
            row.attempt_count,
            frozenset(hold.machine for hold in row.holds),
            row.state == "resolved",
        )
        for row in found.episodes
    }


def refusals_of(found: Found) -> Counter[tuple[str, ...]]:
    """The refusals that an import found, as `Truth.refusals` tells them."""
    return Counter(
        (refused.machine, refused.path, refused.nt_status) for _, refused in found.refusals
    )


@dataclass(frozen=True)
class Proof:
    """What a format proves of an open, beside who opened what and when."""

    tolerance_s: float = WIRE_S
    has_access: bool = True
    has_modes: bool = True
    has_directories: bool = True
    has_durable: bool = True


def unlike(
    truth: Truth, holdings: Iterable[Holding], proof: Proof, start: float = 0.0
) -> list[str]:
    """Where the opens that were found differ from those that there were, after `start`."""
    left = list(holdings)
    wrong = []
    directories = {
        event["handle"]
        for event in truth.told["events"]
        if event["op"] == "open" and "DIRECTORY_FILE" in event.get("options", "").split("|")
    }
    for told in truth.opens:
        if told["from"] < start or (not proof.has_directories and told["handle"] in directories):
            continue
        tolerance = proof.tolerance_s + told.get("uncertainty_s", 0.0)
        same = [
            one
            for one in left
            if (one.machine, fold(one.path)) == (told["machine"], fold(told["path"]))
            and abs(one.opened_at - told["from"]) <= tolerance
        ]
        best = min(same, key=lambda one: abs(one.opened_at - told["from"]), default=None)
        what = f"{told['machine']} {told['path']} {told['from']:.2f}"
        if best is None:
            wrong.append(f"{what} is missing")
            continue
        left.remove(best)
        if proof.has_access and parse_flags(Access, best.access) != int(told["access_mapped"], 16):
            wrong.append(f"{what}: access {best.access}, not {told['access_mapped']}")
        if proof.has_modes:
            modes = parse_flags(ShareMode, "|".join(told["share"]))
            if parse_flags(ShareMode, best.share_mode) != modes:
                wrong.append(f"{what}: share mode {best.share_mode}, not {told['share']}")
        elif best.share_mode:
            wrong.append(f"{what}: share mode {best.share_mode}, which the format does not tell")
        if not proof.has_durable and "ghost_from" in told:
            continue
        wrong += _unlike_end(truth, told, best, tolerance, what)
    return wrong + [f"{one.machine} {one.path} {one.opened_at:.2f} never was" for one in left]


def _unlike_end(
    truth: Truth, told: dict[str, Any], best: Holding, tolerance: float, what: str
) -> list[str]:
    if told["to"] is None:
        is_held = best.closed_at is None or best.closed_at >= truth.ends_at - 1.0
        return [] if is_held else [f"{what}: closed at {best.closed_at:.2f}, and was not"]
    if best.closed_at is None:
        return [f"{what}: never closed"]
    late = best.closed_at - told["to"]
    return [] if abs(late) <= tolerance else [f"{what}: closed {late:.2f} s too late"]
