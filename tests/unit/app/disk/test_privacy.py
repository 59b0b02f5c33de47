"""What a process keeps is for its own user, whatever the umask, and what was wider is no longer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from despoolr_app.disk import privacy
from despoolr_app.disk.privacy import tighten
from despoolr_app.process.runtime import prepare
from despoolr_app.process.settings import RuntimeSettings
from despoolr_app.runs.directory import RunDirectory
from despoolr_core.records.kinds.share import ShareStarted
from despoolr_core.records.stream import Record


@pytest.fixture(autouse=True)
def wide_open() -> Iterator[None]:
    """The widest umask there is."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def modes(directory: Path) -> dict[str, int]:
    return {
        path.relative_to(directory).as_posix(): mode(path)
        for path in [directory, *directory.rglob("*")]
        if not path.is_symlink()
    }


async def test_a_data_directory_is_for_its_user_whatever_the_umask(tmp_path: Path) -> None:
    data = tmp_path / "data"
    runtime = prepare(RuntimeSettings(data))
    runtime.begin()
    runtime.recorder.record("X", ShareStarted(server="X"))
    runtime.store_directory("LOGON1", "SMS_SHR")
    runtime.end(is_clean=True)
    found = modes(data)
    assert {"secret", "admin.token", "state.json", "records.jsonl", "lock"} <= found.keys()
    assert all(one in (0o700, 0o600) for one in found.values()), found
    assert runtime.changes == []


def test_a_run_is_for_its_user_whatever_the_umask(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "runs", "19960603T080000Z", "x", 1) as run:
        run.listener(Record(1, 0.0, "X", ShareStarted(server="X")))
        run.write_summary({"a": 1})
    assert all(one in (0o700, 0o600) for one in modes(tmp_path / "runs").values())


async def test_data_that_others_could_read_is_tightened_and_told(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    (data / "LOGON1" / "SMS_SHR").mkdir(parents=True)
    (data / "records.jsonl").write_bytes(b"")
    elsewhere.write_text("not ours")
    (data / "link").symlink_to(elsewhere)
    (data / "private").mkdir(mode=0o700)
    runtime = prepare(RuntimeSettings(data))
    runtime.begin()
    runtime.end(is_clean=True)
    assert all(one in (0o700, 0o600) for one in modes(data).values())
    assert mode(elsewhere) == 0o666
    assert (
        runtime.changes[0]
        == f"4 files and directories in {data} could be read by other users of this machine; "
        "no longer"
    )


def test_what_is_private_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o600)
    tmp_path.chmod(0o700)
    assert tighten(tmp_path) == []


def test_a_directory_is_looked_through_so_deep_and_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path
    for depth in range(privacy.DEPTH_MAX + 1):
        deep = deep / f"{depth}"
        deep.mkdir()
    tighten(tmp_path)
    assert [mode(path) for path in (deep.parent, deep)] == [0o700, 0o777]
    monkeypatch.setattr(privacy, "ENTRIES_MAX", 3)
    wide = tmp_path / "wide"
    wide.mkdir(mode=0o700)
    for number in range(4):
        (wide / f"{number}").touch()
    tighten(wide)
    assert [mode(wide / f"{number}") for number in range(4)] == [0o600, 0o600, 0o600, 0o666]
