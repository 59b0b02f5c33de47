"""The pace is kept whatever answers do: in virtual time, with clients whose servers are slow,
silent or quick.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from despoolr_client.agent.polling import PollResult
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_lab.load.measure.tally import PollOwner, Second, Tally
from despoolr_lab.load.spec.shapes import ClientSchedule
from despoolr_lab.load.workers.driver import GRACE_S, Driver
from despoolr_lab.sim.time.loop import VirtualLoop


class Client:
    """A `Poller`. `answers(at)` are the seconds its server takes for a question at a moment."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers
        self.polled_at: list[float] = []
        self.closed_at: list[float] = []
        self.result = PollResult.UNCHANGED

    async def poll(self) -> PollResult:
        now = asyncio.get_running_loop().time()
        self.polled_at.append(round(now, 3))
        await asyncio.sleep(self.answers(now))
        return self.result

    async def close(self) -> None:
        self.closed_at.append(round(asyncio.get_running_loop().time(), 3))


def drive(
    clients: list[Client],
    schedules: list[ClientSchedule],
    every_s: float,
    end: float,
    places: int = 64,
) -> dict[int, Second]:
    tally = Tally(0.05)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        driver = Driver(
            clients,
            schedules,
            [every_s] * len(clients),
            PriorityLimiter(places),
            tally,
            loop.time,
            end,
            lambda _: PollOwner("OFFICE", "LOGON1"),
        )
        async with asyncio.TaskGroup() as group:
            await driver.run(group)
        assert driver.under_way == 0

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
    return tally.take()


def test_every_poll_begins_when_it_is_meant_to() -> None:
    clients = [Client(lambda _: 0.01) for _ in range(3)]
    seconds = drive(clients, [ClientSchedule(n / 3) for n in range(3)], 2.0, 5.0)
    assert [client.polled_at for client in clients] == [
        [0.0, 2.0, 4.0],
        [0.333, 2.333, 4.333],
        [0.667, 2.667, 4.667],
    ]
    assert sum(second.polls for second in seconds.values()) == 9
    assert max(second.took.max_s for second in seconds.values()) == pytest.approx(0.01, abs=1e-6)


def test_a_server_that_stands_still_is_felt_by_every_poll_that_was_meant_meanwhile() -> None:
    """Ten clients, ten polls a second; nothing is answered between 3.0 and 8.0."""
    clients = [
        Client(lambda now: max(0.001, 8.0 - now) if 3 <= now < 8 else 0.001) for _ in range(10)
    ]
    seconds = drive(clients, [ClientSchedule(n / 10) for n in range(10)], 1.0, 12.0)
    assert {number: second.polls for number, second in seconds.items()} == dict.fromkeys(
        range(12), 10
    )
    assert [round(seconds[n].took.max_s, 1) for n in (2, 3, 5, 7, 9)] == [0.0, 5.0, 3.0, 1.0, 0.0]
    assert sum(second.late for second in seconds.values()) == 0


def test_a_poll_that_waits_for_a_place_counts_from_when_it_was_meant() -> None:
    clients = [Client(lambda _: 1.0) for _ in range(3)]
    seconds = drive(clients, [ClientSchedule(0.0)] * 3, 100.0, 10.0, places=1)
    assert seconds[0].took.max_s == pytest.approx(3.0, abs=1e-3)
    assert (seconds[0].waited, seconds[0].late) == (2, 0)


def test_polls_that_are_never_answered_are_failed_and_took_until_they_were_given_up() -> None:
    client = Client(lambda _: 1e6)
    seconds = drive([client], [ClientSchedule(0.0)], 2.0, 5.0)
    assert [(n, s.polls, s.failed) for n, s in seconds.items()] == [(0, 1, 1), (2, 1, 1), (4, 1, 1)]
    assert seconds[0].took.max_s == pytest.approx(5.0 + GRACE_S, abs=0.01)
    assert client.polled_at == [0.0], "a client asks one thing at a time"


def test_a_client_logs_off_when_its_stay_is_over_and_polls_no_more() -> None:
    client = Client(lambda _: 0.01)
    drive([client], [ClientSchedule(0.0, 3.5)], 1.0, 10.0)
    assert client.polled_at == [0.0, 1.0, 2.0, 3.0] and client.closed_at == [3.5]


def test_a_poll_that_failed_is_counted_as_such() -> None:
    client = Client(lambda _: 0.01)
    client.result = PollResult.FAILED
    assert drive([client], [ClientSchedule(0.0)], 1.0, 3.0)[0].failed == 1


def test_a_poll_that_a_late_generator_turns_to_after_the_end_is_made_and_counted() -> None:
    """The process stands still from 3.0 to 6.0, and the pace ends at 5.0."""
    stalled = [0.0]

    def stall(now: float) -> float:
        stalled[0] = 3.0 if now >= 3.0 else 0.0
        return 0.01

    clients, tally = [Client(stall), Client(lambda _: 0.01)], Tally(0.05)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        driver = Driver(
            clients,
            [ClientSchedule(0.0), ClientSchedule(0.5)],
            [1.0] * 2,
            PriorityLimiter(64),
            tally,
            lambda: loop.time() + stalled[0],
            5.0,
            lambda _: PollOwner("OFFICE", "LOGON1"),
        )
        async with asyncio.TaskGroup() as group:
            await driver.run(group)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
    seconds = tally.take()
    assert [seconds[number].polls for number in range(5)] == [2] * 5
    assert seconds[3].late == 1, "and it is the generator that was late"
