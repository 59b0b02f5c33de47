"""A file of faults: tables `[[fault]]` and nothing else, for a run that has no file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from despoolr_core.share.fault_api import FAULTS_MAX
from despoolr_core.times import span_s
from despoolr_lab.breaking.tables import FaultTable
from despoolr_lab.toml.tables import Table
from despoolr_lab.toml.toml_text import ScenarioError, parse_tables, place, read_text


class FaultFile(Table, kw_only=True):
    """All that such a file says."""

    fault: list[FaultTable]


def read_faults(path: Path, lasts_s: float, servers: Sequence[str]) -> Sequence[FaultTable]:
    """The faults of a file, for a run of so many seconds of site time on these servers. Raises
    `ScenarioError` (with the line) or `OSError`.
    """
    text = read_text(path)
    faults = parse_tables(text, FaultFile).fault
    if len(faults) > FAULTS_MAX:
        raise ScenarioError(
            f"{len(faults)} faults are more than {FAULTS_MAX}, which a server has at most",
            *place(["fault", FAULTS_MAX, "at"], text),
        )
    for number, table in enumerate(faults):
        if span_s(table.at) >= lasts_s:
            raise ScenarioError(
                f"{table.at} is after the end of the run",
                *place(["fault", number, "at"], text),
            )
        if table.target and table.target not in servers:
            raise ScenarioError(
                f"there is no server {table.target}; there is {', '.join(servers)}",
                *place(["fault", number, "server"], text),
            )
    return faults
