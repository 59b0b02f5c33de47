"""Events of the NT application log (source `SMS`), and the texts an administrator sees.

Three layouts are in the archive: an error (`Non-fatal Error in module: ...`, Q168510), an
information (`Information from module: ...`, Q129125, Q153826), and a job's event, which has no
heading and ends with five lines, `MachineName` to `JobDestination` (Q166833). Which text belongs to
which code is in `despoolr_core.formats.nt_event_texts`.

CONFLICT: Q153657 prints the source as `SMS_Scheduler`; ours is `SMS` (Q137209), and the component
is a line of the text. An event is written for people and never read back from its text; its record
is this struct.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

LINES_BEGIN = "\nMachineName = "
"""Where the lines below a job's event begin."""


class EventSeverity(StrEnum):
    """How bad it is, in the words of the heading. `Non-fatal Error` and `Information` are attested,
    the others ours.
    """

    INFORMATION = "Information"
    WARNING = "Warning"
    ERROR = "Non-fatal Error"
    FATAL = "Fatal Error"


class NtEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `at` in site seconds; `text` is the finished sentence, with the lines that stand
    below it (see `without_lines`); `component` e.g. `SMS_DESPOOLER`.

    `insertions` are named values in order: `MachineName`, `SiteCode`, `Component`, `JobID` and
    `JobDestination` for a job's event.
    """

    at: float
    code: int
    component: str
    severity: EventSeverity
    machine: str
    site_code: str
    text: str
    insertions: tuple[tuple[str, str], ...] = ()

    def insertion(self, name: str) -> str:
        """The value of a named insertion, or an empty text."""
        return next((value for key, value in self.insertions if key == name), "")


def without_lines(text: str) -> str:
    """An event's text without the five lines below it: what they say has columns of its own in a
    table.
    """
    return text.rpartition(LINES_BEGIN)[0] or text
