"""The virtual loop keeps asyncio's promises, and three of its own: no waiting, no hanging, no
threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.sim.time.endings import Deadlock, Livelock, RealWorldCall, TimeLimitReached
from despoolr_lab.sim.time.loop import VirtualLoop


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_time_starts_at_zero_and_jumps_to_the_next_timer(loop):
    async def story():
        times = [loop.time()]
        await asyncio.sleep(3600.0)
        times.append(loop.time())
        await asyncio.sleep(0)
        times.append(loop.time())
        return times

    started = time.perf_counter()
    assert loop.run_until_complete(story()) == [0.0, 3600.0, 3600.0]
    assert time.perf_counter() - started < 60


def test_equal_times_run_in_the_order_in_which_they_were_asked_for(loop):
    ran: list[int] = []
    for n in range(100):
        loop.call_at(5.0, ran.append, n)
        loop.call_soon(ran.append, -n)
    loop.call_at(5.0, loop.stop)
    loop.run_forever()
    assert ran == [-n for n in range(100)] + list(range(100))


@given(st.lists(st.floats(min_value=0, max_value=1e9), max_size=50))
def test_timers_run_in_the_order_of_their_times(delays):
    loop = VirtualLoop()
    ran = []
    for delay in delays:
        loop.call_later(delay, lambda delay=delay: ran.append((delay, loop.time())))
    loop.call_later(2e9, loop.stop)
    loop.run_forever()
    loop.close()
    assert ran == [(delay, delay) for delay in sorted(delays)]


def test_a_cancelled_timer_neither_runs_nor_moves_time(loop):
    async def story():
        timer = loop.call_later(1000.0, pytest.fail, "a cancelled timer ran")
        assert timer.when() == 1000.0
        timer.cancel()
        assert timer.cancelled()
        sleeper = asyncio.ensure_future(asyncio.sleep(500.0))
        await asyncio.sleep(1.0)
        sleeper.cancel()
        return await asyncio.gather(sleeper, return_exceptions=True)

    assert isinstance(loop.run_until_complete(story())[0], asyncio.CancelledError)
    with pytest.raises(Deadlock) as deadlock:
        loop.run_until_complete(asyncio.Event().wait())
    assert deadlock.value.now == loop.time() == 1.0
    _drain(loop)


def test_cancelled_timers_do_not_pile_up(loop):
    async def story():
        for _ in range(20_000):
            loop.call_later(1e6, print).cancel()
        return len(loop._timers)

    assert loop.run_until_complete(story()) < 3_000


def test_the_usual_tools_of_asyncio_work(loop):
    async def worker(queue, event, results):
        async with asyncio.timeout(100.0):
            await event.wait()
        while True:
            item = await queue.get()
            await asyncio.sleep(1.0)
            results.append(item)
            queue.task_done()

    async def story():
        queue: asyncio.Queue[int] = asyncio.Queue()
        event, results = asyncio.Event(), list[int]()
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(worker(queue, event, results)) for _ in range(3)]
            for n in range(9):
                queue.put_nowait(n)
            loop.call_later(10.0, event.set)
            await queue.join()
            for one in workers:
                one.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5.0)
        semaphore, condition = asyncio.Semaphore(1), asyncio.Condition()
        async with semaphore, condition:
            condition.notify_all()
        return results, loop.time()

    assert loop.run_until_complete(story()) == (list(range(9)), 18.0)


def test_a_failing_group_cancels_its_tasks_in_the_order_in_which_they_were_made(loop):
    ended = []

    async def member(n):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(n)

    async def story():
        async with asyncio.TaskGroup() as tasks:
            for n in range(200):
                tasks.create_task(member(n))
            await asyncio.sleep(1.0)
            raise LookupError

    with pytest.raises(ExceptionGroup):
        loop.run_until_complete(story())
    assert ended == list(range(200))


def test_contexts_are_kept_apart(loop):
    variable = contextvars.ContextVar("variable", default="outside")

    async def task(value):
        variable.set(value)
        await asyncio.sleep(1.0)
        return variable.get()

    async def story():
        return await asyncio.gather(task("a"), task("b")), variable.get()

    assert loop.run_until_complete(story()) == (["a", "b"], "outside")


def test_an_exception_in_a_callback_goes_to_the_exception_handler(loop):
    seen, nothing = [], dict[str, int]()
    loop.set_exception_handler(lambda _, context: seen.append(context))
    loop.call_soon(lambda: 1 / 0)
    loop.call_later(1.0, lambda: nothing["missing"])
    loop.call_later(2.0, loop.stop)
    loop.run_forever()
    assert [type(context["exception"]) for context in seen] == [ZeroDivisionError, KeyError]


def test_an_interrupt_ends_the_run(loop):
    def interrupt():
        raise KeyboardInterrupt

    loop.call_later(1.0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.Event().wait())


def test_async_generators_are_shut_down(loop):
    closed = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    async def story():
        generator = numbers()
        return [await anext(generator), generator]

    kept = loop.run_until_complete(story())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert closed == [True]
    assert kept[0] == 1


def test_nothing_left_to_do_is_a_deadlock_that_names_who_waits_and_where(loop):
    async def stuck_agent(event):
        await event.wait()

    async def story():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stuck_agent(asyncio.Event()), name="PC00017")

    with pytest.raises(Deadlock) as deadlock:
        loop.run_until_complete(story())
    text = str(deadlock.value)
    assert "deadlock at 0.000000 s" in text
    assert "PC00017" in text
    assert "locks.py" in text
    assert "test_loop.py" in text
    assert "in stuck_agent" in text
    assert len(deadlock.value.waiting) == 2
    _drain(loop)


def test_an_endless_sleep_is_a_deadlock_too(loop):
    with pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.sleep(math.inf))
    _drain(loop)


def test_a_loop_that_turns_without_time_moving_is_a_livelock():
    loop = VirtualLoop(turns_max=1000)

    async def spin():
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="1000 turns"):
        loop.run_until_complete(spin())
    _drain(loop)
    loop.close()


def test_many_turns_are_allowed_as_long_as_time_moves():
    loop = VirtualLoop(turns_max=100)

    async def story():
        for _ in range(1000):
            await asyncio.sleep(0.001)
            await asyncio.sleep(0)

    loop.run_until_complete(story())
    loop.close()


def test_the_time_limit_ends_a_run_and_says_who_was_waiting():
    loop = VirtualLoop(limit_s=60.0)

    async def forever():
        while True:  # noqa: ASYNC110
            await asyncio.sleep(7.0)

    with pytest.raises(TimeLimitReached, match="in forever"):
        loop.run_until_complete(forever())
    assert loop.time() <= 60.0
    _drain(loop)
    loop.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon_threadsafe(print),
        lambda loop: loop.run_in_executor(None, print),
        lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0),
        lambda loop: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1),
        lambda loop: loop.add_reader(0, print),
        lambda loop: loop.add_signal_handler(2, print),
        lambda loop: loop.getaddrinfo("localhost", 80),
    ],
)
def test_threads_sockets_and_signals_are_refused_with_a_reason(loop, call):
    with pytest.raises(RealWorldCall, match="virtual time must not use"):
        call(loop)


def test_a_thread_from_to_thread_is_refused_too(loop):
    with pytest.raises(RealWorldCall, match="run_in_executor"):
        loop.run_until_complete(asyncio.to_thread(print))


def test_a_closed_loop_takes_no_more_work():
    loop = VirtualLoop()
    loop.close()
    for call in (loop.call_soon, lambda f: loop.call_later(1.0, f)):
        with pytest.raises(RuntimeError, match="closed"):
            call(print)


def test_a_time_that_is_no_number_is_refused(loop):
    with pytest.raises(ValueError, match="not a number"):
        loop.call_at(math.nan, print)


def _drain(loop):
    """End what a stuck run has left."""
    loop.extend(10.0)
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))


class Asked:
    """A repeated sleeper that is asked each time."""

    def __init__(self, following):
        self.following = following

    def asked_at(self):
        return 0.0


class Sound:
    """One that sleeps on every ten seconds until it wakes after a time `wakes` or `until`, of which
    it knows the latter beforehand.
    """

    def __init__(self, loop, first, until=math.inf):
        self.loop = loop
        self.due = first
        self.until = until
        self.wakes = math.inf
        self.asked = []
        self.passed = []

    def following(self):
        self.asked.append(self.loop.time())
        if self.due >= min(self.wakes, self.until):
            return 0.0
        self.due += 10.0
        return self.due

    def asked_at(self):
        due = self.due
        while due < self.until < math.inf:
            due += 10.0
        return math.inf if self.until == math.inf else due

    def sleeps_through(self, when):
        return when < min(self.wakes, self.asked_at())

    def pass_over(self, when):
        while self.due <= when:
            self.passed.append(self.due)
            self.due += 10.0
        return self.due


def test_who_waits_again_and_again_is_asked_without_a_turn_of_the_loop_and_wakes_when_it_says_so(
    loop,
):
    asked: list[float] = []

    def following() -> float:
        asked.append(loop.time())
        return loop.time() + 10.0 if len(asked) < 4 else 0.0

    async def story():
        await loop.repeated_sleeper(10.0, Asked(following), "a service")
        return loop.time()

    assert loop.run_until_complete(story()) == 40.0
    assert asked == [10.0, 20.0, 30.0, 40.0]


@pytest.mark.parametrize("passed_over", [0, 1, 3])
def test_what_was_passed_over_changes_nobodys_order(loop, passed_over):
    ran: list[str] = []

    async def again(who: str, first: float) -> None:
        following = iter([first + n * 10.0 for n in range(1, passed_over + 1)] + [0.0])
        await loop.repeated_sleeper(first, Asked(lambda: next(following)), who)
        await loop.repeated_sleeper(100.0, Asked(lambda: 0.0), who)
        ran.append(who)

    async def once(who: str) -> None:
        await loop.sleeper(100.0)
        ran.append(who)

    async def story():
        async with asyncio.TaskGroup() as group:
            group.create_task(once("a client"))
            group.create_task(again("first", 10.0))
            group.create_task(again("second", 5.0))

    loop.run_until_complete(story())
    assert ran == ["first", "second", "a client"]


def test_what_goes_wrong_while_one_is_asked_is_its_own(loop):
    def following() -> float:
        raise ValueError("asked in vain")

    async def story():
        with pytest.raises(ValueError, match="asked in vain"):
            await loop.repeated_sleeper(1.0, Asked(following), "a service")
        return loop.time()

    assert loop.run_until_complete(story()) == 1.0


def test_one_that_was_cancelled_is_not_asked_and_does_not_move_time(loop):
    async def story():
        waiter = loop.repeated_sleeper(1000.0, Asked(lambda: 1 / 0), "a service")
        waiter.cancel()
        await asyncio.sleep(5.0)
        return loop.time()

    assert loop.run_until_complete(story()) == 5.0
    with pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.Event().wait())
    assert loop.time() == 5.0


def test_who_sleeps_soundly_is_not_asked_while_nothing_happens(loop):
    async def story():
        sleeper = Sound(loop, 10.0)
        waiting = loop.repeated_sleeper(10.0, sleeper, "a service")
        await asyncio.sleep(95.0)
        sleeper.wakes = 120.0
        await waiting
        return sleeper.asked, sleeper.passed, loop.time()

    assert loop.run_until_complete(story()) == (
        [100.0, 110.0, 120.0],
        [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0],
        120.0,
    )


def test_who_sleeps_soundly_is_asked_when_its_own_time_comes(loop):
    async def story():
        sleeper = Sound(loop, 10.0, until=55.0)
        await loop.repeated_sleeper(10.0, sleeper, "a service")
        return sleeper.asked, sleeper.passed

    asked, passed = loop.run_until_complete(story())
    assert asked == [60.0]
    assert passed == [10.0, 20.0, 30.0, 40.0, 50.0]


def test_what_one_does_that_wakes_is_seen_by_those_that_sleep_soundly_beside_it(loop):
    """Whoever is not disturbed itself sleeps no further than until another wakes."""

    async def story():
        first, second = Sound(loop, 10.0, until=45.0), Sound(loop, 11.0)
        waiting = loop.repeated_sleeper(11.0, second, "second")
        await loop.repeated_sleeper(10.0, first, "first")
        woken = loop.time()
        second.wakes = woken
        await waiting
        return woken, second.asked, loop.time()

    assert loop.run_until_complete(story()) == (50.0, [51.0], 51.0)


def test_one_that_goes_in_its_sound_sleep_is_not_missed_where_it_would_have_been_asked(loop):
    """The service of another site wakes at that very time."""

    async def story():
        first, second = Sound(loop, 10.0, until=55.0), Sound(loop, 10.0, until=55.0)
        waiting = loop.repeated_sleeper(10.0, first, "first")
        loop.repeated_sleeper(10.0, second, "second").cancel()
        await asyncio.sleep(25.0)
        await waiting
        return first.asked, second.asked, loop.time()

    assert loop.run_until_complete(story()) == ([60.0], [], 60.0)


def test_who_sleeps_soundly_alone_lets_time_go_on(loop):
    loop.extend(1000.0)

    async def story():
        await loop.repeated_sleeper(10.0, Sound(loop, 10.0), "a service")

    with pytest.raises(TimeLimitReached):
        loop.run_until_complete(story())
    loop.extend(10.0)
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))


def test_what_goes_wrong_while_a_sound_sleeper_is_looked_at_is_its_own(loop):
    async def story():
        sleeper = Sound(loop, 10.0)
        waiting = loop.repeated_sleeper(10.0, sleeper, "a service")
        await asyncio.sleep(15.0)
        loop.call_later(100.0, lambda: None)
        del sleeper.wakes
        with pytest.raises(AttributeError):
            await waiting
        return loop.time()

    assert loop.run_until_complete(story()) == 20.0
