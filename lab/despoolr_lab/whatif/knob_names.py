"""What knobs are called, as `--knob` names them, and what values they take."""

from __future__ import annotations

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
EXPIRES: Final = "expires"
NOIDMIF: Final = "noidmif"
KNOBS: Final = {
    STRATEGY: "how the Despooler replaces files",
    FORCED: "forced disconnect after N retries",
    INTERVAL: "the site's Response, which sets the retry interval",
    PATIENCE: "attempts before the Despooler gives up",
    VERSION: "another SMS version of a site",
    FIX: "the fix of one article at a site",
    IDLE: "a holder closes its file after N minutes",
    SHARING: "a holder shares more",
    LOCAL: "a holder works on a copy of its own",
    MARKER: "clients open nothing of a package while its update waits",
    REAPER: "servers close what a client has had open for N hours",
    ASKED: "one holder is asked to close its file",
    WINDOW: "the update is sent in another hour",
    EXPIRES: "a job expires later, or never",
    NOIDMIF: "workstations report by a NOIDMIF as well",
}
"""Every knob, as `--knob` names it."""
HOUR_MAX: Final = 23
DIGITS_MAX: Final = 7


def check_value(knob: str, value: str) -> None:
    """Raises `ValueError` for a value that a knob cannot have, and for one of a knob that takes
    none.
    """
    if knob == STRATEGY:
        one_of(value, sorted(COPY_STRATEGIES), "copy strategy")
    elif knob in (FORCED, IDLE, WINDOW):
        number = int(value) if value.isdecimal() and len(value) < DIGITS_MAX else -1
        if number < 0 or (knob == WINDOW and number > HOUR_MAX):
            what = "an hour of the day" if knob == WINDOW else "a number"
            raise ValueError(f"{knob} takes {what}, not {value!r}")
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
