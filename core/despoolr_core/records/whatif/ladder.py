"""What would have fixed a blocked update or a false status: the answer of a what-if, as it is kept
beside its run and quoted everywhere.

The law: nobody computes a second answer; report, `why` and verdict read this one. A row that no
rerun confirmed says so. Spans are seconds, moments site seconds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.phrases import counted
from despoolr_core.records.whatif.windows import UpdateWindows
from despoolr_core.times import moment, span

FILE: Final = "whatif.json"
"""Its name beside the records of its run."""

FIXES: Final = "fixes"
HELPS: Final = "helps"
NO_EFFECT: Final = "no effect"
HARMS: Final = "harms"
CANNOT_HELP: Final = "cannot help"
NOT_SETTLED: Final = "not settled"
WORDS: Final = {
    FIXES: "the goal holds in every world that was tried",
    HELPS: "the goal holds in some of them, or in the one that was tried",
    NO_EFFECT: "the goal does not hold",
    HARMS: "the goal does not hold, and something is worse than it was",
    CANNOT_HELP: "the sharing rule forbids it for opens that were there all the time",
    NOT_SETTLED: "no rerun was made: out of budget, or there is no scenario that can run so",
}
ORDER: Final = (
    "worlds in which the goal holds (by the lower bound of Wilson's interval)",
    "harm: data lost, rights lost, users cut off, mixed installs, minutes without service",
    "cost: setting, operating habit, packaging change, client change, force",
    "median time to the goal",
    "size of the change",
)


class Effects(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a change does to others beyond what was done anyway, the worst first, in the world of
    the run.

    `data_lost` are files that were open for writing and were closed by force, `rights_lost`
    directories that users cannot reach any more, `users_cut` machines with files closed by force,
    `mixed_installs` programs that were started while a server had files of both versions,
    `no_service_s` how long a file of the package was missing on a server.
    """

    data_lost: int = 0
    rights_lost: int = 0
    users_cut: int = 0
    mixed_installs: int = 0
    no_service_s: float = 0.0

    @property
    def rank(self) -> tuple[float, ...]:
        """The order of harm; more is worse."""
        return (
            self.data_lost,
            self.rights_lost,
            self.users_cut,
            self.mixed_installs,
            self.no_service_s,
        )

    def beyond(self, before: Effects) -> Effects:
        """What of it is more than `before`."""
        return Effects(
            *(
                max(0, getattr(self, name) - getattr(before, name))
                for name in self.__struct_fields__
            )
        )

    def told(self) -> str:
        """In words, for a sentence."""
        parts = [
            text
            for count, text in (
                (self.data_lost, f"unsaved work in {counted(self.data_lost, 'file')} lost"),
                (self.rights_lost, "users lose the right to the package (Q182414)"),
                (self.users_cut, f"{counted(self.users_cut, 'machine')} cut off"),
                (self.mixed_installs, counted(self.mixed_installs, "mixed install")),
                (self.no_service_s, f"{span(self.no_service_s)} without service"),
            )
            if count
        ]
        return ", ".join(parts) or "nobody disturbed"


class Divergence(msgspec.Struct, frozen=True):
    """The first record in which the changed run differs: when, what it was, what it is then."""

    at: float
    was: str
    became: str


class LadderRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change and what became of it. `toml` are the lines of the scenario file that it removes
    and adds; `replay` is the command that gives this row again.

    `goal_after_s` is the median over the worlds in which the goal holds, from the first attempt,
    with the least and the most; `why` says why something cannot help; `bound_after_s` is what the
    first pass says: no earlier than that. `act_before` is the last moment at which making the
    change would still have helped (0: it was not asked, or it has to be there from the start).

    Of a recording, in which nothing can be run again, `ended` of `waits` waits would have ended by
    the sharing rule over the known opens, half of those that do within `ended_after_s`, and all of
    them within `bound_after_s`.
    """

    change: str
    cost: str
    word: str
    needs: str = ""
    worlds: int = 0
    held: int = 0
    goal_after_s: float | None = None
    goal_after_least_s: float | None = None
    goal_after_most_s: float | None = None
    goal_at: float | None = None
    effects: Effects = Effects()
    why: str = ""
    bound_after_s: float | None = None
    waits: int = 0
    ended: int = 0
    ended_after_s: float | None = None
    act_before: float = 0.0
    divergence: Divergence | None = None
    toml: tuple[str, ...] = ()
    replay: str = ""

    @property
    def is_remedy(self) -> bool:
        """Whether the goal holds with it, as far as is known."""
        return self.word in (FIXES, HELPS)


class Ladder(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked of a run, and every change that was tried, the best first.

    `goal` is empty where there is nothing to ask, `as_it_was` says how it stood without a change;
    `since` is when the first attempt began; `confirmed` is false where nothing was run again.
    """

    source: str
    goal: str
    as_it_was: str
    rows: tuple[LadderRow, ...]
    version: str = ""
    seed: int = 0
    since: float = 0.0
    worlds: int = 0
    reruns: int = 0
    wall_s: float = 0.0
    confirmed: bool = True
    is_met: bool = False
    is_of_update: bool = True
    order: tuple[str, ...] = ORDER
    notes: tuple[str, ...] = ()
    windows: UpdateWindows | None = None
    """When nobody had the files open, where nothing can be run again."""
    sentence: str = ""
    """The answer in one sentence, for a verdict (`told`)."""

    @property
    def best(self) -> LadderRow | None:
        """The remedy that comes first; None where nothing that was tried helps."""
        return next((row for row in self.rows if row.is_remedy), None)


def told(ladder: Ladder) -> str:
    """The answer of a ladder in one sentence: the best remedy with its evidence."""
    if ladder.is_met:
        return _window(ladder.windows) or "Nothing to fix: the goal holds as it was."
    if not ladder.goal:
        return "Nothing to ask: no update, expired job or status; --goal names an expectation."
    best = ladder.best
    if best is not None:
        done = "got it through" if ladder.is_of_update else "kept it true"
        when = f" at {moment(best.goal_at)}" if best.goal_at else ""
        worlds = f"in {best.held} of {counted(best.worlds, 'world')}"
        return _capital(f"{best.change} would have {done}{when}, {worlds}; {best.effects.told()}.")
    possible = [row for row in ladder.rows if row.word == NOT_SETTLED]
    if possible and not ladder.confirmed:
        return _capital(f"{_could(possible[0])} (not yet confirmed by reruns).")
    if not ladder.rows:
        return "There was no change to try."
    unsettled = f"; {counted(len(possible), 'change')} not settled" if possible else ""
    return f"Nothing that was tried would have fixed it{unsettled}."


def _could(row: LadderRow) -> str:
    if not row.waits:
        when = row.bound_after_s
        bound = f", no earlier than {span(when)} after the first attempt" if when else ""
        return f"{row.change} could have helped{bound}"
    longest = f", the longest after {span(row.bound_after_s)}" if row.bound_after_s else ""
    return f"{row.change} could have ended {row.ended} of {counted(row.waits, 'wait')}{longest}"


def _window(windows: UpdateWindows | None) -> str:
    if windows is None or not windows.files or not windows.windows:
        return ""
    first = windows.windows[0]
    files = "the file" if windows.files == 1 else f"any of the {windows.files:,} files"
    return (
        f"Nobody had {files} open from {moment(first.begin, seconds=True)} to "
        f"{moment(first.end, seconds=True)}."
    )


def _capital(text: str) -> str:
    """A sentence; one that begins with the name of a program begins as that is written."""
    return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
