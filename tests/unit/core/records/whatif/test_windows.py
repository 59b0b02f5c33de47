"""When nobody had files open."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.kinds.share import OpenClosed, OpenGranted, ShareStarted
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif import hold_table, windows
from despoolr_core.records.whatif.hold_table import HoldTable
from despoolr_core.records.whatif.stretches import DAY_S
from despoolr_core.records.whatif.windows import (
    DailyWindow,
    FreeWindow,
    Habit,
    Quietest,
    windows_of,
)

HOUR_S = 3600.0
START = 30 * DAY_S


def opened(number: int, at: float, path: str, machine: str = "WS1", **more: str) -> Record:
    said = {"access": "READ", "share_mode": "READ"} | more
    granted = OpenGranted(
        server="FS1",
        open=f"O{number}",
        session="",
        machine=machine,
        user="",
        program="",
        share="pkg",
        path=path,
        action="OPENED",
        purpose="",
        **said,
    )
    return Record(number, at, machine, granted)


def closed(number: int, at: float) -> Record:
    gone = OpenClosed(
        server="FS1", open=f"O{number}", machine="", share="pkg", path="", reason="closed"
    )
    return Record(number, at, "", gone)


def table_of(*records: Record, days: float = 1, **bounds: int) -> HoldTable:
    table = HoldTable(lambda _: True, **bounds)
    table.apply(Record(0, START, "", ShareStarted(server="FS1")))
    for record in sorted(records, key=lambda one: one.at):
        table.apply(record)
    table.apply(Record(0, START + days * DAY_S, "", RunEnded(reason="")))
    return table


def test_a_window_is_a_stretch_in_which_no_file_is_open() -> None:
    at = START + 3 * HOUR_S
    table = table_of(
        opened(1, START, "a"),
        closed(1, at),
        opened(2, at + 600, "b"),
        opened(3, at + 900, "A"),
        closed(2, at + 1200),
    )
    found = windows_of(table)
    assert (found.files, found.opens) == (2, 3)
    assert found.windows == (FreeWindow(at, at + 600),)
    assert found.daily is None and found.quietest is None


def test_the_longest_windows_come_first_and_only_so_many() -> None:
    records = []
    for number in range(20):
        at = START + number * (number + 1) / 2 * 60
        records += [opened(number, at, "a"), closed(number, at + 1)]
    found = windows_of(table_of(*records)).windows
    lengths = [one.end - one.begin for one in found]
    assert len(found) == windows.WINDOWS_MAX and lengths == sorted(lengths, reverse=True)
    assert found[0].at_edge and not found[1].at_edge


def test_without_any_window_the_quietest_stretch_is_told() -> None:
    at = START + HOUR_S
    table = table_of(
        opened(1, START, "a"),
        opened(2, START, "b", "WS2"),
        closed(2, at),
        opened(3, at + 60, "b", "WS2"),
    )
    assert windows_of(table).quietest == Quietest(at, at + 60, 1, 1)


def test_only_files_that_are_asked_for_count() -> None:
    table = table_of(opened(1, START, "office/a"), opened(2, START + HOUR_S, "tools/b"))
    found = windows_of(table, lambda key: key[2].startswith("TOOLS/"))
    assert (found.files, found.windows) == (1, (FreeWindow(START, START + HOUR_S, at_edge=True),))


def test_an_open_for_attributes_only_is_in_nobodys_way() -> None:
    table = table_of(opened(1, START, "a", access="READ_ATTRIBUTES"))
    assert len(table) == 0


def test_a_backup_every_night_is_told_with_its_hour_and_its_files() -> None:
    records = []
    for day in range(5):
        for file in range(31):
            number = day * 100 + file
            at = START + day * DAY_S + 2 * HOUR_S
            records.append(opened(number, at + file, f"f{file}", "SRV9"))
            records.append(closed(number, at + HOUR_S - 1))
    found = windows_of(table_of(*records, days=5))
    assert found.habits == (Habit("SRV9", 2, 5, 5, 31),)
    assert found.daily == DailyWindow(int(3 * HOUR_S), int(23 * HOUR_S), 5)


def test_nobody_comes_on_more_days_than_were_recorded() -> None:
    """Two days from half past two on: three of them have a part of that hour."""
    table = HoldTable(lambda _: True)
    for day, minutes in ((0, 150), (1, 120), (2, 120)):
        at = START + day * DAY_S + minutes * 60
        table.apply(opened(day, at, "f", "SRV9"))
        table.apply(closed(day, at + 900))
    (habit,) = windows_of(table).habits
    assert habit == Habit("SRV9", 2, 2, 2, 1)


def test_who_is_there_all_day_has_no_hour() -> None:
    records = []
    for hour in range(48):
        records.append(opened(hour, START + hour * HOUR_S, "a"))
        records.append(closed(hour, START + hour * HOUR_S + 1800))
    assert windows_of(table_of(*records, days=2)).habits == ()


def test_opens_and_files_past_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [opened(number, START + number, f"f{number}") for number in range(5)]
    assert (len(few := table_of(*records, opens_max=2)), few.left_out_count) == (2, 3)
    few = table_of(*records, files_max=2)
    assert (len(few), len(few.files), few.left_out_count) == (2, 2, 3)
    monkeypatch.setattr(hold_table, "HOLDERS_MAX", 1)
    machines = [opened(n, START + n, "f", f"WS{n}") for n in range(3)]
    table = table_of(*machines)
    who = [table.holders[place].told for place in table.holder]
    assert who == ["WS0", "somebody", "somebody"], "no wrong name is told"


def test_a_server_that_starts_again_has_nothing_open() -> None:
    again = Record(9, START + 60, "", ShareStarted(server="FS1"))
    assert list(table_of(opened(1, START, "a"), again).closed) == [START + 60]


def test_a_recording_of_one_moment_has_no_quietest_stretch() -> None:
    found = windows_of(table_of(opened(1, START, "a"), days=0))
    assert (found.files, found.opens, found.quietest) == (1, 1, None)
