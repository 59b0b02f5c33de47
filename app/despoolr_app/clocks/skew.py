"""Whether two machines' clocks agree: what a server's `Date` says, against this machine's time.

The law: a difference of more than `SKEW_S_MAX` is warned of once, and again only after the clocks
had agreed in between. Site time is counted from a moment all processes know, so clocks that differ
make clients come late, dates wrong and logs useless; nothing is changed because of it. `Date` has
whole seconds, and the way takes a while: less than two seconds say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

SKEW_S_MAX: Final = 60.0
"""Seconds by which two machines' clocks may differ without a word."""
PROMPT_S_MAX: Final = 5.0
"""Seconds that an answer may take if its `Date` is to count."""
LOOK_S: Final = 600.0
"""Seconds between two looks of a site server at the clocks of its servers."""
DATE_SIZE_MAX: Final = 64


def skew_s(date: str, now: float) -> float | None:
    """Seconds by which a server's clock is ahead of `now` (seconds since 1970), by its `Date`; None
    if that tells no time.
    """
    if not date or len(date) > DATE_SIZE_MAX:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError, OSError):
        return None


def told(name: str, skew: float) -> str:
    """A difference between clocks (seconds) as a sentence that says what to do."""
    way = "ahead of" if skew > 0 else "behind"
    return (
        f"the clock of {name} is {abs(skew):,.0f} s {way} this machine's: set both by one time "
        "server (NTP)"
    )


class SkewWatch:
    """Hears what one server's clock says, and warns. `now` is this machine's time."""

    def __init__(self, name: str, warn: Callable[[str], None], now: Callable[[], float]) -> None:
        self._name = name
        self._warn = warn
        self._now = now
        self._has_warned = False
        self.skew_s = 0.0

    def hear(self, date: str) -> None:
        """Take the `Date` of an answer."""
        skew = skew_s(date, self._now())
        if skew is None:
            return
        self.skew_s = skew
        is_apart = abs(skew) > SKEW_S_MAX
        if is_apart and not self._has_warned:
            self._warn(told(self._name, skew))
        self._has_warned = is_apart
