"""Which records the log of a process tells, and in which words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from despoolr_app.process.logs import record_log
from despoolr_app.process.logs.record_log import log_record
from despoolr_core.records.kinds import KINDS
from despoolr_core.records.stream import Record
from despoolr_core.share.wire import Blocker
from worlds.record_samples import sample

WORD = Blocker("O1", "WS50", "", "WINWORD.EXE", "READ", "READ", 0.0)
INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR


@pytest.fixture(autouse=True)
def everything_is_logged() -> Iterator[None]:
    logger = logging.getLogger("despoolr")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


@pytest.mark.parametrize(
    ("kind", "data", "level", "message"),
    [
        (
            "share.damaged",
            {"server": "LOGON1", "share": "SMS_SHR", "found": "journal 1 is gone"},
            ERROR,
            "nothing on SMS_SHR of LOGON1 can be changed: journal 1 is gone",
        ),
        (
            "fault.began",
            {"fault": "link_down", "where": "LOGON1 to everybody"},
            WARNING,
            "broken on purpose: link_down, LOGON1 to everybody",
        ),
        (
            "fault.ended",
            {"fault": "link_down", "where": "LOGON1 to everybody"},
            WARNING,
            "no longer broken: link_down, LOGON1 to everybody",
        ),
        (
            "open.refused",
            {
                "server": "LOGON1",
                "path": "b.dat",
                "program": "SMS_DESPOOLER",
                "machine": "SITE1",
                "blockers": (WORD, WORD),
            }
            | {"nt_status": "STATUS_SHARING_VIOLATION"},
            WARNING,
            "b.dat on LOGON1 refused to SMS_DESPOOLER on SITE1 (STATUS_SHARING_VIOLATION): "
            "WINWORD.EXE on WS50 has it open and 1 more",
        ),
        (
            "open.refused",
            {
                "server": "LOGON1",
                "path": "b.dat",
                "machine": "PC01",
                "blockers": (),
                "nt_status": "STATUS_DISK_FULL",
            },
            ERROR,
            "disk full: b.dat on LOGON1 could not be written for PC01",
        ),
        (
            "copy.ended",
            {
                "package": "P1",
                "server": "LOGON1",
                "attempt": 2,
                "result": "refused",
                "file": "b.dat",
                "win32": 32,
            },
            WARNING,
            "copy of package P1 to LOGON1, attempt 2: refused at b.dat, Win32 error 32; it will "
            "be tried again",
        ),
        (
            "session.ended",
            {"session": "S1", "machine": "PC07", "reason": "lease expired"},
            WARNING,
            "session S1 of PC07 fell silent: its lease is over",
        ),
        (
            "slots.lapsed",
            {"holder": "f1", "first": 1, "count": 250},
            WARNING,
            "fleet f1 fell silent and lost clients 1 to 250",
        ),
        (
            "job.status",
            {"job": "BPC00001", "status": "Retrying"},
            WARNING,
            "job BPC00001 is Retrying",
        ),
        (
            "job.status",
            {"job": "BPC00001", "status": "Pending", "reason": "created"},
            INFO,
            "job BPC00001 is Pending: created",
        ),
        (
            "mif.refused",
            {"file": "X.MIF", "reason": "no end"},
            WARNING,
            "MIF X.MIF refused: no end",
        ),
        (
            "pcm.polled",
            {"result": "failed", "server": "LOGON1", "reason": "gone"},
            WARNING,
            "poll of LOGON1 failed: gone",
        ),
    ],
)
def test_what_matters_is_told(
    kind: str, data: dict[str, Any], level: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_record(Record(1, 0.0, "LOGON1/PC01", sample(KINDS[kind], **data)))
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(level, message)]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("open.granted", {"path": "b.dat"}),
        ("open.refused", {"path": "b.dat", "nt_status": "STATUS_ACCESS_DENIED", "blockers": ()}),
        ("copy.ended", {"result": "complete"}),
        ("session.ended", {"reason": "logoff"}),
        ("pcm.polled", {"result": "unchanged"}),
    ],
)
def test_what_is_ordinary_is_not(
    kind: str, data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    log_record(Record(1, 0.0, "LOGON1/PC01", sample(KINDS[kind], **data)))
    assert caplog.records == []


def test_every_kind_that_is_told_exists() -> None:
    assert record_log._LINES.keys() <= set(KINDS.values())
