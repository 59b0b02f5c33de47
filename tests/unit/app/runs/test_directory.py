"""Where a run is kept, and what a reader makes of one that was cut off."""

from __future__ import annotations

import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from despoolr_app.runs import directory as runs
from despoolr_app.runs.directory import (
    RecordFile,
    RunDirectory,
    RunError,
    find_run,
    latest,
    load_run,
    utc_stamp,
)
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record, Recorder, of
from worlds.support import leave_out

STAMP = utc_stamp(833_788_800.0)


def _record(run: RunDirectory, count: int = 3) -> None:
    recorder = Recorder(lambda: 1.0, [run.listener])
    for n in range(count):
        recorder.record(
            "BPC/SMS_DESPOOLER", LineLogged(component="SMS_DESPOOLER", text=f"line {n}")
        )


def test_a_run_is_named_after_its_time_scenario_and_seed_and_is_the_latest(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "runs", STAMP, "q147819 update/in use", 7) as run:
        _record(run)
        run.write_summary({"passed": True})
    assert run.path.name == "19960603T080000Z-q147819-update-in-use-seed7"
    assert latest(tmp_path / "runs") == run.path
    found = find_run("latest", tmp_path / "runs")
    assert found.summary == {"passed": True}
    assert [fact.text for _, fact in of(found.records(), LineLogged)] == [
        "line 0",
        "line 1",
        "line 2",
    ]
    assert found.notes == [] and run.notes == []


def test_two_runs_of_one_second_do_not_share_a_directory(tmp_path: Path) -> None:
    first = RunDirectory.create(tmp_path, STAMP, "demo", 1)
    second = RunDirectory.create(tmp_path, STAMP, "demo", 1)
    first.close()
    second.close()
    assert first.path != second.path and latest(tmp_path) == second.path


def test_where_links_cannot_be_made_a_text_file_points_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        pass
    assert (tmp_path / "latest").is_file() and latest(tmp_path) == run.path


def test_a_last_line_that_was_cut_off_is_a_note_and_not_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        _record(run)
    file = run.path / runs.RECORDS
    file.write_bytes(file.read_bytes()[:-10])
    found = load_run(run.path)
    assert [r.seq for r in found.records()] == [1, 2]
    assert found.notes == [
        runs.NOT_ENDED,
        "the last line is cut off: the process that wrote it was killed; everything before "
        "it counts",
    ]


@pytest.mark.parametrize("end", ["nothing", "run.ended", runs.SUMMARY, runs.STATE])
def test_a_run_that_did_not_end_says_so_and_a_server_has_no_end(tmp_path: Path, end: str) -> None:
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        _record(run)
        if end == "run.ended":
            Recorder(lambda: 1.0, [run.listener]).end("scenario", reason="time up")
        elif end != "nothing":
            (run.path / end).write_text("{}")
    found = load_run(run.path)
    assert len(list(found.records())) >= 3
    assert found.notes == ([runs.NOT_ENDED] if end == "nothing" else [])


