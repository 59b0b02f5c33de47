"""A server whose descriptors run out takes newcomers in the place of idle connections, on either
event loop.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from worlds.process import Workshop
from worlds.support import leave_out

IDLE = 20
NEW = 6


def ask(connection: socket.socket) -> bytes:
    """The first line of an answer; empty if the server closed the connection."""
    connection.settimeout(60)
    try:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: logon1\r\n\r\n")
        return connection.recv(65536).partition(b"\r\n")[0]
    except ConnectionError:
        return b""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_whoever_comes_when_no_descriptor_is_left_takes_the_place_of_an_idle_connection(
    workshop: Workshop, loop: str
) -> None:
    environment = {"DESPOOLR_LOG_FORMAT": "text"}
    if loop == "uvloop":
        if find_spec("uvloop") is None:
            leave_out("uvloop is not installed")
    else:
        hiding = workshop.path / "hiding"
        hiding.mkdir()
        (hiding / "uvloop.py").write_text("raise ImportError")
        environment["PYTHONPATH"] = os.pathsep.join([str(hiding), os.environ.get("PYTHONPATH", "")])
    server = workshop.start("serve", "logon", "--listen", "127.0.0.1:0", environment=environment)
    found = re.search(r"http://127\.0\.0\.1:(\d+)", server.said)
    assert found
    place, pid = ("127.0.0.1", int(found[1])), server.process.pid
    with contextlib.ExitStack() as stack:

        def dial() -> socket.socket:
            return stack.enter_context(socket.create_connection(place, timeout=60))

        idle = [dial() for _ in range(IDLE)]
        assert {ask(one) for one in idle} == {b"HTTP/1.1 200 OK"}
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, used + 1))
        assert [ask(dial()) for _ in range(NEW)] == [b"HTTP/1.1 200 OK"] * NEW
        assert any(not ask(one) for one in idle), "some of the idle ones made room"
    code, _ = server.terminate()
    assert code == 0 and "Traceback" not in server.said
    told = [line for line in server.said.splitlines() if "found no descriptor left" in line]
    assert 1 <= len(told) < NEW, "the first at once, the rest together"
