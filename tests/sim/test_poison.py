"""A simulation that asks the real world is told so, and the world is whole again afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
import threading
import time
import uuid

import pytest

from despoolr_lab.sim.time.endings import RealWorldCall
from despoolr_lab.sim.time.poison import poison

CALLS = [
    lambda: time.time(),  # noqa: TID251
    lambda: time.monotonic(),  # noqa: TID251
    lambda: time.sleep(0),
    lambda: uuid.uuid4(),  # noqa: TID251
    lambda: uuid.uuid1(),
    lambda: os.urandom(1),  # noqa: TID251
    lambda: secrets.token_hex(),
    lambda: random.random(),  # noqa: TID251
    lambda: random.choice([1]),
    lambda: random.shuffle([]),
    lambda: random.SystemRandom().random(),
    lambda: threading.Thread(target=print).start(),
    lambda: socket.create_connection(("127.0.0.1", 1)),
    lambda: _use_socket("connect", ("127.0.0.1", 1)),
    lambda: _use_socket("bind", ("127.0.0.1", 0)),
    lambda: asyncio.as_completed([]),
]


def _use_socket(name, argument):
    with socket.socket() as sock:
        getattr(sock, name)(argument)


@pytest.mark.parametrize("call", CALLS)
def test_asking_the_real_world_raises_and_says_where(call):
    with poison() as tried, pytest.raises(RealWorldCall, match=r"in a simulation \(.+\.py:\d+\): "):
        call()
    assert len(tried) == 1


def test_the_world_is_whole_again_afterwards():
    modules = (time, uuid, os, random, secrets, socket, asyncio, threading.Thread, socket.socket)
    before = [dict(vars(module)) for module in modules]
    with pytest.raises(LookupError), poison():
        raise LookupError
    assert [dict(vars(module)) for module in modules] == before


def test_what_a_module_took_by_name_during_a_simulation_works_afterwards():
    with poison() as tried:
        monotonic = time.monotonic  # noqa: TID251 - as a module does that is imported meanwhile
        with pytest.raises(RealWorldCall):
            monotonic()
    assert monotonic() <= time.monotonic()  # noqa: TID251
    with poison() as others:
        monotonic()
    assert (len(tried), others) == (1, [])


def test_other_threads_are_left_alone():
    seen, start = [], threading.Event()

    def other():
        start.wait(5.0)
        seen.append(time.time())  # noqa: TID251

    thread = threading.Thread(target=other)
    thread.start()
    with poison():
        start.set()
        thread.join()
    assert len(seen) == 1


def test_a_seeded_generator_and_the_cost_clock_stay_usable():
    with poison() as tried:
        assert random.Random(1).random() == random.Random(1).random()
        assert time.perf_counter() > 0
    assert tried == []


def test_logging_goes_on(caplog):
    with poison() as tried, caplog.at_level(logging.INFO):
        logging.getLogger("despoolr").info("still here")
    assert "still here" in caplog.text
    assert tried == []
