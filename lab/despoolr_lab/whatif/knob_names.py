"""What knobs are called, as `--knob` names them."""

from __future__ import annotations

from typing import Final

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
