"""litmus, the test suite for WebDAV servers: every suite, every test, no warning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worlds.dav_clients import DavServer, run

SUITES = {"basic": 16, "copymove": 13, "props": 30, "locks": 41, "http": 4}
"""Each suite of litmus 0.13 and how many tests it has run when it has run to its end."""


@pytest.mark.parametrize("suite", SUITES)
def test_every_test_of_a_suite_passes_without_a_warning(
    server: DavServer, tmp_path: Path, suite: str
) -> None:
    said = run(
        "litmus",
        "-k",
        server.url,
        server.user,
        server.token,
        at=tmp_path,
        env={"TESTS": suite},
        expected=None,
    )
    summary = re.search(
        rf"summary for `{suite}': of (\d+) tests run: (\d+) passed, (\d+) failed", said
    )
    assert summary is not None, said
    count = SUITES[suite]
    assert [int(number) for number in summary.groups()] == [count, count, 0], said
    for word in ("WARNING", "FAIL", "SKIPPED", "skipped"):
        assert word not in said, said
