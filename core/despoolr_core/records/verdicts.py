"""One English sentence for one episode: who was refused what, how often, because of whom, and what
would have fixed it.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.phrases import how_often
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow, Hold, LockedRange
from despoolr_core.times import moment, span

_NAMED_MAX: Final = 3
_SHORT_S: Final = 600.0
"""A wait that is told to the second."""
_MAIN: Final = frozenset(["READ", "WRITE", "APPEND_DATA", "EXECUTE", "DELETE"])


def verdict(episode: EpisodeRow) -> str:
    """The sentence. Times are site time to the minute; of a wait shorter than ten minutes, to the
    second.
    """
    waiter = _program(episode.program, episode.machine)
    times = how_often(episode.attempt_count)
    over_s = episode.last_refused_at - episode.first_refused_at
    over = f" over {span(over_s)}" if episode.attempt_count > 1 else ""
    files = list(dict.fromkeys(fold(hold.path) for hold in episode.holds if hold.path))
    if len(files) > 1:
        return f"{waiter} was refused {times}{over}: {_by_file(episode, files)}; {remedy(episode)}."
    name = _last(episode.path) or episode.share
    return (
        f"{waiter} was refused {name} {times}{over} because {_holders(episode)}; {remedy(episode)}."
    )


def _by_file(episode: EpisodeRow, files: list[str]) -> str:
    """Each file that attempts stopped at, in the order in which they met it, with its holders."""
    parts = []
    for path in files[:_NAMED_MAX]:
        holds = [hold for hold in episode.holds if fold(hold.path) == path]
        named = " and ".join(_holder(episode, hold) for hold in holds[:_NAMED_MAX])
        times = how_often(_refusals(holds))
        parts.append(f"{_last(holds[0].path)} {times} because {named}")
    rest = len(files) - _NAMED_MAX
    return ", ".join(parts) + (f", and {rest} more files" if rest > 0 else "")


def _refusals(holds: list[Hold]) -> int:
    """How often they refused at least: those that stood in the way together did it together, and
    whoever came after the last of them did it anew.
    """
    count = together = 0
    until = float("-inf")
    for hold in sorted(holds, key=lambda one: one.first_blocked_at):
        if hold.first_blocked_at > until:
            count, together = count + together, 0
        together = max(together, hold.refusal_count)
        until = max(until, hold.last_blocked_at)
    return count + together


def _last(path: str) -> str:
    return path.replace("/", "\\").rpartition("\\")[2]


def locked(lock: LockedRange) -> str:
    """A lock for people: `bytes 100 to 109 locked (EXCLUSIVE)`."""
    if not lock.length:
        return f"the point before byte {lock.offset} locked ({lock.kind})"
    if lock.length == 1:
        return f"byte {lock.offset} locked ({lock.kind})"
    return f"bytes {lock.offset} to {lock.offset + lock.length - 1} locked ({lock.kind})"


def _holders(episode: EpisodeRow) -> str:
    last = [
        hold for hold in episode.holds if hold.last_blocked_at == episode.last_refused_at
    ] or episode.holds
    named = "; ".join(_holder(episode, hold) for hold in last[:_NAMED_MAX])
    rest = len(last) - _NAMED_MAX
    return f"{named} and {rest} more" if rest > 0 else named


def _moment(episode: EpisodeRow, at: float) -> str:
    return moment(at, seconds=episode.blocked_s < _SHORT_S)


def _holder(episode: EpisodeRow, hold: Hold) -> str:
    """What an import did not find in its sources (`Blocker`) is said to be unknown, not guessed."""
    user = f" (user {hold.user})" if hold.user else ""
    who = _program(hold.program, hold.machine) if hold.machine else "an open that nobody recorded"
    if hold.lock is not None:
        since = _moment(episode, hold.lock.locked_at)
        return f"{who}{user} held {locked(hold.lock)} since {since}"
    access = f" with {_main(hold.access)} access" if hold.access else ""
    sharing = f" sharing {hold.share_mode}" if hold.share_mode else ", its share mode unknown,"
    since = f"since {'before ' if hold.since else ''}{_moment(episode, hold.opened_at)}"
    return f"{who}{user} held it open{access}{sharing} {since}"


def _main(access: str) -> str:
    """The rights that share modes speak of, where an access has any: real clients ask for many."""
    words = [word for word in access.split("|") if word in _MAIN]
    return "|".join(words) or access


def remedy(episode: EpisodeRow) -> str:
    what = "the update" if episode.purpose else "it"
    if episode.state == "resolved" and episode.ended_at is not None:
        return (
            f"{what} got through at {_moment(episode, episode.ended_at)}, "
            f"{span(episode.blocked_s)} after the first refusal"
        )
    letting_go = (
        "unlocking that range"
        if episode.holds and episode.holds[-1].lock is not None
        else "closing that file"
    )
    released = bool(episode.holds) and all(hold.released_at is not None for hold in episode.holds)
    if episode.state == "given up":
        others = " if nobody else was in the way" if episode.purpose else ""
        return f"{letting_go} would have let {what} through{others}"
    if released:
        free = "that range is free" if letting_go.startswith("un") else "that file is closed"
        return f"{free} now, so the next attempt lets {what} through if nobody else is in the way"
    others = " if nobody else is in the way" if episode.purpose else ""
    return f"{letting_go} would let {what} through{others}"


def _program(program: str, machine: str) -> str:
    return f"{program} on {machine}" if program else machine
