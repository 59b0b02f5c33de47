"""A live page for the tests of `top`: one update that waits for WINWORD.EXE on WS1, one job that
is done.
"""

from __future__ import annotations

from despoolr_app.top.answer import TopAnswer
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    FileCopied,
    InstructionWritten,
    JobStatusChanged,
)
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.page_query import PageQuery
from worlds.live import page_of
from worlds.report import HOUR, START, Site

NOW = START + 30 * HOUR


def blocked_answer(program: str = "WINWORD.EXE", word: str = "") -> TopAnswer:
    """The page of the second day, 14:00."""
    about = {"package": "PKG", "server": "LOGON1"}
    site = Site().at(0)
    for job, name in (("J0", "FIRST"), ("J1", "UPDATE")):
        site.record(
            "BPC/SMS_SCHEDULER",
            JobStatusChanged(
                job=job, name=name, status="Active", was="Pending", reason="", package="PKG"
            ),
        )
    site.record("BPC/SMS_DESPOOLER", CopyStarted(job="J0", attempt=1, **about))
    site.write(job="J0").record(
        "BPC/D", FileCopied(job="J0", file="b.dat", result="copied", win32=0, **about)
    )
    site.record("BPC/D", _ended("J0", "complete", "", 0))
    site.job("Complete", "Active", "J0", "FIRST").at(1).hold("WS1", program=program)
    for hours in (2, 4, 28):
        site.at(hours).record("BPC/D", CopyStarted(job="J1", attempt=1, **about))
        site.refuse(program=program)
        site.record(
            "BPC/D", FileCopied(job="J1", file="b.dat", result="refused", win32=32, **about)
        )
        site.record("BPC/D", _ended("J1", "refused", "b.dat", 32))
    site.job("Retrying", "Active").record(
        "BPC/SMS_DESPOOLER",
        InstructionWritten(
            file="J1_R.SNI",
            type="SHARE",
            job="J1",
            retries=3,
            execute_at=NOW + 754,
            servers=("LOGON1",),
        ),
    )
    live = LiveFold()
    for record in site.records:
        live.apply(record)
    return TopAnswer(NOW, 60.0, "SITE1", True, page_of(live, PageQuery(word=word), NOW))


def _ended(job: str, result: str, file: str, win32: int) -> CopyEnded:
    return CopyEnded(
        job=job,
        package="PKG",
        server="LOGON1",
        attempt=1,
        result=result,
        file=file,
        win32=win32,
    )
