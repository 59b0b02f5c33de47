"""What every service holds on to: its log lines, its events, its intervals; and the names of
things.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_core.formats.tracer import TraceLine
from despoolr_core.response import Response
from despoolr_lab.sim.world import run_virtual
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import thread_of
from despoolr_server.site.state.logs import FLUSH_S, LOG_FILES, LogDirectory, NoLogFiles
from worlds.share import EPOCH
from worlds.site import Bench


@pytest.mark.parametrize(
    ("response", "poll", "retry"),
    [
        (Response.VERY_FAST, 60, 24 * 60),
        (Response.FAST, 300, 7200),
        (Response.MEDIUM, 900, 21600),
        (Response.SLOW, 1800, 43200),
    ],
)
def test_the_intervals_are_those_of_the_response_setting(
    response: Response, poll: float, retry: float
) -> None:
    site = Bench(response=response).site
    assert (site.polling_s, site.retry_s) == (poll, retry)


async def test_an_event_is_a_row_and_a_record() -> None:
    bench = Bench()
    await bench.site.report_event("SMS_DESPOOLER", 14, "SMS_DESPOOLER", job="BPC00001")
    assert bench.rows("Events", "Code", "Component", "JobID", "At") == [
        (14, "SMS_DESPOOLER", "BPC00001", EPOCH)
    ]
    (fact,) = bench.facts("event")
    assert fact["text"] == (
        "SMS_DESPOOLER encountered a fatal error, and is unable to retry the instruction.\n"
        "MachineName = SITE1\n"
        "SiteCode = BPC\n"
        "Component = SMS_DESPOOLER\n"
        "JobID = BPC00001\n"
        "JobDestination = BPC"
    )


async def test_a_log_line_is_a_record_and_a_line_in_the_components_file(tmp_path: Path) -> None:
    bench = Bench()
    bench.site.logs = LogDirectory(tmp_path)
    bench.site.log("SMS_DESPOOLER", "~Waiting for ready instruction file....")
    assert bench.log("DESPOOLER") == ["~Waiting for ready instruction file...."]
    assert not (tmp_path / "DESPOOL.LOG").exists(), "it waits for others"
    bench.site.logs.close()
    line = (tmp_path / "DESPOOL.LOG").read_bytes()
    assert line.startswith(b"~Waiting for ready instruction file....") and line.endswith(b">\r\n")
    assert b"$$<SMS_DESPOOLER><Mon Jun 03 07:00:00 1996~>" in line


def test_a_log_file_is_capped_and_the_old_one_kept(tmp_path: Path) -> None:
    logs = LogDirectory(tmp_path, size_max=500)
    for n in range(30):
        # no loop runs: each is written at once
        logs.write(TraceLine(f"line {n}", "SMS_LAN_SENDER", EPOCH, 0x70))
    logs.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LANSEND.LOG", "LANSEND.LO_"]
    assert (tmp_path / "LANSEND.LOG").stat().st_size < 700
    assert b"line 29" in (tmp_path / "LANSEND.LOG").read_bytes()


def test_lines_that_come_together_are_written_together_before_long(tmp_path: Path) -> None:
    async def main() -> None:
        logs = LogDirectory(tmp_path)
        for n in range(3):
            logs.write(TraceLine(f"line {n}", "SMS_LAN_SENDER", EPOCH, 0x70))
        assert not list(tmp_path.iterdir())
        await asyncio.sleep(FLUSH_S * 1.1)
        assert (tmp_path / "LANSEND.LOG").read_bytes().count(b"\r\n") == 3

    run_virtual(main)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_a_line_that_the_disk_does_not_take_stops_nobody(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    logs = LogDirectory(tmp_path)
    make(tmp_path / "LANSEND.LOG")
    logs.write(TraceLine("x", "SMS_LAN_SENDER", EPOCH, 0x70))
    logs.write(TraceLine("y", "SMS_SCHEDULER", EPOCH, 0x70))
    assert (tmp_path / "SCHED.LOG").exists()


def test_an_unknown_component_gets_a_file_of_its_own_name(tmp_path: Path) -> None:
    LogDirectory(tmp_path).write(TraceLine("x", "SMS_NEW", EPOCH, 1))
    assert (tmp_path / "SMS_NEW.LOG").exists()
    NoLogFiles().write(TraceLine("x", "SMS_NEW", EPOCH, 1))
    NoLogFiles().close()


def test_every_service_has_a_log_file_and_a_thread_that_never_changes() -> None:
    bench = Bench()
    assert {service.component for service in bench.services} <= set(LOG_FILES)
    assert thread_of("SMS_DESPOOLER") == 179
    assert len(set(LOG_FILES.values())) == len(LOG_FILES)


def test_the_master_files_of_a_domain_have_their_directory() -> None:
    assert boxes.domain_directory("SALES") == "SITE.SRV/MAINCFG.BOX/PCMDOM.BOX/SALES.000"
    assert not set(boxes.SITE_DIRECTORIES) & set(boxes.LOGON_DIRECTORIES)
