"""What was measured, second by second: polls by when they were meant to begin, how long they took
from then, what was late and why.

The law: a second of the run (this machine's, counted from its start) has the polls that were meant
to begin in it, however long after it they ended. So a server that stands still shows as a slope: a
poll meant five seconds before it goes on took five seconds. Tallies of several processes are added.
Pure: whoever measures says when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from despoolr_lab.load.measure.histogram import Histogram, add_to_all, whole

OWN_PART: Final = 0.25
"""Share of a poll's time from which the generator's own delay spoils it: a server's five seconds
hide a tenth of one.
"""
BUSY: Final = 0.9
"""Share of a processor from which a process counts as busy: what waits in it then waits for it."""


@dataclass(slots=True)
class Second:
    """The polls meant for one second. `late`: those the generator itself began late; `waited`:
    those late for want of a place.
    """

    polls: int = 0
    failed: int = 0
    late: int = 0
    waited: int = 0
    took: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    """How much later than meant the generator turned to a poll."""
    served: Histogram = field(default_factory=Histogram)
    """From the request to the answer: the part of `took` that is the servers' and the network's."""

    def add(self, other: Second) -> None:
        """Count all that another one counted."""
        self.polls += other.polls
        self.failed += other.failed
        self.late += other.late
        self.waited += other.waited
        self.took.merge(other.took)
        self.lag.merge(other.lag)
        self.served.merge(other.served)

    def to_json(self) -> dict[str, Any]:
        """As it goes from process to process."""
        counts = {
            "polls": self.polls,
            "failed": self.failed,
            "late": self.late,
            "waited": self.waited,
        }
        times = {"took": self.took, "lag": self.lag, "served": self.served}
        return {**counts, **{name: found.to_json() for name, found in times.items()}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Second:
        """The second that `to_json` told of. Raises as `Histogram.from_json` does."""
        polls, failed, late, waited = (
            whole(told[name]) for name in ("polls", "failed", "late", "waited")
        )
        times = (Histogram.from_json(told[name]) for name in ("took", "lag", "served"))
        return cls(polls, failed, late, waited, *times)


@dataclass(slots=True)
class PollPart:
    """The measured polls of one group of clients, or of one server."""

    polls: int = 0
    failed: int = 0
    took: Histogram = field(default_factory=Histogram)

    def add(self, other: PollPart) -> None:
        """Count all that another one counted."""
        self.polls += other.polls
        self.failed += other.failed
        self.took.merge(other.took)

    def to_json(self) -> dict[str, Any]:
        """As it goes from process to process."""
        return {"polls": self.polls, "failed": self.failed, "took": self.took.to_json()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PollPart:
        """The part that `to_json` told of. Raises as `Histogram.from_json` does."""
        took = Histogram.from_json(told["took"])
        return cls(whole(told["polls"]), whole(told["failed"]), took)


class PollOwner(NamedTuple):
    """Whose poll it was, and whom it asked last."""

    group: str
    server: str


class Tally:
    """Seconds by number. `late_max` in seconds: what the generator may be late by. Groups and
    servers are told of from second `first_measured` on.
    """

    def __init__(self, late_max: float, first_measured: int = 0) -> None:
        self.late_max = late_max
        self.first_measured = first_measured
        self.seconds: dict[int, Second] = {}
        self.groups: dict[str, PollPart] = {}
        self.servers: dict[str, PollPart] = {}
        self._waited: dict[int, int] = {}

    def poll(
        self,
        asked: PollOwner,
        meant: float,
        turned: float,
        sent: float,
        done: float,
        *,
        failed: bool,
    ) -> None:
        """One poll: meant to begin then, turned to, given a place among those that talk to servers,
        ended. Seconds of the run.
        """
        number = int(meant)
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        second.polls += 1
        second.failed += failed
        second.lag.add(turned - meant)
        second.served.add(done - sent)
        took = [second.took]
        if number >= self.first_measured:
            for found, name in ((self.groups, asked.group), (self.servers, asked.server)):
                part = found.get(name)
                if part is None:
                    part = found[name] = PollPart()
                part.polls += 1
                part.failed += failed
                took.append(part.took)
        add_to_all(took, done - meant)
        allowed = max(self.late_max, OWN_PART * (done - meant))
        if turned - meant > allowed:
            second.late += 1
        elif sent - meant > allowed:
            second.waited += 1
            self._waited[number] = self._waited.get(number, 0) + 1

    def judge(self, cpu_share: float) -> None:
        """Decide on the polls that waited for a place since the last time: in a busy process they
        waited for the process.

        In one that had time, they waited for answers, and that is the server's doing.
        """
        if cpu_share >= BUSY:
            for number, count in self._waited.items():
                second = self.seconds.setdefault(number, Second())
                second.late += count
                second.waited -= count
        self._waited.clear()

    def take(self) -> dict[int, Second]:
        """What was counted since the last time."""
        taken, self.seconds = self.seconds, {}
        return taken

    def take_parts(self) -> tuple[dict[str, PollPart], dict[str, PollPart]]:
        """What groups and servers came to since the last time."""
        taken, self.groups, self.servers = (self.groups, self.servers), {}, {}
        return taken


def merge(into: dict[int, Second], told: Mapping[int, Second]) -> None:
    """Add the seconds of one process to those of all, in place."""
    for number, second in told.items():
        into.setdefault(number, Second()).add(second)


def merge_parts(into: dict[str, PollPart], told: Mapping[str, PollPart]) -> None:
    """Add the groups or servers of one process to those of all, in place."""
    for name, part in told.items():
        into.setdefault(name, PollPart()).add(part)


def total(seconds: Iterable[Second]) -> Second:
    """The sum of these seconds, as if they were one."""
    found = Second()
    for second in seconds:
        found.add(second)
    return found
