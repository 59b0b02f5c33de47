"""Whether a value fits its type: the rules of `mif.md` section 4, one row a type.

Law: values are judged alone; what they belong to (access, template, row) is the business of
`checks` and `tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from despoolr_core.formats.mif.language.dates import date_flaw
from despoolr_core.formats.mif.language.findings import Mode
from despoolr_core.formats.mif.language.model import (
    Enumeration,
    PathReference,
    Special,
    Type,
    Value,
)
from despoolr_core.formats.mif.language.tokens import byte_count
from despoolr_core.formats.mif.language.words import STRING_KINDS

INTEGER_RANGES: Final[dict[str, tuple[int, int]]] = {
    "INTEGER": (-(2**31), 2**31 - 1),
    "INTEGER64": (-(2**63), 2**63 - 1),
    "COUNTER": (0, 2**32 - 1),
    "COUNTER64": (0, 2**64 - 1),
    "GAUGE": (0, 2**32 - 1),
    "ENUM": (-(2**31), 2**31 - 1),
}
"""Least and greatest value of each integer type; an enum is a signed 32-bit number on the wire."""

SMS_INTEGER: Final = INTEGER_RANGES["INTEGER"]
"""To SMS every integer type is this one (BORES 7B)."""


def value_flaws(  # noqa: C901 - a table by type
    value: Value,
    kind: Type,
    enumeration: Enumeration | None,
    *,
    size: int | None,
    wide: bool,
    mode: Mode,
) -> Iterator[tuple[str, str]]:
    """The rules a value breaks as (rule, text). `size` is the declared or derived byte limit of a
    string type.
    """
    if isinstance(value, Special | PathReference):
        return
    if kind.kind in STRING_KINDS:
        if not isinstance(value, str):
            yield "value-type", f"a number ({value}) where the type is {kind.kind}"
        elif size is not None and (filled := byte_count(value, wide=wide)) > size:
            yield "overlong", f"{filled} bytes in {kind.kind}({size})"
    elif kind.kind == "DATE":
        if not isinstance(value, str):
            yield "value-type", "a DATE is a literal: Time has incorrect format or illegal values"
        elif flaw := date_flaw(value):
            yield "date-form", flaw
    elif isinstance(value, str):
        if kind.kind != "ENUM":
            yield "value-type", f"a literal where the type is {kind.kind}"
        elif enumeration is not None and enumeration.number_of(value) is None:
            yield "enum-member", f"{value!r} is no member of the enumeration"
    else:
        least, greatest = SMS_INTEGER if mode is Mode.SMS else INTEGER_RANGES[kind.kind]
        if not least <= value <= greatest:
            yield "value-range", f"{value} is outside {least}..{greatest}"
