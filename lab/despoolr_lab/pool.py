"""Many pieces of work in processes of their own, each told as soon as it is done.

The law: what goes to a worker and what comes back can be pickled, so no piece of work can lean on
another. A run of a scenario comes back as what `tell` makes of it: its records stay with the
worker. What a run raises, or one of its servers, is a value (`Crash`) and stops no other; a worker
that dies is an error that names the work that it may have had. Ctrl-C loses nothing that is done.
"""

from __future__ import annotations

import logging
import math
import os
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from despoolr_app.process.children.supervisor import process_pool
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import Look, RunOptions, RunResult, run_scenario
from despoolr_lab.scenario.steps import StepError

END_S_MAX: Final = 5.0
"""Seconds that work under way has to come to its end after Ctrl-C."""
AHEAD: Final = 1
"""Pieces of work that lie ready for each worker: it need not wait for this process."""

TRACEBACK_MAX: Final = 20_000
"""Characters that are kept of a traceback, from its end."""

_CALLS: Final = logging.getLogger("despoolr.http")

T = TypeVar("T")
R = TypeVar("R")


class WorkerDied(Exception):
    """A process of the pool ended in the middle of its work, which is lost."""


def run_each(
    work: Callable[[T], R], tasks: Iterable[T], jobs: int = 0, until: float = math.inf
) -> Generator[tuple[T, R], None, None]:
    """Do `work`, a function of a module, on each task, in `jobs` processes (0: one for each
    processor). Gives each task with its result as it is done, in no order.

    After Ctrl-C (or SIGTERM) no other begins; what is under way and done within `END_S_MAX` is
    given, the rest is ended, as all is by a second Ctrl-C; and it raises `KeyboardInterrupt`.
    Raises `WorkerDied`, what `work` raises, and `TimeoutError` where one is not done `until` then
    (of `time.perf_counter`). Closing the iterator, or an error, ends what is under way.
    """
    workers = jobs or os.cpu_count() or 1
    waiting = iter(tasks)
    under_way: dict[Future[R], T] = {}
    with process_pool(workers) as pool:
        try:
            while True:
                room = workers * (1 + AHEAD) - len(under_way)
                for task in islice(waiting, room):
                    under_way[pool.submit(work, task)] = task
                if not under_way:
                    return
                left_s = None if until == math.inf else max(0.0, until - time.perf_counter())
                done, _ = wait(under_way, left_s, return_when=FIRST_COMPLETED)
                if not done:
                    raise TimeoutError
                for future in [one for one in under_way if one in done]:
                    result = future.result()
                    yield under_way.pop(future), result
        except KeyboardInterrupt:
            begun = [future for future in under_way if not future.cancel()]
            with suppress(TimeoutError):
                for future in as_completed(begun, timeout=END_S_MAX):
                    yield under_way[future], future.result()
            raise
        except BrokenProcessPool:
            raise WorkerDied(_lost(list(under_way.values()))) from None


def _lost(tasks: Sequence[object]) -> str:
    shown = ", ".join(str(task) for task in tasks[:4])
    return (
        "a worker process died in the middle of its work (killed from outside, or for lack of "
        f"memory: fewer --jobs need less); it had one of: {shown}"
    )


@dataclass(frozen=True, slots=True)
class Rerun:
    """One run to make, in virtual time; `label` is what it is called where it fails."""

    label: str
    scenario: Scenario
    options: RunOptions

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class Crash:
    """What a run raised: `kind` is the exception's class, `where` the innermost line of ours
    (`despoolr_server/site/state/boxes.py:12 in take`).

    `is_refused`: the scenario asks for something that its world cannot do (`StepError`); anything
    else is a bug of ours.
    """

    kind: str
    text: str
    where: str
    is_refused: bool
    traceback: str


@dataclass(frozen=True, slots=True)
class _Work(Generic[R]):
    """A run and the function that tells of it, as a worker gets them."""

    tell: Callable[[RunResult], R]
    look: Look | None

    def __call__(self, rerun: Rerun) -> R | Crash:
        return run_one(self.tell, rerun, self.look)


def run_scenarios(
    tell: Callable[[RunResult], R],
    reruns: Iterable[Rerun],
    jobs: int = 0,
    look: Look | None = None,
) -> Generator[tuple[Rerun, R | Crash], None, None]:
    """Run each, and give what `tell`, a function of a module, makes of its result, or how it
    ended. `look`, another, sees its world at the end (`run_scenario`). Else as `run_each`.
    """
    return run_each(_Work(tell, look), reruns, jobs)


def run_one(tell: Callable[[RunResult], R], rerun: Rerun, look: Look | None = None) -> R | Crash:
    """One run, in this process; one in which a server failed has crashed. What `tell` raises is
    raised.
    """
    failed = _FailedCalls()
    _CALLS.addHandler(failed)
    try:
        result = run_scenario(rerun.scenario, rerun.options, look=look)
    except StepError as error:
        return _crash(failed.first or error, is_refused=failed.first is None)
    except Exception as error:
        return _crash(error, is_refused=False)
    finally:
        _CALLS.removeHandler(failed)
    return tell(result) if failed.first is None else _crash(failed.first, is_refused=False)


class _FailedCalls(logging.Handler):
    """Hears of calls that a server of the run answers with 500, since its own code raised: the
    caller may take that for a refusal.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        raised = record.exc_info[1] if record.exc_info else None
        if self.first is None and isinstance(raised, Exception):
            self.first = raised


def _crash(error: Exception, *, is_refused: bool) -> Crash:
    innermost: BaseException = error
    while isinstance(innermost, BaseExceptionGroup):
        innermost = innermost.exceptions[0]
    told = "".join(traceback.format_exception(error))
    return Crash(
        type(innermost).__name__,
        str(innermost),
        _where(innermost),
        is_refused,
        told[-TRACEBACK_MAX:],
    )


def _where(error: BaseException) -> str:
    """The innermost line of ours that it came through."""
    found = ""
    for frame in traceback.extract_tb(error.__traceback__):
        parts = Path(frame.filename).parts
        ours = [n for n, part in enumerate(parts) if part.startswith("despoolr_")]
        if ours:
            found = f"{'/'.join(parts[ours[-1] :])}:{frame.lineno} in {frame.name}"
    return found