def test_a_run_of_which_nothing_was_recorded_is_an_error_and_no_answer(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        pass
    with pytest.raises(RunError, match="did not end, and nothing of it was recorded"):
        list(load_run(run.path).records())
    run.write_summary({})
    with pytest.raises(RunError, match="there are no records to tell of"):
        list(load_run(run.path).records())


def test_lines_in_the_middle_that_are_no_records_are_skipped_and_counted(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        _record(run, 2)
        run.write_summary({})
    file = run.path / runs.RECORDS
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b'{"seq": "x"}\n\xff\n' + second)
    found = load_run(run.path)
    assert [r.seq for r in found.records()] == [1, 2]
    assert found.notes == ["2 lines that are no record: skipped"]


def test_a_writer_ends_the_half_line_of_a_killed_process_before_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"seq":1,"at":1.0,"actor":"x","kind":"log","da')
    file = RecordFile(path)
    file(Record(1, 2.0, "x", LineLogged(component="x", text="y")))
    file.close()
    found = load_run(tmp_path)
    assert [r.at for r in found.records()] == [2.0]


def test_reading_stops_at_the_limit_and_says_so(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, STAMP, "demo", 1) as run:
        _record(run, 5)
    found = runs.FinishedRun(run.path, records_max=4)
    assert len(list(found.records())) == 4 and found.notes == ["only the first 4 records were read"]


def test_a_capped_file_keeps_the_records_before_it_and_both_are_read(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "records.jsonl", size_max=100)
    for n in range(1, 5):
        file(Record(n, float(n), "LOGON1/WS1", LineLogged(component="x", text="y")))
    file.close()
    assert (tmp_path / "records.1.jsonl").stat().st_size <= 200
    assert [r.seq for r in load_run(tmp_path).records()][-1] == 4


def test_records_that_are_put_off_are_written_together_and_at_the_latest_at_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "records.jsonl"
    file = RecordFile(path)

    def lines() -> int:
        file._file.flush()  # type: ignore[union-attr]  # what waits is not in it
        return path.read_bytes().count(b"\n")

    for n in range(1, runs.TOGETHER_MAX):
        file.put_off(Record(n, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    assert lines() == 0
    file.put_off(Record(n + 1, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    assert lines() == runs.TOGETHER_MAX
    file.put_off(Record(n + 2, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    file.flush()
    assert lines() == runs.TOGETHER_MAX + 1
    file.put_off(Record(n + 3, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    file.close()
    assert [r.seq for r in load_run(tmp_path).records()] == [*range(1, n + 4)]


class SmallDisk(io.FileIO):
    """A file on a disk that has room for so many bytes."""

    room = 500_000

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = super().write(data[: self.room])
        self.room -= taken
        return taken


def test_where_the_disk_takes_no_more_of_many_no_line_is_left_in_part(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "records.jsonl")
    file.close()
    disk = SmallDisk(file.path, "a")
    file._file = io.BufferedWriter(disk, runs._BUFFER)
    for first, size in ((1, 1000), (5000, 10)):
        for n in range(first, first + runs.TOGETHER_MAX):
            file.put_off(Record(n, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y" * size)))
        file.flush()
        disk.room = 100_000_000
    assert file.lost_count > 0
    file.close()
    run = load_run(tmp_path)
    told = [record.seq for record in run.records()]
    assert told[-runs.TOGETHER_MAX :] == [*range(5000, 5000 + runs.TOGETHER_MAX)]
    assert not any("no record" in note for note in run.notes)


def test_all_records_that_were_put_off_and_do_not_fit_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RecordFile(tmp_path / "records.jsonl")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(file, "_open", refuse)
    file.close()
    for n in range(1, 4):
        file.put_off(Record(n, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    file.flush()
    assert file.lost_count == 3


@pytest.mark.parametrize("size", [1, 1000])
def test_a_record_that_no_line_can_be_made_of_is_counted_and_the_others_are_written(
    tmp_path: Path, size: int
) -> None:
    file = RecordFile(tmp_path / "records.jsonl")
    texts = {10: "y\ud800" + "z" * 100}
    for n in range(1, runs.TOGETHER_MAX):
        text = texts.get(n, "y" * size)
        file.put_off(Record(n, 1.0, "LOGON1/WS1", LineLogged(component="x", text=text)))
    file.flush()
    assert file.lost_count == 1
    file(Record(n + 1, 1.0, "LOGON1/WS1", LineLogged(component="x", text="\udc80")))
    file(Record(n + 2, 1.0, "LOGON1/WS1", LineLogged(component="x", text="y")))
    file.close()
    run = load_run(tmp_path)
    assert [r.seq for r in run.records()] == [*range(1, 10), *range(11, n + 1), n + 2]
    path = tmp_path / "records.jsonl"
    assert file.loss == (
        f"2 records could not be written to {path}: log (record {n + 1}) has half a "
        "surrogate pair, '\\udc80'"
    )
    assert file.loss.isprintable() and not any("no record" in note for note in run.notes)


def test_a_full_disk_does_not_stop_the_run_and_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        leave_out("this system has no /dev/full")
    monkeypatch.setattr(runs, "opener", lambda _, flags: os.open(full, flags))
    run = RunDirectory(tmp_path)
    _record(run, 20_000)
    run.close()
    assert run.listener.lost_count > 0
    assert "could not be written" in run.notes[0] and "No space left on device" in run.notes[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("latest", "there is no finished run in"),
        ("missing", "there is no run 'missing'"),
        (".", "is not a run: it has no records.jsonl"),
    ],
)
def test_a_run_that_is_not_there_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=reason):
        find_run(text, tmp_path)


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"cannot write runs to .*choose another place with --out"):
        RunDirectory.create(tmp_path / "runs", STAMP, "demo", 1)


@pytest.mark.slow
def test_runs_that_begin_beside_each_other_have_places_of_their_own_and_one_is_the_latest(
    tmp_path: Path,
) -> None:
    def many(_: int) -> list[Path]:
        return [runs.new_directory(tmp_path, STAMP, "demo", 1) for _ in range(25)]

    with ThreadPoolExecutor(8) as pool:
        made = [path for paths in pool.map(many, range(8)) for path in paths]
    assert len(set(made)) == 200 and latest(tmp_path) in made
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []


def test_summaries_that_are_written_at_one_time_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    texts = [f"{n}".encode() * 50_000 for n in range(8)]

    def write(data: bytes) -> None:
        for _ in range(25):
            runs.write_whole(file, data)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert file.read_bytes() in texts and list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_put_in_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "summary.json" / "x").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot write"):
        runs.write_whole(tmp_path / "summary.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_text_that_can_be_no_files_name_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run 'aaa"):
        find_run("a" * 300, tmp_path)


@pytest.mark.parametrize("name", ["file/x.csv", "a" * 300])
def test_a_place_where_no_file_can_be_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=f"cannot write {tmp_path}/{name[:9]}"):
        runs.write_whole(tmp_path / name, b"")
