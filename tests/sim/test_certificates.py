"""Certificates are read late, and never too late."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

STORE = "aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()['x509_ca']"
STORES = f"print(json.dumps([{STORE}, {STORE.replace('VERIFIED', 'UNVERIFIED')}]))"
CONNECT = "asyncio.run(connect())"
FINDERS = "print(json.dumps(len(sys.meta_path)))"
LATE = "from despoolr_lab.sim.certificates import read_certificates_late; read_certificates_late()"
HEAD = """
import asyncio, json, ssl, sys
async def connect():
    await aiohttp.TCPConnector().close()
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


def test_they_are_read_when_the_first_connector_over_sockets_is_made(usual: list[int]) -> None:
    before, after, again = told(LATE, "import aiohttp", STORES, CONNECT, STORES, CONNECT, STORES)
    assert before == [0, 0]
    assert after == again == usual


def test_a_command_that_runs_scenarios_reads_them_late(usual: list[int]) -> None:
    before, after = told("import despoolr_lab.cli.runs.running, aiohttp", STORES, CONNECT, STORES)
    assert before == [0, 0]
    assert after == usual


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
