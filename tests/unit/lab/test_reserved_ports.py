"""Reserved ports: nobody else is given one, and its server has it as often as it starts."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest

from despoolr_lab.reserved_ports import LOOPBACK, ReservedPorts


@pytest.fixture
def reserved():
    ports = ReservedPorts(3)
    yield ports
    ports.release()


def test_ports_are_different(reserved):
    assert len(set(reserved.ports)) == 3


def test_a_server_has_its_port_again_after_each_end(reserved):
    (port, *_) = reserved.ports
    for _ in range(2):
        with socket.create_server((LOOPBACK, port)), socket.create_connection((LOOPBACK, port)):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))


def test_who_asks_for_this_port_without_knowing_of_it_is_refused(reserved):
    with socket.socket() as one, pytest.raises(OSError, match="in use"):
        one.bind((LOOPBACK, reserved.ports[0]))


def test_none_is_kept_where_there_are_not_as_many():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len([*Path("/dev/fd").iterdir()])
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 20, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            ReservedPorts(40)
        assert len([*Path("/dev/fd").iterdir()]) <= before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_port_that_was_released_is_anybodys():
    ports = ReservedPorts(1)
    ports.release()
    with socket.socket() as one:
        one.bind((LOOPBACK, *ports.ports))
