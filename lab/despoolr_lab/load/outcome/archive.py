"""A load run that was kept, read again: its summary, and the histogram of every measured second.

The law: a directory that is no load run, or one of another version, is a `RunError` that says so
and what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from despoolr_app.runs.directory import LATEST, SUMMARY, RunError, latest
from despoolr_core.rules.plain_json import read_json
from despoolr_lab.load.measure.histogram import Histogram
from despoolr_lab.load.outcome.compare import ComparedRun
from despoolr_lab.load.outcome.results import KIND, SECONDS

_NEEDED: Final = (
    "load",
    "time",
    "seed",
    "valid",
    "interrupted",
    "reasons",
    "verdict",
    "polls",
    "generator",
    "reports",
    "file",
)


def read_kept(text: str, root: Path) -> ComparedRun:
    """A run as a user names it: `latest`, a directory, or the name of one in `root`. Raises
    `RunError`.
    """
    directory = (
        latest(root)
        if text == LATEST
        else next((p for p in (Path(text), root / text) if p.is_dir()), None)
    )
    if directory is None:
        names = sorted(
            (p.parent.name for p in root.glob(f"*/{SECONDS}") if not p.parent.is_symlink()),
            reverse=True,
        )[:3]
        there_are = (
            f"; the newest loads in {root} are {', '.join(names)}"
            if names
            else f"; there are no load runs in {root}"
        )
        raise RunError(f"there is no run {text!r}{there_are}")
    summary = _read(directory / SUMMARY)
    if not isinstance(summary, dict) or summary.get("kind") != KIND:
        raise RunError(f"{directory} is not a load run; make one with `despoolr load`")
    missing = [name for name in _NEEDED if name not in summary]
    if missing:
        raise RunError(
            f"{directory / SUMMARY} has no {missing[0]!r}: it was written by another version, so "
            "run the load again"
        )
    try:
        seconds = [Histogram.from_json(told) for told in _read(directory / SECONDS)]
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{directory / SECONDS} is damaged: run the load again") from None
    return ComparedRun(directory.name, summary, seconds)


def _read(path: Path) -> Any:
    try:
        return read_json(path.read_bytes(), object)
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror}; is it a load run that came to an end?"
        ) from None
    except msgspec.DecodeError:
        raise RunError(f"{path} is damaged: run the load again") from None
