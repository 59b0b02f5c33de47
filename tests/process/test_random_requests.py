"""Thousands of random requests through every route and method of real servers: none is too much for
them.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth
from worlds.process import SERVE_ALL, Process, Workshop
from worlds.requests import Asker, Call, Reply, calls_of

pytestmark = pytest.mark.long

SEED = 1996
COUNT = 20_000
"""`make nightly` has fifty thousand."""
PLANTED_EACH = 40
"""Requests after which there are files, a session and an open again: some of them take everything
away.
"""
WARM_UP = 1_000
"""Requests after which all that is made once is made."""
GROWTH_MAX = 48 * 1024 * 1024
"""Bytes that a server may be larger afterwards: what it remembers to answer "why" is bounded, and
not yet full.
"""
MEMORY_MAX = 3 << 30
"""Bytes of address space that the servers have."""
ANSWER_S_MAX = 1.0
TRIALS = 3
DOCUMENTED = (501, 502, 503, 507)
"""Statuses from 500 on that say something about the request, not about the server."""


def asked_of(url: str, token: str) -> str:
    """The first share of a server."""
    asker = Asker(url, [token], random.Random(), "")
    head = f"PROPFIND / HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nAuthorization: Bearer {token}\r\n\r\n"
    found = asker.send(Call("PROPFIND", "/", (), ()), head.encode())
    asker.close()
    first: bytes = re.findall(rb"<D:href>/([^<]+)/</D:href>", found.body)[0]
    return first.decode()


def rss(process: Process) -> int:
    pages = int(Path(f"/proc/{process.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def ask(asker: Asker, calls: list[Call], count: int) -> list[Reply]:
    """Every call as often as any other, in an order of chance."""
    order = [calls[number % len(calls)] for number in range(count)]
    asker.chance.shuffle(order)
    replies = []
    for number, call in enumerate(order):
        if number % PLANTED_EACH == 0:
            plant(asker)
        replies.append(asker.ask(call))
    return replies


def plant(asker: Asker) -> None:
    """Files and directories, a session, and an open in it."""
    asker.tell("MKCOL", f"/{asker.share}/R/D?parents=true")
    for path in ("a.txt", "b.txt", "D/c"):
        asker.tell("PUT", f"/{asker.share}/R/{path}", b"0123456789")
    session = re.findall(
        rb'"session":"(.*?)"',
        asker.tell("POST", "/api/v1/sessions", b'{"program":"EXCEL.EXE"}').body,
    )
    opened = {
        "session": session[0].decode() if session else "",
        "share": asker.share,
        "path": "R/b.txt",
        "share_mode": "READ|WRITE",
    }
    asker.tell("POST", "/api/v1/opens", msgspec.json.encode(opened | {"access": "READ|WRITE"}))


def test_no_request_is_too_much_for_a_server(workshop: Workshop) -> None:
    ask_at_random(workshop, COUNT)


def ask_at_random(workshop: Workshop, requests: int) -> None:
    """So many requests, on whose answers and on whose cost for the server everything holds."""
    started = workshop.start(
        *SERVE_ALL,
        "--data",
        "data",
        memory_max=MEMORY_MAX,
    )
    urls = [
        re.findall(r"LOGON1 on (http\S+)", started.said)[0],
        re.findall(r"site BPC .* on (http[^,\s]+)", started.said)[0],
    ]
    auth = Auth((workshop.path / "data" / "secret").read_bytes().strip())
    who = [
        ("ADMIN1", "Administrator", Role.ADMIN),
        ("BPC", "SMSService", Role.SERVICE),
        ("PC07", "anna", Role.CLIENT),
    ]
    tokens = [auth.issue(*one) for one in who]
    shares = [asked_of(url, tokens[0]) for url in urls]
    askers = [
        Asker(url, tokens, random.Random(SEED + n), share)
        for n, (url, share) in enumerate(zip(urls, shares, strict=True))
    ]
    calls = [calls_of(url, tokens[0]) for url in urls]
    assert {"PROPFIND", "LOCK", "PATCH", "POST"} <= {call.method for call in calls[0]}

    replies: list[Reply] = []
    sizes = []
    with ThreadPoolExecutor(len(urls)) as pool:
        for count in (WARM_UP, requests - WARM_UP):
            for some in pool.map(ask, askers, calls, [count // 2] * 2):
                replies += some
            tidy_up(askers)
            sizes.append(rss(started))

    told = Counter(reply.status for reply in replies)
    wrong = [
        reply
        for reply in replies
        if not 200 <= reply.status < 500 and reply.status not in DOCUMENTED
    ]
    assert [(reply.request[:400], reply.status, reply.body[:200]) for reply in wrong] == []
    asker_of = {id(call): asker for asker, some in zip(askers, calls, strict=True) for call in some}
    slow = [reply for reply in replies if reply.seconds > ANSWER_S_MAX]
    for _ in range(TRIALS):  # of a machine with much to do, if not again
        again = [asker_of[id(reply.call)].send(reply.call, reply.request) for reply in slow]
        slow = [reply for reply in again if reply.seconds > ANSWER_S_MAX]
    for asker in askers:
        asker.close()
    assert [(reply.request[:200], reply.seconds) for reply in slow] == []
    assert sizes[1] - sizes[0] < GROWTH_MAX, [size >> 20 for size in sizes]
    assert told[405] < len(replies) // 50, told
    assert sum(told[status] for status in (200, 201, 204, 207)) > len(replies) // 4, told
    assert "Traceback" not in started.said
    print(
        f"{len(replies)} requests: {dict(sorted(told.items()))}, MiB "
        f"{[size >> 20 for size in sizes]}"
    )
    assert started.terminate()[0] == 0


def tidy_up(askers: list[Asker]) -> None:
    """End what was begun."""
    for asker in askers:
        for session in set(asker.learnt.get("session", [])):
            asker.tell("DELETE", f"/api/v1/sessions/{session}")
        asker.tell("DELETE", f"/{asker.share}/R")
        asker.close()
