"""Clients that come and go: in every interval a share of a fleet's machines lose their power for a
while, and start up again.

The law: who goes when is a pure function of seed, fleet and interval; a machine that went off in an
interval is on again before the next begins, and every machine is on at `until`. Power is pulled:
nobody closes what is open (the lease does), what runs is gone; the machine's disk, and with it its
history and its unsent reports, stays.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from despoolr_app.process.settings import ConfigError, parse_span
from despoolr_client.agent.agent import PcmAgent
from despoolr_core.clock import Clock

OFF_SHARE_MAX: Final = 0.5
"""At most half of the machines are off in one interval."""


@dataclass(frozen=True, slots=True)
class Churn:
    """`share` of the machines (0 to 0.5) in every `every_s` of site time; all are on at `until`
    (site time; 0: never ends).
    """

    share: float
    every_s: float
    until: float = 0.0


class ChurnStep(NamedTuple):
    """One change: at so many seconds after the interval's begin, the machine at this place goes
    off, or comes on.
    """

    at_s: float
    place: int
    is_on: bool


def parse_churn(text: str, until: float = 0.0) -> Churn:
    """`5%/1h`: five of a hundred machines every hour of site time. Raises `ConfigError`."""
    share, slash, span = text.partition("/")
    try:
        value = float(share.strip().removesuffix("%")) / 100
    except ValueError:
        value = -1.0
    if not (slash and share.strip().endswith("%") and 0 < value <= OFF_SHARE_MAX):
        raise ConfigError(
            f"{text!r} is not a churn: give a share of at most {OFF_SHARE_MAX:.0%} and a span, "
            "such as 5%/1h"
        )
    return Churn(value, parse_span(span), until)


def turns(churn: Churn, count: int, seed: str, interval: int) -> list[ChurnStep]:
    """What happens to `count` machines in one interval, in order of time: each machine of the share
    goes off, and on again.
    """
    rng = random.Random(f"{seed}/churn/{interval}")
    changed: list[ChurnStep] = []
    for index in rng.sample(range(count), round(churn.share * count)):
        begin, end = sorted((rng.uniform(0.0, 0.95), rng.uniform(0.0, 0.95)))
        changed += [
            ChurnStep(begin * churn.every_s, index, is_on=False),
            ChurnStep(end * churn.every_s, index, is_on=True),
        ]
    return sorted(changed)


async def keep_churning(churn: Churn, agents: Sequence[PcmAgent], clock: Clock, seed: str) -> None:
    """Do it, until it is over. An interval that would not end in time is not begun.

    Whoever is off at first comes on: a churn before this one was broken off with its fleet, and
    nobody else would do it.
    """
    for agent in agents:
        if not agent.is_on:
            await agent.power_on()
    interval = 0
    while True:
        began = clock.now()
        if churn.until and began + churn.every_s > churn.until:
            return
        for turn in turns(churn, len(agents), seed, interval):
            await clock.sleep_until(began + turn.at_s)
            agent = agents[turn.place]
            await (agent.power_on() if turn.is_on else agent.power_off())
        await clock.sleep_until(began + churn.every_s)
        interval += 1
