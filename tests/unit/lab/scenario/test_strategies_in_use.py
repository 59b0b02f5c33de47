"""Every strategy of ours among people who come and go at random: what the status says is so, and
nothing of the work is left behind.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from despoolr_core.rules.remedies import COPY_STRATEGIES
from worlds.scenario import FILES, NEW, blocked_update, hold, play

MODES = ("NONE", "READ", "READ|WRITE", "READ|DELETE", "READ|WRITE|DELETE")
OURS = [name for name, strategy in COPY_STRATEGIES.items() if strategy.is_ours]
START = {"do": "kill", "server": "LOGON1", "down_for": "3m"}


def crowd(random: Random) -> list[dict[str, Any]]:
    """Holds of three machines around an update; the server starts again when all have gone."""
    holds = [
        hold(
            f"WS{1 + number % 3}",
            random.choice(list(FILES)),
            at=f"{60 + 20 * number + random.randrange(20)}m",
            share_mode=random.choice(MODES),
            access=random.choice(("READ", "READ", "READ|WRITE")),
            may_fail=True,
            honours_marker=random.random() < 0.5,
            **{"for": f"{random.randrange(5, 120)}m"},
        )
        for number in range(random.randrange(3, 9))
    ]
    if random.random() < 0.3:
        holds.append(START | {"at": "5h"})
    return [*holds, START | {"at": "11h"}]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strategy", OURS)
def test_complete_means_new_and_nothing_is_left_beside(strategy: str, seed: int) -> None:
    staged = blocked_update(
        *crowd(Random(f"{strategy}/{seed}")),
        hours=12,
        profile={"copy_strategy": strategy},
        expect=[
            {"that": "job", "job": "UPDATE", "status": "Complete"},
            {"that": "files", "package": "OFFICE", "files": NEW, "only": True},
            {"that": "box", "server": "LOGON1", "share": "SMS_PKGD", "path": "", "count": 0},
        ],
    )
    result = play(staged)
    assert result.passed, result.findings
