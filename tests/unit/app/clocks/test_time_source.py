"""Site time never goes back, whatever is done to the wall clock, and all processes of a machine
agree on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from despoolr_app.clocks.time_source import Anchor, TimeSource, parse_anchor
from despoolr_app.process.runtime import CUT_S_MAX, Runtime, StartError, prepare
from despoolr_app.process.settings import RuntimeSettings
from despoolr_app.process.stack_dir import open_common
from despoolr_core.records.kinds.site import LineLogged
from despoolr_core.records.stream import Record, encode
from despoolr_core.timing import Timing

HOUR = 3600.0
NOON = 1_750_000_000.0
X60 = Timing(60.0)
SECRET = b"x" * 16


@dataclass
class Machine:
    """A machine's clocks, which a test moves: time passes on both, somebody sets the wall clock, or
    it is restarted.
    """

    wall: float = NOON
    steady: float = 1000.0
    boot: str = "first"

    @property
    def source(self) -> TimeSource:
        return TimeSource(lambda: self.wall, lambda: self.steady, lambda: self.boot)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def restarts(self) -> None:
        self.steady, self.boot = 5.0, "second"


def begin(machine: Machine, data: Path, timing: Timing = X60, **more: Any) -> Runtime:
    runtime = prepare(replace(RuntimeSettings(data, timing, SECRET), **more), machine.source)
    runtime.begin()
    return runtime


def once(
    machine: Machine, data: Path, timing: Timing = X60, *, clean: bool = False, **more: object
) -> float:
    """Start a process, and the site time it starts at; it is killed at once, or stopped."""
    runtime = begin(machine, data, timing, **more)
    now = runtime.clock.now()
    runtime.end(is_clean=clean)
    return now


@pytest.mark.parametrize("set_by", [-HOUR, -30.0, 0.0, HOUR, 24 * HOUR])
async def test_a_killed_process_goes_on_where_its_neighbours_are(
    tmp_path: Path, set_by: float
) -> None:
    machine = Machine()
    first = once(machine, tmp_path)
    machine.passes(10.0)
    machine.wall += set_by
    assert once(machine, tmp_path) == pytest.approx(first + 600.0, abs=60.0)


@pytest.mark.parametrize("timing", [Timing(1.0), X60])
@pytest.mark.parametrize("clean", [False, True])
async def test_a_wall_clock_that_was_set_back_turns_no_time_back(
    tmp_path: Path, timing: Timing, *, clean: bool
) -> None:
    machine = Machine()
    before = once(machine, tmp_path, timing, clean=clean)
    machine.wall -= HOUR
    machine.restarts()
    again = once(machine, tmp_path, timing, clean=clean)
    assert before <= again <= before + 60.0 + (0.0 if clean else CUT_S_MAX * 60.0)


async def test_a_note_that_was_late_and_long_in_memory_turns_no_time_back_after_a_power_cut(
    tmp_path: Path,
) -> None:
    """Two beats, and the half minute and five seconds in which the system writes nothing out."""
    machine = Machine()
    before = once(machine, tmp_path)
    machine.passes(40.0 + 30.0 + 5.0)
    machine.wall -= HOUR
    machine.restarts()
    assert once(machine, tmp_path) >= before + 74.0 * 60.0


async def test_the_last_record_is_a_time_that_was(tmp_path: Path) -> None:
    machine = Machine()
    first = once(machine, tmp_path)
    (tmp_path / "records.jsonl").write_bytes(
        encode(Record(1, first + 5000.0, "X", LineLogged(component="X", text=""))) + b"\n{cut"
    )
    machine.wall -= HOUR
    machine.restarts()
    assert once(machine, tmp_path) >= first + 5000.0


async def test_a_running_process_does_not_see_the_wall_clock(tmp_path: Path) -> None:
    machine = Machine()
    runtime = begin(machine, tmp_path)
    times = [runtime.clock.now()]
    for moved in (-HOUR, HOUR, 24 * HOUR, -48 * HOUR):
        machine.wall += moved
        times.append(runtime.clock.now())
    runtime.end(is_clean=False)
    assert times == sorted(times)
    assert times[-1] - times[0] < 60.0


async def test_another_pace_goes_on_from_the_last_time(tmp_path: Path) -> None:
    machine = Machine()
    runtime = begin(machine, tmp_path)
    runtime.clock.epoch += 60 * HOUR
    last = runtime.clock.now()
    runtime.end(is_clean=True)
    real = begin(machine, tmp_path, Timing(1.0))
    assert real.clock.now() >= last
    assert "now it is real time" in real.changes[0]
    real.end(is_clean=True)


async def test_a_neighbours_time_is_taken_over_unless_it_is_in_the_past(tmp_path: Path) -> None:
    machine = Machine()
    for asked, expected in ((NOON + HOUR, NOON + HOUR), (NOON, NOON + HOUR)):
        runtime = prepare(RuntimeSettings(tmp_path, X60, SECRET), machine.source)
        runtime.begin(asked)
        assert runtime.clock.now() == pytest.approx(expected, abs=60.0)
        runtime.end(is_clean=False)


@pytest.mark.parametrize("set_by", [-HOUR, HOUR])
async def test_processes_with_a_common_moment_agree_after_the_wall_clock_was_set(
    tmp_path: Path, set_by: float
) -> None:
    machine = Machine()

    def join(name: str) -> float:
        common = open_common(tmp_path / "common", machine.wall, machine.source.anchor())
        return once(machine, tmp_path / name, since=common.since, anchor=common.anchor)

    first = join("a")
    machine.passes(100.0)
    machine.wall += set_by
    old, new = join("a"), join("b")
    assert old == pytest.approx(first + 6000.0, abs=60.0)
    assert new == pytest.approx(old, abs=60.0)


async def test_with_a_common_moment_a_restarted_machine_goes_by_the_wall_and_not_back(
    tmp_path: Path,
) -> None:
    machine = Machine()
    common = open_common(tmp_path / "common", machine.wall, machine.source.anchor())
    machine.passes(HOUR)
    before = once(machine, tmp_path / "a", since=common.since, anchor=common.anchor)
    machine.restarts()
    machine.wall += 120.0
    assert once(machine, tmp_path / "a", since=common.since, anchor=common.anchor) == pytest.approx(
        before + 2 * HOUR, abs=60.0
    )
    machine.wall -= 2 * HOUR
    assert once(machine, tmp_path / "a", since=common.since, anchor=common.anchor) >= before
    settings = RuntimeSettings(
        tmp_path / "a", Timing(1.0), SECRET, since=common.since, anchor=common.anchor
    )
    slower = prepare(settings, machine.source)
    with pytest.raises(StartError, match="would go back"):
        slower.begin()
    slower.end(is_clean=False)


def test_an_anchor_of_another_boot_or_of_none_holds_nothing() -> None:
    machine = Machine()
    anchor = machine.source.anchor()
    machine.passes(5.0)
    machine.wall += HOUR
    assert machine.source.wall_since(anchor) == NOON + 5.0
    assert machine.source.wall_since(None) == machine.wall
    for boot in ("second", ""):
        assert machine.source.wall_since(Anchor(anchor.wall, anchor.steady, boot)) == machine.wall
    assert machine.source.wall_since(Anchor(NOON, 10**9, "first")) == machine.wall, (
        "a steady clock goes forward"
    )


def test_what_is_no_anchor_is_none() -> None:
    assert parse_anchor(b"") is None and parse_anchor(b"{") is None
