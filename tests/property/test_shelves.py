"""A fold of random records that lays aside what is over tells what one tells that keeps all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from despoolr_app.runs.disk_shelf import DiskShelf
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.stream import Record
from despoolr_core.records.view import RunView
from despoolr_core.share.wire import Blocker, LockedRange
from worlds.record_samples import sample

SEEDS = range(40)
RECORDS = 400


def facts(chance: random.Random) -> Iterator[Fact]:
    """What servers that are stopped, forget and are named alike could tell, and more."""
    for _ in range(RECORDS):
        file = {
            "server": chance.choice(("S1", "S2")),
            "share": "P",
            "path": f"F{chance.randrange(3)}",
        }
        handle, machine = f"O{chance.randrange(12)}", f"WS{chance.randrange(3)}"
        who: dict[str, Any] = {"machine": machine, "program": "X"}
        bytes_of: dict[str, Any] = {"lock": "EXCLUSIVE", "offset": 0, "length": 1}
        yield chance.choices(
            [
                sample(OpenGranted, open=handle, access="WRITE", **file, **who),
                sample(OpenClosed, open=handle, machine=machine, **file),
                refused(chance, file, who),
                sample(EpisodeEnded, server=file["server"], episode=name(chance), state="given up"),
                sample(FileWritten, **file, **who),
                sample(LockGranted, open=handle, **file, **bytes_of),
                sample(LockReleased, open=handle, **file, **bytes_of),
                sample(ShareStarted, server=file["server"]),
            ],
            [8, 8, 6, 3, 2, 2, 2, 0.2],
        )[0]


def name(chance: random.Random) -> str:
    return f"E{chance.randrange(6)}"


def refused(chance: random.Random, file: dict[str, str], who: dict[str, Any]) -> OpenRefused:
    lock = chance.choice((None, None, LockedRange("EXCLUSIVE", 0, 1, 0.5)))
    blockers = tuple(
        Blocker(f"O{chance.randrange(12)}", "WS9", "u", "Y", "READ", "READ", 0.5, lock)
        for _ in range(chance.randrange(3))
    )
    episode = chance.choice((name(chance), name(chance), ""))
    return sample(
        OpenRefused,
        access="WRITE",
        blockers=blockers,
        episode=episode,
        purpose="job",
        **file,
        **who,
    )


def told(view: RunView) -> Any:
    ledger = view.ledger
    return (
        [*view.holdings],
        len(view.holdings),
        view.holdings[1:4],
        view.unseen,
        view.quiet_left_out,
        ledger.rows(view.end),
        ledger.rows(machine="WS9"),
        ledger.last_ended(view.end, 3),
        [*ledger.each_waiter_seconds(view.end)],
        ledger.why(at=view.end / 2),
        ledger.remembered(),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limits", [{}, {"episodes_max": 3}, {"quiet_max": 2}])
def test_what_lies_on_a_shelf_is_told_as_what_is_in_memory(
    seed: int, limits: dict[str, int]
) -> None:
    kept, laid_aside = RunView(**limits), RunView(**limits, make_shelf=DiskShelf)  # type: ignore[arg-type]
    for number, fact in enumerate(facts(random.Random(seed)), 1):
        for view in (kept, laid_aside):
            view.apply(Record(number, float(number), "S1", fact))
        if number % 50 == 0:
            assert told(laid_aside) == told(kept)
    assert len(laid_aside._kept) < len(laid_aside.holdings)
