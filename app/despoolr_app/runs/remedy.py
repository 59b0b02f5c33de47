"""What would have fixed it, as `despoolr whatif` left it beside its run.

The law: who quotes it asks nobody anew and judges nothing; a file that is not there, or is no
ladder, is no remedy.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from despoolr_app.disk.plain_file import read_plain
from despoolr_core.records.whatif.ladder import FILE, Ladder
from despoolr_core.rules.plain_json import read_json


def kept_ladder(run: Path) -> Ladder | None:
    """The whole answer; None where nothing was asked of this run."""
    try:
        return read_json(read_plain(run / FILE), Ladder)
    except (OSError, msgspec.MsgspecError):
        return None


def kept_remedy(run: Path) -> str:
    """The answer in one sentence; empty where nothing was asked of this run."""
    ladder = kept_ladder(run)
    return ladder.sentence if ladder is not None else ""
