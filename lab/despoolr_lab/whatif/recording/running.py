"""What would let the updates through that wait at a site now, by the sharing rule alone: the opens
that stand there, told as the records they came from, and the first pass over them.

The law: nothing is known of what was closed before, but for those that stood in the way of an
update that waits still; and nothing of what comes. So windows are not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from despoolr_app.site_client.live import ServerState
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.kinds.share import LockGranted, OpenClosed, OpenGranted, OpenRefused
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.records.whatif.waits import TO_THE_END
from despoolr_core.records.whatif.windows import UpdateWindows
from despoolr_core.share.wire import Blocker, EpisodeRow, Hold
from despoolr_lab.whatif.recording.first_pass import NOTE, first_pass

NOTE_NOW: Final = (
    "not yet confirmed by reruns: this is what the sharing rule says of the opens that stand now; "
    "whoever opens a file later may be in the way again"
)


def remedies_now(source: str, states: Sequence[ServerState]) -> Ladder:
    """The first pass over what waits at the servers of a site now."""
    told = [(state, *moment) for state in states for moment in _facts(state)]
    told.sort(key=lambda one: one[1])
    records = [
        Record(number, at, state.server, fact) for number, (state, at, fact) in enumerate(told, 1)
    ]
    ladder = first_pass(source, lambda: records)
    return msgspec.structs.replace(
        ladder,
        notes=tuple(NOTE_NOW if note == NOTE else note for note in ladder.notes),
        rows=tuple(
            msgspec.structs.replace(row, why=row.why.replace(TO_THE_END, "still"))
            for row in ladder.rows
        ),
        windows=UpdateWindows(0, 0.0, 0.0),
    )


def _facts(state: ServerState) -> Iterator[tuple[float, Fact]]:
    """What a server has, as the records tell it: grants, locks, refusals, and that it is now."""
    standing = {row.open for row in state.opens}
    for row in state.opens:
        who = {"machine": row.machine, "program": row.program}
        where = {"server": state.server, "open": row.open, "share": row.share, "path": row.path}
        yield (
            row.opened_at,
            OpenGranted(
                **where,
                **who,
                session=row.session,
                user=row.user,
                access=row.access,
                share_mode=row.share_mode,
                action="",
                purpose=row.purpose,
            ),
        )
        for lock in row.ranges:
            yield (
                lock.locked_at,
                LockGranted(
                    **where,
                    **who,
                    lock=lock.kind,
                    offset=lock.offset,
                    length=lock.length,
                    purpose=row.purpose,
                ),
            )
    gone: set[str] = set()
    for episode in state.waiting:
        for hold in episode.holds:
            if hold.open and hold.open not in standing and hold.open not in gone:
                gone.add(hold.open)
                yield from _was_held(state, episode, hold)
        yield from _refused(state, episode)
    yield state.at, RunEnded(reason="ended early")


def _was_held(state: ServerState, episode: EpisodeRow, hold: Hold) -> Iterator[tuple[float, Fact]]:
    """An open that stood in the way, and is closed."""
    where = {"server": state.server, "open": hold.open, "machine": hold.machine}
    path = hold.path or episode.path
    yield (
        hold.opened_at,
        OpenGranted(
            **where,
            session="",
            user=hold.user,
            program=hold.program,
            share=episode.share,
            path=path,
            access=hold.access,
            share_mode=hold.share_mode,
            action="",
            purpose="",
        ),
    )
    # one that is only not listed any more was closed since it was last met
    closed_at = hold.released_at if hold.released_at is not None else hold.last_blocked_at
    yield closed_at, OpenClosed(**where, share=episode.share, path=path, reason="closed")


def _refused(state: ServerState, episode: EpisodeRow) -> Iterator[tuple[float, Fact]]:
    """The first refusal of a wait and the last one: those whose times are told."""
    for at in sorted({episode.first_refused_at, episode.last_refused_at}):
        met = [one for one in episode.holds if one.first_blocked_at <= at <= one.last_blocked_at]
        blockers = tuple(
            Blocker(
                one.open,
                one.machine,
                one.user,
                one.program,
                one.access,
                one.share_mode,
                one.opened_at,
                one.lock,
                one.since,
            )
            for one in met or episode.holds
        )
        path = next((one.path for one in met if one.path), episode.path)
        yield (
            at,
            OpenRefused(
                server=state.server,
                machine=episode.machine,
                user="",
                program=episode.program,
                share=episode.share,
                path=path,
                access=episode.access,
                share_mode=episode.share_mode,
                nt_status=episode.nt_status,
                win32=0,
                blockers=blockers,
                purpose=episode.purpose,
                episode=episode.episode,
            ),
        )
