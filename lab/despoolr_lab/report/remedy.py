"""What would have fixed it, as a what-if left it beside its run: `whatif.json`, written by
`despoolr whatif`.

The law: the report asks nobody anew and judges nothing; a file that is not there, or is not of this
form, is no remedy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.disk.plain_file import read_plain

FILE: Final = "whatif.json"


class _Answer(msgspec.Struct):
    """What a report quotes of the file."""

    sentence: str


def kept_remedy(run: Path) -> str:
    """The answer in one sentence; empty where nothing was asked of this run."""
    try:
        return msgspec.json.decode(read_plain(run / FILE), type=_Answer).sentence
    except (OSError, msgspec.MsgspecError):
        return ""
