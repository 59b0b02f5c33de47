"""A run as one log for CMTrace and its kin: what the components logged and what the shares decided,
in the order in which it happened.

The law: a refusal is a line of the type that CMTrace shows red, everything else is information. A
line of a service is as its own log has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from despoolr_core.formats.tracer import ERROR, INFORMATION, TraceLine, render_cmtrace
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record
from despoolr_lab.export.tables import unc


def cmtrace(records: Iterable[Record]) -> Iterator[bytes]:
    """The lines of the log."""
    for record in records:
        told = _TELLERS.get(type(record.data))
        if told is not None:
            line = render_cmtrace(told(record, record.data))
            yield line.encode("utf-8", "replace") + b"\r\n"


def _logged(record: Record, said: LineLogged) -> TraceLine:
    return TraceLine(said.text, said.component, record.at)


def _granted(record: Record, fact: OpenGranted) -> TraceLine:
    modes = f"access {fact.access or '?'}, sharing {fact.share_mode or '?'}"
    text = f"{_who(fact)} opened {_file(fact)}: {modes} ({fact.open})"
    return TraceLine(text, f"share {fact.server}", record.at, kind=INFORMATION)


def _closed(record: Record, fact: OpenClosed) -> TraceLine:
    text = f"{fact.machine}: {_file(fact)} is closed, {fact.reason} ({fact.open})"
    return TraceLine(text, f"share {fact.server}", record.at, kind=INFORMATION)


def _refused(record: Record, fact: OpenRefused) -> TraceLine:
    holders = "; ".join(f"{_who(b)} ({b.open}) holds it" for b in fact.blockers[:3])
    why = f"{fact.nt_status}, Win32 {fact.win32}"
    text = f"{_who(fact)} was refused {_file(fact)}: {why}" + (f". {holders}" if holders else "")
    return TraceLine(text, f"share {fact.server}", record.at, kind=ERROR)


def _who(fact: Any) -> str:
    return f"{fact.program or 'a program'} on {fact.machine or 'an unknown machine'}"


def _file(fact: Any) -> str:
    return unc(fact.server, fact.share, fact.path)


_TELLERS: Final[dict[type[Fact], Callable[[Record, Any], TraceLine]]] = {
    LineLogged: _logged,
    OpenGranted: _granted,
    OpenClosed: _closed,
    OpenRefused: _refused,
}
