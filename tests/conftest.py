"""What tests of several directories stand on, made when one asks for it."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from worlds.support import SHARED, THEIR_MIFS, THEIR_TRACES

if TYPE_CHECKING:
    from worlds.postgres import Postgres

# How long an example takes says how busy the machine is.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def process_is_as_before() -> Iterator[None]:
    """A command that a test runs in this process says what is logged, and whose files are: the next
    test finds all as it was. Signals it gives back itself: fails where one did not.
    """
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    umask = os.umask(0)
    os.umask(umask)
    loggers = [logging.getLogger(name) for name in ("", "despoolr", "despoolr.process")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers = handlers
        logger.setLevel(level)
    os.umask(umask)
    kept = {number: signal.getsignal(number) for number in signals}
    if kept != signals:
        for number, handler in signals.items():
            signal.signal(number, handler)
        pytest.fail(f"signals were not given back: {kept}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, one for all tests of this process."""
    from worlds.postgres import running_postgres

    with running_postgres() as server:
        yield server


def pytest_configure() -> None:
    """A shell has Ctrl-C ignored in what it starts with `&`, and whatever that starts inherits it:
    tests that send it would wait until they time out.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_NOT_RUN = pytest.StashKey[int]()
"""How many tests of other people's files were taken out of this run."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests of what other people wrote where that is not there."""
    absent = [item for item in items if _is_absent(item.get_closest_marker("theirs"))]
    if absent:
        gone = set(absent)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=absent)
    _remember(config, len(absent))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end. So the garbage collector does not look for any while
    it is made, a fifth of the processor's time, and passes over it from then on: 360,000 objects,
    of which each full collection took 0.2 s to find nothing.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _is_absent(mark: pytest.Mark | None) -> bool:
    """Whether a test is of files that are not there: those of the directory that it names, or
    MIFs.
    """
    return mark is not None and not (mark.args[0] if mark.args else THEIR_MIFS).is_dir()


def _remember(config: pytest.Config, count: int) -> None:
    config.stash[_NOT_RUN] = count
    if hasattr(config, "workeroutput"):  # a worker of xdist: its controller writes the summary
        config.workeroutput["not_run"] = count


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects the same tests, so any of them knows the number."""
    node.config.stash[_NOT_RUN] = getattr(node, "workeroutput", {}).get("not_run", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line for what did not run; other people's files being away is no failure, in CI
    neither.
    """
    if count := config.stash.get(_NOT_RUN, 0):
        terminalreporter.write_line(
            f"{count} tests of other people's files did not run: {SHARED.name}/{THEIR_MIFS.name} "
            f"or {SHARED.name}/traces/{THEIR_TRACES.name} is not there"
        )
