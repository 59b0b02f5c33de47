"""A site server that is killed in mid-run, twice: nothing is lost, and no status is counted
twice.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from despoolr_app.runs.directory import load_run
from despoolr_core.records.kinds.site import DetailStatusChanged
from despoolr_core.records.stream import of
from worlds.answer import data_of
from worlds.process import Administrator, Process, Workshop, until
from worlds.support import free_port

pytestmark = pytest.mark.long

CLIENTS = 60
PACE = ("--time", "x2000")
REPORT = re.compile(r"BPC\w{5}-BPC\w{4}-")


def test_a_site_server_killed_twice_in_mid_run_loses_nothing_and_counts_nothing_twice(
    workshop: Workshop,
) -> None:
    logon_port, site_port = free_port(), free_port()
    secret = workshop.path / "secret"
    secret.write_text("a secret both servers have been given\n")
    common = (*PACE, "--secret-file", str(secret))
    workshop.start("serve", "logon", "--listen", f"127.0.0.1:{logon_port}", *common)

    def start_site() -> Process:
        return workshop.start(
            "serve",
            "site",
            *("--listen", f"127.0.0.1:{site_port}", "--response", "Very Fast", *common),
            *("--clock", f"http://127.0.0.1:{logon_port}"),
            *("--logon", f"LOGON1=http://127.0.0.1:{logon_port},distribution"),
        )

    site = start_site()
    administrator = Administrator(workshop.servers()["SITE1"])
    package = administrator.make_package("OFFICE", a="a", b="b", c="c")
    fleet = workshop.start(
        "fleet",
        "--clients",
        str(CLIENTS),
        "--poll-every",
        "12h",
        "--json",
        ready="first poll of all",
    )
    job = administrator.run_everywhere("FIRST", package)

    def done() -> int:
        return Counter(administrator.statuses(job).values())["Complete"]

    def have_reported(count: int) -> bool:
        return done() >= count

    for count in (5, 20):
        until(partial(have_reported, count), f"{count} workstations have reported")
        assert done() < CLIENTS, "the site server is to die in mid-run"
        site.kill()
        site = start_site()
    until(
        lambda: administrator.job(job)["job"]["status"] == "Complete",
        "every workstation is counted",
    )
    until(lambda: not _waiting_files(workshop.path / "despoolr-data"), "every box is empty")

    assert set(administrator.statuses(job)) == {f"PC{n:05}" for n in range(1, CLIENTS + 1)}
    assert set(administrator.statuses(job).values()) == {"Complete"}
    assert fleet.terminate()[0] == 143
    summary = data_of(fleet.said[fleet.said.index("{") :])
    assert summary["runs"] == summary["reports"] == CLIENTS, "no client ran the package twice"

    assert site.terminate()[0] == 0
    data = workshop.path / "despoolr-data/site"
    with closing(sqlite3.connect(data / "BPC.db")) as database:
        loaded = [
            row[0]
            for row in database.execute("SELECT Report FROM LoadedReports")
            if REPORT.match(row[0])
        ]
        rows = database.execute(
            "SELECT COUNT(*) FROM JobDetails WHERE Kind = 'Workstation'"
        ).fetchone()[0]
        events = database.execute("SELECT Code, Text FROM Events").fetchall()
    assert len(loaded) == CLIENTS and rows == CLIENTS
    assert events == [], "nothing was moved aside, nothing was unknown"

    told = [fact for _, fact in of(load_run(data).records(), DetailStatusChanged)]
    counted = Counter((row.machine, row.status) for row in told if row.machine.startswith("PC"))
    assert max(counted.values()) == 1, "a status was counted twice"


def _waiting_files(data: Path) -> list[Path]:
    """Files that still wait in a box on the way from the clients to the site database."""
    boxes = [
        data / "logon/LOGON1/SMS_SHR/DESPOOLR.BOX",
        data / "site/SITE1/SMS_SITE",
        data / "site/SITE1/SMS_SHRD/SITE.SRV/DATALOAD.BOX/DELTAMIF.COL",
    ]
    assert all(box.is_dir() for box in boxes)
    return [p for box in boxes for p in box.iterdir() if p.is_file() and not p.name.startswith(".")]
