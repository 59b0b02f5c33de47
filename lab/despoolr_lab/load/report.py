"""The page of a load run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from despoolr_lab.load.tally import Second
from despoolr_lab.load.watch import Row


def render_report(summary: Mapping[str, Any], seconds: Mapping[int, Second], rows: Iterable[Row]) -> str:
    """The page."""
    return str(summary["verdict"])
