"""The event loop that processes run on; what signals do while a command works, and that they do
afterwards what they did before.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from despoolr_app.process.event_loop import ENDING, loop_factory, on_signals, until_a_signal
from worlds.support import REPOSITORY, leave_out

Factory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = [asyncio.new_event_loop, *filter(None, [loop_factory()])]
"""asyncio's own, and what processes run on where it is installed."""


@pytest.fixture(autouse=True)
def before() -> Iterator[list[object]]:
    """Ctrl-C as a terminal has it, and a handler of SIGTERM as the command line has one."""
    was = {number: signal.getsignal(number) for number in ENDING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: None)
    yield handlers()
    for number, handler in was.items():
        signal.signal(number, handler)


def test_a_process_runs_on_it() -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(asyncio.sleep(0, "done")) == "done"


def test_without_uvloop_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is None


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in ENDING]


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("factory", LOOPS)
def test_a_loop_hears_of_a_signal_and_gives_it_back(
    factory: Factory, number: int, before: list[object]
) -> None:
    heard: list[int] = []

    async def work() -> None:
        inside = handlers()
        over = asyncio.Event()

        def hear(number: int) -> None:
            heard.append(number)
            over.set()

        with on_signals(hear):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(over.wait(), 60)
        assert handlers() == inside  # within the loop already: a second Ctrl-C is not lost

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work())
    assert heard == [number]
    assert handlers() == before


@pytest.mark.parametrize("factory", LOOPS)
def test_work_that_fails_gives_signals_back(factory: Factory, before: list[object]) -> None:
    async def work() -> None:
        with on_signals(print):
            raise OSError

    with asyncio.Runner(loop_factory=factory) as runner, pytest.raises(OSError):
        runner.run(work())
    assert handlers() == before


def test_of_two_signals_only_the_one_asked_for_is_taken(before: list[object]) -> None:
    async def work() -> None:
        inside = signal.getsignal(signal.SIGINT)
        with on_signals(print, [signal.SIGTERM]):
            assert signal.getsignal(signal.SIGINT) is inside

    asyncio.run(work())
    assert handlers() == before


def test_uvloop_alone_would_leave_its_handlers_behind() -> None:
    """Why `on_signals` is: when this fails, it may be simpler."""
    if find_spec("uvloop") is None:
        leave_out("uvloop is not installed")

    async def work() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work())
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_ends_what_waits_without_a_loop_and_is_given_back(
    number: int, before: list[object]
) -> None:
    with until_a_signal() as over:
        os.kill(os.getpid(), number)
        assert over.wait(60)
    assert handlers() == before


@pytest.mark.parametrize("second", ENDING)
def test_a_second_signal_interrupts_at_once(second: int, before: list[object]) -> None:
    with pytest.raises(KeyboardInterrupt), until_a_signal() as over:
        os.kill(os.getpid(), signal.SIGINT)
        assert over.wait(60)
        os.kill(os.getpid(), second)
    assert handlers() == before


def test_ctrl_c_stays_ignored_where_a_shell_has_it_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with until_a_signal() as over:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGTERM)
        assert over.wait(60)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_nothing_else_takes_signals_in_a_loop() -> None:
    taking = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ("server", "client", "app", "lab", "public")
        for path in (REPOSITORY / room).rglob("*.py")
        if ".add_signal_handler(" in path.read_text("utf-8")
    }
    assert taking == {"app/despoolr_app/process/event_loop.py"}
