"""What knobs are called, as `--knob` names them, and what values they take."""

from __future__ import annotations

import re
from typing import Final

from despoolr_core.articles import article_of
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.share.modes import ShareMode, parse_flags
from despoolr_core.suggest import one_of
from despoolr_core.times import span_s

STRATEGY: Final = "copy_strategy"
FORCED: Final = "forced_disconnect"
INTERVAL: Final = "retry_interval"
PATIENCE: Final = "attempts"
VERSION: Final = "version"
FIX: Final = "fix"
IDLE: Final = "closes_when_idle"
SHARING: Final = "shares"
LOCAL: Final = "local_copy"
MARKER: Final = "marker"
REAPER: Final = "reaper"
ASKED: Final = "asked_to_close"
WINDOW: Final = "window"
MENDED: Final = "mended"
EXPIRES: Final = "expires"
NOIDMIF: Final = "noidmif"
KNOBS: Final = {
    MENDED: "something that the scenario breaks stays whole: a link, a disk, a service",
    STRATEGY: "how the Despooler replaces files",
    FORCED: "forced disconnect after N retries",
    INTERVAL: "the site's Response, which sets the retry interval",
    PATIENCE: "attempts before the Despooler gives up",
    VERSION: "another SMS version of a site",
    FIX: "the fix of one article at a site",
    IDLE: "a holder closes its file after N minutes",
    SHARING: "a holder shares more",
    LOCAL: "a holder works on a copy of its own",
    MARKER: "a share of the clients opens nothing of a package while its update waits",
    REAPER: "servers close what a client has had open for N hours",
    ASKED: "one holder is asked to close its file",
    WINDOW: "the update is sent in another hour",
    EXPIRES: "a job expires later, or never",
    NOIDMIF: "workstations report by a NOIDMIF as well",
}
"""Every knob, as `--knob` names it."""
HOUR_MAX: Final = 23
DIGITS_MAX: Final = 7
_SHARE: Final = re.compile(r"0\.[0-9]{1,3}|1|1\.0")


def check_value(knob: str, value: str) -> None:
    """Raises `ValueError` for a value that a knob cannot have, and for one of a knob that takes
    none.
    """
    if knob == STRATEGY:
        one_of(value, sorted(COPY_STRATEGIES), "copy strategy")
    elif knob in (FORCED, IDLE, REAPER, WINDOW, MARKER):
        _check_number(knob, value)
    elif knob == INTERVAL:
        one_of(value, list(Response), "Response")
    elif knob == VERSION:
        profile_of(value)
    elif knob == FIX:
        article_of(value)
    elif knob == SHARING:
        parse_flags(ShareMode, value)
    elif knob == EXPIRES:
        if value not in ("never", "twice as late"):
            span_s(value)
    else:
        raise ValueError(f"the knob {knob} takes no values")


def _check_number(knob: str, value: str) -> None:
    number = int(value) if value.isdecimal() and len(value) < DIGITS_MAX else -1
    least = 1 if knob in (IDLE, REAPER) else 0
    what = f"a number from {least} on"
    is_right = number >= least
    if knob == WINDOW:
        what, is_right = "an hour of the day", 0 <= number <= HOUR_MAX
    elif knob == MARKER:
        what = "a share of the clients such as 0.5"
        is_right = bool(_SHARE.fullmatch(value)) and float(value) > 0
    if not is_right:
        raise ValueError(f"{knob} takes {what}, not {value!r}")
