"""Certificates are read late, and never too late."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

STORE = "aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()['x509_ca']"
STORES = f"print(json.dumps([{STORE}, {STORE.replace('VERIFIED', 'UNVERIFIED')}]))"
CONNECT = "asyncio.run(connect('http'))"
SECURE = "asyncio.run(connect('https'))"
UNCHECKED = "asyncio.run(connect('https', ssl=False))"
FINDERS = "print(json.dumps(len(sys.meta_path)))"
LATE = (
    "from despoolr_app.process.certificates import read_certificates_late; read_certificates_late()"
)
HEAD = """
import asyncio, json, ssl, sys
async def connect(scheme, **how):
    async with aiohttp.ClientSession() as session:
        try:
            await session.get(f"{scheme}://127.0.0.1:9/", **how)
        except aiohttp.ClientConnectorError:
            pass  # nobody is there: the context was chosen before
"""


def told(*lines: str) -> list[Any]:
    """What a new process prints."""
    code = HEAD + "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def usual() -> list[int]:
    """As many of both contexts as there are when aiohttp is imported by itself."""
    (found,) = told("import aiohttp", STORES)
    return list(found)


def test_they_are_read_when_the_first_connection_over_tls_needs_them(usual: list[int]) -> None:
    imported, plain, secure, unchecked, again = told(
        LATE,
        "import aiohttp",
        STORES,
        CONNECT,
        STORES,
        SECURE,
        STORES,
        UNCHECKED,
        STORES,
        SECURE,
        STORES,
    )
    assert imported == plain == [0, 0]
    assert secure == [usual[0], 0]
    assert unchecked == again == usual


@pytest.mark.parametrize(
    "module",
    ["despoolr_lab.cli.runs.running", "despoolr_app.cli.root", "despoolr_lab.load.workers.worker"],
)
def test_a_process_of_ours_reads_them_late(module: str, usual: list[int]) -> None:
    before, after = told(f"import {module}, aiohttp", STORES, SECURE, STORES)
    assert before == [0, 0]
    assert after == [usual[0], 0]


def test_what_was_imported_already_stays_as_it_is(usual: list[int]) -> None:
    alone, found, later = told("import aiohttp", FINDERS, LATE, STORES, FINDERS)
    assert found == usual
    assert later == alone


def test_asking_twice_is_asking_once_and_nothing_is_left_afterwards() -> None:
    before, once, twice, after = told(
        FINDERS, LATE, FINDERS, LATE, FINDERS, "import aiohttp", FINDERS
    )
    assert once == twice == before + 1
    assert after == before


def test_contexts_of_others_are_made_as_ever() -> None:
    stats = "print(json.dumps(ssl.create_default_context().cert_store_stats()))"
    before, after = told(stats, LATE, "import aiohttp", stats)
    assert before == after


def test_what_somebody_put_in_pythons_place_stays() -> None:
    own = "own = ssl.SSLContext.set_default_verify_paths = lambda self: None"
    stays = "print(json.dumps(ssl.SSLContext.set_default_verify_paths is own))"
    assert told(LATE, own, "import aiohttp", stays) == [True]
