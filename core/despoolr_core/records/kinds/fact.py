"""What all kinds of records have in common."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Fact(msgspec.Struct, frozen=True, gc=False):
    """What a record says beyond when, who and because of what. `KIND` is its name in
    `records.jsonl`; its fields are the keys of `data` there, in the order of the alphabet. What is
    `UNSET` is left out. A field that has a default is one that older versions did not write.
    """

    KIND: ClassVar[str] = ""


class UnknownFact(Fact, frozen=True, kw_only=True):
    """A kind of a newer version: kept as it is, and passed over by every reader."""

    kind: str
    raw: msgspec.Raw
