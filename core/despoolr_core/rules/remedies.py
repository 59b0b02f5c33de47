"""What can be done about an update that open files stop: ways to copy, and what each asks of those
who have a file open.

The law: a remedy works because the sharing rule lets it, never beside it. `despoolr_server` has the
code of each strategy under its name here; who wants to know whether one could have got past a
holder asks `could_pass`. Access and share modes are in the letters of `rules.conflict`: READ 1,
WRITE 2, DELETE 4.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import msgspec

from despoolr_core.rules.conflict import conflicts

_READ, _WRITE, _DELETE = 1, 2, 4
_ALL: Final = _READ | _WRITE | _DELETE


class Cost(StrEnum):
    """What a remedy costs those who would have to use it, the cheapest first."""

    SETTING = "setting"
    HABIT = "operating habit"
    PACKAGING = "packaging change"
    CLIENT = "client change"
    FORCE = "force"


class CopyStrategy(msgspec.Struct, frozen=True):
    """One value of `copy_strategy`. `is_ours`: it never shipped.

    On a file that somebody holds it asks for an open that `wants` and `shares` so much; it needs
    nothing if it does not touch files in use. `yields_to_any`: what it does then fails while
    anybody has the file open, whatever that open shares. `needs_all_at_once`: it touches nothing
    before it could get past the holders of every file at one moment. `retries_at_close`: it is
    tried again in the round after a file that stopped it was closed, not one interval later.
    `sets_marker`: those who honour a marker open nothing while it waits. `waits_for_restart`: what
    is in use is replaced when its server starts the next time, and reported as done before.
    """

    name: str
    says: str
    cost: Cost
    wants: int = 0
    shares: int = _ALL
    is_ours: bool = True
    yields_to_any: bool = False
    needs_all_at_once: bool = False
    retries_at_close: bool = False
    sets_marker: bool = False
    waits_for_restart: bool = False
    passes_on_samba: bool = False
    """Samba 4.17 looks for opens of a rename's target among those of the same connection only, so
    it replaces a file that another client has open, whatever that open shares."""

    def could_pass(self, held_wanted: int, held_shared: int) -> bool:
        """Whether it gets past a holder with this access and share mode."""
        return not (
            self.yields_to_any or conflicts(self.wants, self.shares, held_wanted, held_shared)
        )

    @property
    def writes_in_place(self) -> bool:
        """Whether it writes into the file that somebody has open, and so into the ranges that are
        locked there.
        """
        return bool(self.wants & _WRITE)

    @property
    def needs(self) -> str:
        """What must be so for it to get past a holder, in words; empty for nothing."""
        if self.waits_for_restart:
            return "the server is started again"
        if self.yields_to_any or (self.wants and not self.shares):
            return "nobody has the file open"
        words = ((_WRITE, "WRITE"), (_DELETE, "DELETE"))
        wanted = "|".join(word for bit, word in words if self.wants & bit)
        return f"every holder shares {wanted}" if wanted else ""


COPY_STRATEGIES: Final[dict[str, CopyStrategy]] = {
    one.name: one
    for one in (
        CopyStrategy(
            "stop_at_first_lock",
            "file by file, up to the first that is in use (1.0, 1.1)",
            Cost.SETTING,
            _WRITE,
            _READ,
            is_ours=False,
        ),
        CopyStrategy(
            "delete_then_copy",
            "delete everything, then copy; a file in use stops it with the rest gone (1.2)",
            Cost.SETTING,
            _DELETE,
            is_ours=False,
            yields_to_any=True,
        ),
        CopyStrategy(
            "delete_then_copy_checked",
            "open every file first, replace them under these opens (1.2 SP4)",
            Cost.SETTING,
            _WRITE | _DELETE,
            0,
            is_ours=False,
            needs_all_at_once=True,
        ),
        CopyStrategy(
            "skip_locked_and_retry",
            "replace what is free, leave what is in use to the retry",
            Cost.PACKAGING,
            _WRITE,
            _READ,
        ),
        CopyStrategy(
            "temp_and_rename",
            "write beside, then rename over the old file, which nobody may have open",
            Cost.PACKAGING,
            _DELETE,
            yields_to_any=True,
            passes_on_samba=True,
        ),
        CopyStrategy(
            "new_folder_and_switch",
            "write to a new folder, then point the clients there",
            Cost.PACKAGING,
        ),
        CopyStrategy(
            "probe_all_then_copy",
            "open every file, sharing nothing, and keep them open until all are copied",
            Cost.PACKAGING,
            _WRITE,
            0,
            needs_all_at_once=True,
        ),
        CopyStrategy(
            "retry_on_close",
            "replace what is free, and the rest when its last holder closes it",
            Cost.PACKAGING,
            _WRITE,
            _READ,
            retries_at_close=True,
        ),
        CopyStrategy(
            "quiesce_marker",
            "set a marker that keeps new opens out, copy all files when the last is closed",
            Cost.CLIENT,
            _WRITE,
            0,
            needs_all_at_once=True,
            retries_at_close=True,
            sets_marker=True,
        ),
        CopyStrategy(
            "rename_aside",
            "rename the old file aside, write the new one under its name, sweep later",
            Cost.PACKAGING,
            _DELETE,
        ),
        CopyStrategy(
            "posix_replace",
            "write beside, then take the name at once; the old file goes with its last reader",
            Cost.PACKAGING,
            _DELETE,
        ),
        CopyStrategy(
            "at_restart",
            "replace what is free, and what is in use when the server starts the next time",
            Cost.PACKAGING,
            waits_for_restart=True,
        ),
        CopyStrategy(
            "delete_first_shared",
            "delete every old file, then write; what is in use is gone for all (a warning)",
            Cost.PACKAGING,
            _DELETE,
            yields_to_any=True,
        ),
    )
}
"""By name, as a profile names them."""


COPY_FIRST_S: Final = 5.0
"""How long a file stays open that a user copies before working with it."""

REAPER_EVERY_S: Final = 300.0
"""How often a server looks for opens that are too old."""

REAPED: Final = "open for too long"
"""The reason of a close of its."""


def marker_of(directory: str) -> str:
    """The file that says: an update waits for all files of this package directory to be closed.
    It lies beside the directory, where whoever opens all files of the package does not open it.
    """
    return f"{directory}.LCK"


class HolderChange(msgspec.Struct, frozen=True):
    """Something else that those who hold files could do: a key of `[[clients]]` and of a hold (a
    reaper: of `[[server]]`). Where it `takes_span`, its value is a span; else it is done or not.
    """

    name: str
    says: str
    cost: Cost
    takes_span: bool = False
    held_s_max: float = math.inf

    def held_s(self, held_s: float, span_s: float = math.inf) -> float:
        """How long a file is held that would be held for `held_s`, if this is done, with `span_s`
        for its value. A reaper may be later, by `REAPER_EVERY_S` at most.
        """
        return min(held_s, self.held_s_max, span_s if self.takes_span else math.inf)


HOLDER_CHANGES: Final[dict[str, HolderChange]] = {
    one.name: one
    for one in (
        HolderChange(
            "closes_idle_after",
            "the program closes a file that nobody has used for so long",
            Cost.HABIT,
            takes_span=True,
        ),
        HolderChange(
            "copies_first",
            "files are copied to the own disk and used there: each is open for seconds",
            Cost.CLIENT,
            held_s_max=COPY_FIRST_S,
        ),
        HolderChange(
            "honours_marker",
            "nothing of a package is opened while its marker (`BPC00001.LCK`) lies beside it",
            Cost.CLIENT,
        ),
        HolderChange(
            "reaps_after",
            "the server closes what a client has had open for so long",
            Cost.FORCE,
            takes_span=True,
        ),
    )
}
"""By name, as a scenario writes them. That a program shares more is its `share_mode`."""
