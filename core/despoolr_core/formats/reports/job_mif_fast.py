"""The short way for plain job-details MIFs: the Despooler writes 40,000 a night, and the Data
Loader reads them (Q140389).

Law: never of another opinion than `job_mif`. Its own rendering of one report is the pattern: a
report whose texts need no escape and fit their declared lengths is that text with other values, and
such a file is read by the same pattern turned round. Whatever is not so is declined with None.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from despoolr_core.formats.mif.language.dates import parse_date, render_date

PLAIN: Final = r"[\x20\x21\x23-\x5b\x5d-\x7e]"
"""Bytes that stand for themselves in a literal."""
_DATE: Final = r"(\d{14}\.\d{6}[+-]\d{3})"
_NUMBER: Final = r"(0|[1-9]\d{0,8})"
_MARK: Final = "<%d>"


class Pattern:
    """One report's file with its values taken out. `widths` are the declared lengths of its texts,
    in order.

    `sample` was rendered from texts `mark(0)`, `mark(1)`, ..., the time `SAMPLE_TIME` and the event
    `SAMPLE_EVENT`.
    """

    def __init__(self, sample: bytes, widths: tuple[int, ...]) -> None:
        text = sample.decode("ascii").replace("%", "%%")
        regex = re.escape(sample.decode("ascii"))
        for number, width in enumerate(widths):
            text = text.replace(f'"{mark(number)}"', '"%s"', 1)
            shown = re.escape(f'"{mark(number)}"')
            regex = regex.replace(shown, f'"({PLAIN}{{0,{width}}})"', 1)
        time, event = render_date(SAMPLE_TIME), f"VALUE = {SAMPLE_EVENT}\r\n"
        self._text = text.replace(f'"{time}"', '"%s"', 1).replace(event, "VALUE = %d\r\n", 1)
        regex = regex.replace(re.escape(f'"{time}"'), f'"{_DATE}"', 1)
        self._regex = re.compile(
            regex.replace(re.escape(event), rf"VALUE\ =\ {_NUMBER}\r\n", 1), re.ASCII
        )
        # Texts, one after the other and each no longer than declared.
        self._texts = re.compile("\0".join(f"{PLAIN}{{0,{width}}}" for width in widths))

    def render(self, texts: tuple[str, ...], time: float, event: int) -> bytes | None:
        """The file; None if it must be rendered the long way."""
        if not self._texts.fullmatch("\0".join(texts)) or not 0 <= event < 10**9:
            return None
        return (self._text % (*texts, render_date(time), event)).encode("ascii")

    def read(self, data: bytes) -> tuple[tuple[str, ...], float, int] | None:
        """Texts, time and event; None if the file must be read the long way. Raises `MifError`
        for what is not a date.
        """
        match = self._regex.fullmatch(data.decode("latin-1"))  # no byte of it is another's
        if match is None:
            return None
        *texts, date, event = match.groups()
        time = parse_date(date)
        return None if time is None else (tuple(texts), time, int(event))


@cache
def mark(number: int) -> str:
    """What stands in the sample for its n-th text: no other text there looks like it."""
    return _MARK % number


SAMPLE_TIME: Final = 833_785_200.0
SAMPLE_EVENT: Final = 987_654_321
