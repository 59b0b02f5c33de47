"""Samples become series: a piece for each life of a process, bounded, written down whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_lab.samples import (
    FleetSample,
    ProcessSample,
    Sample,
    ScrapeFailure,
    ShareSample,
    SiteSample,
)
from despoolr_lab.soak import watch as module
from despoolr_lab.soak.drift import DriftVerdict
from despoolr_lab.soak.watch import SoakWatch


def told(tasks: float, started_at: float = 1.0, lapsed: float = 0.0, box: float = 0.0) -> Sample:
    share = ShareSample(boxes={("SMS_SHR", "DESPOOLR.BOX"): box})
    process = ProcessSample(tasks=tasks, started_at=started_at, memory=5e6, cpu_s=1.0)
    return Sample(
        "SITE1", 0.0, 0.0, process, share, SiteSample(fleets_lapsed=lapsed), FleetSample()
    )


def test_a_restart_begins_a_new_piece() -> None:
    watch = SoakWatch()
    for at, born in ((0.0, 1.0), (1.0, 1.0), (2.0, 7.0)):
        watch.take(at, told(9.0, born))
    assert [[point.at_s for point in piece] for piece in watch.series["SITE1", "tasks"]] == [
        [0.0, 1.0],
        [2.0],
    ]


def test_a_silent_process_is_counted_and_a_lapse_is_kept() -> None:
    watch = SoakWatch()
    watch.take(0.0, ScrapeFailure("SITE1", 0.0, "no answer"))
    watch.take(1.0, told(1.0, lapsed=2.0))
    watch.take(2.0, told(1.0, lapsed=0.0))
    assert (watch.silence_count, watch.lapsed_count) == (1, 2)


def test_what_is_taken_while_draining_is_written_and_not_judged(tmp_path: Path) -> None:
    watch = SoakWatch()
    watch.open(tmp_path / "samples.csv")
    watch.take(0.0, told(9.0))
    watch.take(1.0, told(8.0, box=3.0), is_judged=False)
    watch.close()
    lines = (tmp_path / "samples.csv").read_text().splitlines()
    assert lines[0] == "seconds,process,started,resource,value,judged"
    assert (
        "1.00,SITE1,1.00,tasks,8,0" in lines
        and "1.00,SITE1,1.00,box SMS_SHR/DESPOOLR.BOX,3,0" in lines
    )
    assert not any(line.startswith("0.00,SITE1,1.00,box SMS_SHR") for line in lines), (
        "a box that never held anything is not written"
    )
    assert len(watch.series["SITE1", "tasks"][0]) == 1
    assert watch.boxes() == {"SITE1 DESPOOLR.BOX": 3}


def test_a_long_piece_is_thinned_out_and_keeps_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POINTS_MAX", 100)
    watch = SoakWatch()
    for n in range(1000):
        watch.take(float(n), told(float(n)))
    (piece,) = watch.series["SITE1", "tasks"]
    assert len(piece) < 100 and piece[0].at_s == 0.0 and piece[-1].at_s == 999.0
    assert [p.at_s for p in piece] == sorted(p.at_s for p in piece)


def test_old_lives_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECES_MAX", 3)
    watch = SoakWatch()
    for n in range(5):
        watch.take(float(n), told(1.0, started_at=float(n + 1)))
    assert [piece[0].at_s for piece in watch.series["SITE1", "tasks"]] == [2.0, 3.0, 4.0]


def test_the_worst_comes_first_and_what_was_always_nothing_is_not_told() -> None:
    watch = SoakWatch()
    for n in range(400):
        watch.take(3.0 * n, told(10.0 + n / 4))
    judged = watch.judged(10.0, 60.0)
    assert [(row.resource, row.judgement.verdict) for row in judged] == [
        ("tasks", DriftVerdict.DRIFT),
        ("memory", DriftVerdict.STEADY),
    ]
    assert len(judged[0].points) == 400
