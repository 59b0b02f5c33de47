"""The log files of a finished run: `logs/<SITE>/DESPOOL.LOG` and its like, one file a component,
written from the records.

The law: the records are the one truth, so the files are made of them when the run is over, and
equal records give equal files. A line is as the component printed it; only its layout is the
version's, or the one that was asked for. A run's files are whole where a server's are capped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from despoolr_app.disk.privacy import make_directory
from despoolr_app.runs.directory import RunError
from despoolr_core.formats.tracer import TraceLine
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record, of
from despoolr_server.site.state.context import thread_of
from despoolr_server.site.state.logs import LogFile, file_of

LOGS: Final = "logs"
_LAYOUT: Final = "sms1"


def write_logs(
    directory: Path, records: Iterable[Record], layouts: Mapping[str, str]
) -> list[Path]:
    """Write the files below `directory/logs`; `layouts` names each site's layout. Returns their
    paths, sorted. Raises `RunError`.
    """
    lines: dict[tuple[str, str], list[TraceLine]] = {}
    for record, said in of(records, LineLogged):
        line = TraceLine(said.text, said.component, record.at, thread_of(said.component))
        lines.setdefault((record.actor.partition("/")[0], said.component), []).append(line)
    written = []
    for (site, component), found in sorted(lines.items()):
        path = directory / LOGS / site / file_of(component)
        try:
            make_directory(path.parent)
            LogFile(path, layouts.get(site, _LAYOUT)).append(found)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from None
        written.append(path)
    return written
