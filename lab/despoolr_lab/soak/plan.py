"""What happens in a soak, and when: jobs, updates, holders, restarts, cut links.

The law: a plan is a pure function of what was asked for, so `--plan` shows what a run will do, and
the same seed does it again. Times are seconds of this machine from the moment the stack is up. Work
comes in rounds: in each, one job runs on every machine; files are updated while users hold them;
every third offers a package that expires. A package is removed when its turn is over, so that what
clients and servers keep of it goes. Restarts and cuts are spread over the time and drawn at random
within their slots; no two processes are down together, and the last tenth is left alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ROUND_S_MIN: Final = 20.0
ROUND_CLIENT_S: Final = 0.06
"""Seconds of a round for each client: a package is run some seventeen times a second."""
RUN_PACKAGES: Final = ("TOOLS1", "TOOLS2", "TOOLS3", "TOOLS4")
"""Packages that are run, two rounds each, in turn."""
ROUNDS_PER_TURN: Final = 2
HELD_PACKAGE: Final = "SHARED"
"""The package that users hold open and that is updated all the time; nobody runs it."""
OFFERED_PACKAGE: Final = "OFFER"
FILE_COUNT: Final = 3
"""Files of every package."""
CUT_S_MAX: Final = 12.0
"""A fleet that cannot reach its site for 20 s stops its clients: cuts are shorter."""
DOWN_S_MAX: Final = 5.0
RESTARTS_MAX: Final = 6
"""Restarts of the first hours: more would leave no life long enough to judge."""
CLIENTS_PER_FLEET: Final = 1000
SITE: Final = "SITE1"
LOGONS: Final = ("LOGON1", "LOGON2")
LINKS: Final = (
    *((SITE, logon) for logon in LOGONS),
    *(("FLEETS", logon) for logon in LOGONS),
    ("FLEETS", SITE),
)
"""Every link: who calls, who is called. All fleets share theirs."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. `scale`: site seconds a second."""

    clients: int
    duration_s: float
    scale: float = 60.0
    seed: int = 1

    @property
    def fleets(self) -> tuple[str, ...]:
        """The fleets' names: two at least, so that one is there while the other is restarted."""
        count = max(2, -(-self.clients // CLIENTS_PER_FLEET))
        return tuple(f"FLEET{n}" for n in range(1, count + 1))

    @property
    def sample_every_s(self) -> float:
        """How often resources are sampled, in seconds."""
        return min(10.0, max(0.5, self.duration_s / 600))

    def clients_of(self, fleet: str) -> int:
        """How many clients one fleet has."""
        number = self.fleets.index(fleet)
        return self.clients // len(self.fleets) + (number < self.clients % len(self.fleets))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens. The words are those of `WHAT`; `until_s` is the moment it is over,
    for what lasts.
    """

    at_s: float
    what: str
    on: str
    how: str = ""
    until_s: float = 0.0


WHAT: Final = {
    "run": "a job runs this package on every machine, mandatory at once",
    "update": "new files of this package are sent to the servers that have it",
    "offer": "this package is offered, expires after an hour of site time, and is cancelled later",
    "remove": "this package is taken from all servers, once its jobs have ended",
    "hold": "a user opens this file and keeps it; `vanish`: is never heard of again",
    "restart": "this process is killed (SIGKILL) or stopped (SIGTERM), and started again",
    "fault": "this server is broken on purpose, in this way (`--faults`)",
    "cut": "this link is cut: `refuse` resets connections and takes none, `silence` "
    "carries nothing",
}


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """All steps, by time, and the length of a round."""

    asked: Asked
    round_s: float
    steps: tuple[Step, ...]

    def of(self, *what: str) -> list[Step]:
        """The steps of some kinds."""
        return [step for step in self.steps if step.what in what]


def make_plan(asked: Asked) -> SoakPlan:
    """The plan of a soak."""
    round_s = min(max(ROUND_S_MIN, asked.clients * ROUND_CLIENT_S), asked.duration_s / 3)
    steps = [*_work(asked, round_s), *_holds(asked, round_s), *_restarts(asked), *_cuts(asked)]
    return SoakPlan(
        asked, round_s, tuple(sorted(steps, key=lambda step: (step.at_s, step.what, step.on)))
    )


def _work(asked: Asked, round_s: float) -> list[Step]:
    found: list[Step] = []
    rounds = int(asked.duration_s / round_s)
    for number in range(rounds):
        begin = number * round_s
        turn, place = divmod(number, ROUNDS_PER_TURN)
        found.append(Step(begin, "run", RUN_PACKAGES[turn % len(RUN_PACKAGES)]))
        found.append(Step(begin + 0.3 * round_s, "update", HELD_PACKAGE))
        if number % 3 == 1:
            found.append(
                Step(begin + 0.5 * round_s, "offer", OFFERED_PACKAGE, until_s=begin + 1.4 * round_s)
            )
        if place == 0 and turn:
            found.append(
                Step(begin + 0.6 * round_s, "remove", RUN_PACKAGES[(turn - 1) % len(RUN_PACKAGES)])
            )
    return found


def _holds(asked: Asked, round_s: float) -> list[Step]:
    """Users open files before the update comes and let go in the first two thirds of the round, so
    that it succeeds at last.
    """
    rng = random.Random(f"{asked.seed}/holds")
    found: list[Step] = []
    for number in range(int(asked.duration_s / round_s)):
        begin = number * round_s
        for logon in LOGONS:
            file = f"{logon}/F{rng.randrange(FILE_COUNT)}.DAT"
            at_s, until_s = (
                begin + rng.uniform(0.15, 0.3) * round_s,
                begin + rng.uniform(0.35, 0.65) * round_s,
            )
            how = "vanish" if rng.random() < 0.2 else "close"
            if number:  # in the first round the package is on its way
                found.append(Step(at_s, "hold", file, how, until_s))
    return found


def _restarts(asked: Asked) -> list[Step]:
    rng = random.Random(f"{asked.seed}/restarts")
    victims = [
        (SITE, "SIGKILL"),
        (LOGONS[0], "SIGKILL"),
        (asked.fleets[0], "SIGTERM"),
        (LOGONS[1], "SIGTERM"),
    ]
    victims += [
        (asked.fleets[-1], "SIGTERM"),
        (SITE, "SIGTERM"),
        (LOGONS[1], "SIGKILL"),
        (LOGONS[0], "SIGTERM"),
    ]
    found = []
    for number, (at_s, slot_s) in enumerate(
        _slots(asked, rng, per_s=75.0, count_max=RESTARTS_MAX, then_every_s=1800.0)
    ):
        name, how = victims[number % len(victims)]
        found.append(
            Step(
                at_s,
                "restart",
                name,
                how,
                at_s + min(DOWN_S_MAX, slot_s / 4) * rng.uniform(0.2, 1.0),
            )
        )
    return found


def _cuts(asked: Asked) -> list[Step]:
    rng = random.Random(f"{asked.seed}/cuts")
    found = []
    for number, (at_s, slot_s) in enumerate(
        _slots(asked, rng, per_s=45.0, count_max=12, then_every_s=900.0)
    ):
        source, target = LINKS[number % len(LINKS)]
        how = rng.choice(("refuse", "silence"))
        found.append(
            Step(
                at_s,
                "cut",
                f"{source}-{target}",
                how,
                at_s + min(CUT_S_MAX, slot_s / 3) * rng.uniform(0.3, 1.0),
            )
        )
    return found


def _slots(
    asked: Asked, rng: random.Random, *, per_s: float, count_max: int, then_every_s: float
) -> Sequence[tuple[float, float]]:
    """Moments in equal slots of the first nine tenths: one for each `per_s`, `count_max` at most;
    in a long run by the other.
    """
    span_s = asked.duration_s * 0.9
    count = max(1, min(count_max, int(span_s / per_s)), int(span_s / then_every_s))
    slot_s = span_s / count
    return [((number + rng.uniform(0.2, 0.7)) * slot_s, slot_s) for number in range(count)]
