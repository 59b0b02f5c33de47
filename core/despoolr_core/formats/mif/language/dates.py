"""MIF's DATE: 25 characters, `yyyymmddHHMMSS.uuuuuu+ooo`, where `ooo` is minutes east (+) or west
(-) of UTC.

Law (IBM 015): zero-padded; a field nobody knows is `*` in every character; an empty literal stands
for no date. Site time has no zone (SMS 1.x has none in its files), so what is rendered here ends in
`+000`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.rules.memory import remembered

DATE_LENGTH: Final = 25
EMPTY_DATE: Final = "00000000000000.000000+000"
"""What REF makes of `""` (in ComponentID's Installation: the time of the install)."""

_FORM: Final = re.compile(
    r"(\d{4}|\*{4})(\d\d|\*\*)(\d\d|\*\*)(\d\d|\*\*)(\d\d|\*\*)(\d\d|\*\*)\.(\d{6}|\*{6})([+-])(\d{3}|\*{3})",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def date_flaw(text: str) -> str | None:
    """Why REF refuses a DATE, or None. It looks at the form only: no field has a range."""
    if text == "" or _FORM.fullmatch(text):
        return None
    if len(text) != DATE_LENGTH:
        return f"a DATE has 25 characters, this one {len(text)}"
    return "a DATE is yyyymmddHHMMSS.uuuuuu+ooo, each field all digits or all *"


def date_year(text: str) -> int | None:
    """The year of a well-formed DATE; None for `****`, zeros, an empty or a malformed one."""
    match = _FORM.fullmatch(text)
    return int(match[1]) or None if match and match[1] != "****" else None


@lru_cache(maxsize=64)  # the reports of a round have one time
def render_date(at: float) -> str:
    """A point of site time (seconds since 1970) as a DATE with offset +000, to the microsecond."""
    moment = _EPOCH + timedelta(microseconds=round(at * 1_000_000))
    return (
        f"{moment.year:04}{moment.month:02}{moment.day:02}{moment.hour:02}{moment.minute:02}{moment.second:02}"
        f".{moment.microsecond:06}+000"
    )


@remembered(64, DATE_LENGTH, len)
def parse_date(text: str) -> float | None:
    """Seconds since 1970 of a DATE; unknown microseconds and offset count as 0.

    None for an empty or all-zero date and for one with an unknown larger field. Raises `MifError`
    for a malformed or impossible one.
    """
    flaw = date_flaw(text)
    if flaw:
        raise MifError(flaw, rule="date-form", source="IBM 015")
    if text in ("", EMPTY_DATE) or "*" in text[:14]:
        return None
    known = text.replace("*", "0")
    try:
        moment = datetime(
            *(int(known[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))),  # type: ignore[misc, arg-type]
            tzinfo=UTC,
        )
    except ValueError as error:
        raise MifError(
            f"no such date: {text} ({error})", rule="date-form", source="IBM 015"
        ) from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - int(known[21:25]) * 60
    return (seconds * 1_000_000 + int(known[15:21])) / 1_000_000
