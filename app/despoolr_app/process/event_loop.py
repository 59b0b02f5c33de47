"""The event loop that processes run on, and what Ctrl-C and SIGTERM do while a command works.

The law: signals do what the command says for as long as it works, and afterwards what they did
before. A loop does not see to that: asyncio's own leaves the default handlers behind when it
closes, uvloop's those of a loop that is no more, which nothing interrupts.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event
from typing import Final

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (the `speed` extra), None for asyncio's own."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return new_event_loop


@contextmanager
def on_signals(act: Callable[[int], object], numbers: Sequence[int] = ENDING) -> Iterator[None]:
    """Within a running loop: `act` is called in it, with the signal's number.

    On Windows loops take no signals: Ctrl-C raises `KeyboardInterrupt` there as ever.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers}
    taken: list[int] = []
    try:
        with suppress(NotImplementedError):
            for number in numbers:
                loop.add_signal_handler(number, act, number)
                taken.append(number)
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


@contextmanager
def until_a_signal() -> Iterator[Event]:
    """Without a loop: what the first signal sets; the second one interrupts at once. Ctrl-C stays
    ignored where a shell has it so (it started this with `&`).
    """
    over = Event()

    def act(_number: int, _frame: object) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()

    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number, handler in before.items():
            if number != signal.SIGINT or handler is not signal.SIG_IGN:
                signal.signal(number, act)
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
