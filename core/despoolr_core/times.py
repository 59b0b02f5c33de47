"""The words a scenario file is written in: spans and moments of time, and the statuses an
expectation may ask for.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_SPAN_UNITS: Final = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SPAN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|min|[smhdw])")


def span_s(text: str) -> float:
    """Seconds of a span such as `2d 4h`. Raises `ValueError` with an example."""
    total, at = 0.0, 0
    for match in _SPAN.finditer(text):
        if match.start() != at:
            break
        total += float(match[1]) * _SPAN_UNITS[match[2]]
        at = match.end()
    if not text.strip() or text[at:].strip():
        raise ValueError(f"{text!r} is not a span of time such as 90m, 2h or 2d 4h")
    return total


def moment_s(text: str, start: float) -> float:
    """Site seconds of a moment: `start` plus a span, or a date and time. Raises `ValueError` with
    an example.
    """
    if text[:1].isdigit() and "-" in text:
        try:
            return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()
        except ValueError:
            raise ValueError(f"{text!r} is not a date and time such as 1996-06-03 09:00") from None
    return start + span_s(text)


def one_of(word: str, words: Iterable[str], what: str) -> None:
    """Raises `ValueError` with the nearest right word."""
    known = [str(w) for w in words]
    if word not in known:
        near = get_close_matches(word, known, 1, 0.4) or [
            k for k in known if k.lower() == word.lower()
        ]
        hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise ValueError(f"there is no {what} {word!r}{hint}")


JOB_STATUSES: Final = (
    "Pending",
    "Active",
    "Retrying",
    "Complete",
    "Failed",
    "Cancelling",
    "Cancelled",
)
ROW_STATUSES: Final = ("None", "Active", "Complete", "Retrying", "Failed", "Canceled")
PACKAGE_STATUSES: Final = ("Not installed", "Success", "Failed", "Complete", "Retrying")
EPISODE_STATES: Final = ("waiting", "resolved", "given up")
