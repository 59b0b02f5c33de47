"""What an import records about itself: the one writer that was not there when it happened."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, UnsetType

from despoolr_core.records.kinds.fact import Fact


class ImportNote(Fact, frozen=True, kw_only=True):
    """What the sources of an imported run prove, and what they cannot: `text` is a sentence.

    `about` is `source`, `gap`, `damage`, `clock`, `names` or `end`. `source` is the file that it
    is about (empty: all of them), `grade` what that file proves (`A` opens, closes, share modes and
    refusals; `B` no share modes; `C` samples; `D` the waiter only), `system` what wrote it where
    that is a server (`samba`, `windows`).
    """

    KIND: ClassVar = "import.note"
    about: str
    text: str
    source: str = ""
    grade: str = ""
    system: str | UnsetType = UNSET
