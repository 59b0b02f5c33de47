"""The runs of a directory: listed newest first, removed whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_app.runs.directory import LATEST, RunDirectory, RunError, latest, point_latest
from despoolr_app.runs.store import WRITTEN_S, RunStore

NOW = 2_000_000_000.0


def keep(
    root: Path, second: int, *, summary: dict[str, object] | None = None, at: float = NOW - 3600
) -> str:
    """A run that was written at `at`."""
    with RunDirectory.create(root, f"20261129T0000{second:02}Z", "story", 1) as run:
        if summary is not None:
            run.write_summary(summary)
    for path in run.path.iterdir():
        os.utime(path, (at, at))
    return run.path.name


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


def names(root: Path) -> list[str]:
    return [run.name for run in RunStore(root).runs()]


def test_runs_are_told_newest_first_with_what_they_came_to(root):
    first = keep(root, 1, summary={"passed": True, "kb": "Q147819", "verdict": "v"}, at=NOW - 9)
    second = keep(root, 2, summary={"passed": False, "kind": "load"}, at=NOW - 5)
    third = keep(root, 3, at=NOW - 1)
    fourth = keep(root, 4, summary={"interrupted": True, "resources": []}, at=NOW)
    told = RunStore(root).runs()
    assert [(run.name, run.kind, run.state) for run in told] == [
        (fourth, "soak", "interrupted"),
        (third, "scenario", "not ended"),
        (second, "load", "failed"),
        (first, "scenario", "passed"),
    ]
    assert (told[-1].scenario, told[-1].verdict, told[-1].at) == ("Q147819", "v", NOW - 9)
    assert told[-1].size == sum(path.stat().st_size for path in (root / first).iterdir()) > 0


def test_there_are_no_runs_where_there_is_no_directory(root):
    assert RunStore(root).runs() == []


def test_a_directory_of_too_many_entries_is_taken_for_something_else(root, monkeypatch):
    keep(root, 1, summary={})  # with `latest`, two entries
    monkeypatch.setattr("despoolr_app.runs.store.RUNS_MAX", 2)
    assert len(names(root)) == 1
    monkeypatch.setattr("despoolr_app.runs.store.RUNS_MAX", 1)
    with pytest.raises(RunError, match="more than 1 entries"):
        names(root)


def test_what_is_no_run_is_neither_listed_nor_removed(root):
    keep(root, 1, summary={})
    (root / "mine").mkdir()
    (root / "mine" / "records.jsonl").touch()
    (root / "20261129T000009Z-link-seed1").symlink_to(root / "mine")
    (root / "20261129T000010Z-notes").mkdir()
    (root / "20261129T000010Z-notes" / "mine.txt").touch()
    assert len(names(root)) == 1
    for name in (
        *("mine", "20261129T000009Z-link-seed1", "20261129T000010Z-notes"),
        *("..", ".", "", LATEST),
    ):
        with pytest.raises(RunError, match="there is no run"):
            RunStore(root).remove([name], NOW)
    assert (root / "mine" / "records.jsonl").exists()
    assert (root / "20261129T000010Z-notes" / "mine.txt").exists()


def test_what_only_looks_like_a_cut_off_removal_stays(root, tmp_path):
    keep(root, 1, summary={})
    (tmp_path / "others").mkdir()
    (root / ".removed-by-me").mkdir()
    (root / ".removed-0123456789abcdef").symlink_to(tmp_path / "others")
    (root / ".removed-fedcba9876543210").touch()
    RunStore(root).sweep()
    assert len(list(root.glob(".removed-*"))) == 3 and (tmp_path / "others").is_dir()


def test_a_load_has_a_summary_and_no_records(root):
    with RunDirectory.create(root, "20261129T000001Z", "storm", 1) as run:
        run.write_summary({"kind": "load", "passed": True})
    (run.path / "records.jsonl").unlink()
    assert [(kept.kind, kept.state) for kept in RunStore(root).runs()] == [("load", "passed")]


def test_a_run_outside_of_the_directory_is_not_removed(root, tmp_path):
    outside = keep(tmp_path / "others", 1, summary={})
    root.mkdir()
    for name in (f"../others/{outside}", str(tmp_path / "others" / outside)):
        with pytest.raises(RunError):
            RunStore(root).remove([name], NOW)
    assert (tmp_path / "others" / outside).is_dir()


def test_either_all_named_runs_go_or_none(root):
    one = keep(root, 1, summary={})
    with pytest.raises(RunError, match="nothing was removed"):
        RunStore(root).remove([one, "20261129T000009Z-gone-seed1"], NOW)
    assert names(root) == [one]


@pytest.mark.parametrize(("age", "goes"), [(WRITTEN_S - 1, False), (WRITTEN_S, True)])
def test_a_run_that_may_still_go_on_stays(root, age, goes):
    one = keep(root, 1, at=NOW - age)
    store = RunStore(root)
    old, going = store.old(0, NOW)
    assert [run.name for run in (old if goes else going)] == [one]
    if goes:
        store.remove([one], NOW)
    else:
        with pytest.raises(RunError, match="may still go on"):
            store.remove([one], NOW)
    assert names(root) == ([] if goes else [one])


def test_latest_points_at_the_newest_that_is_left(root):
    one, two, three = (keep(root, n, summary={}, at=NOW + n) for n in (1, 2, 3))
    store = RunStore(root)
    store.remove([two], NOW)
    assert latest(root).name == three
    store.remove([three], NOW)
    assert latest(root).name == one
    store.remove([one], NOW)
    assert list(root.iterdir()) == []


def test_latest_that_is_a_text_file_is_kept_right_too(root, monkeypatch):
    one, two = (keep(root, n, summary={}, at=NOW + n) for n in (1, 2))
    monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError()))
    point_latest(root / two)
    assert not (root / LATEST).is_symlink()
    RunStore(root).remove([two], NOW)
    assert latest(root).name == one


def test_a_removal_that_was_cut_off_is_finished_by_the_next(root, monkeypatch):
    one, two = (keep(root, n, summary={}, at=NOW + n) for n in (1, 2))
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            RunStore(root).remove([two], NOW)
    assert names(root) == [one] and latest(root).name == one
    RunStore(root).sweep()
    assert sorted(path.name for path in root.iterdir()) == [one, LATEST]


def test_only_the_newest_are_kept(root):
    kept = [keep(root, n, summary={}, at=NOW + n) for n in range(5)]
    old, going = RunStore(root).old(2, NOW)
    assert ([run.name for run in old], going) == (kept[2::-1], [])


def test_an_import_has_no_seed_and_is_a_run_like_any_other(root):
    with RunDirectory.create(root, "20261129T000001Z", "import-traces", None) as run:
        run.write_summary({"kind": "import", "scenario": run.path.name})
    (told,) = RunStore(root).runs()
    assert (told.name, told.kind, told.state, told.seed) == (
        "20261129T000001Z-import-traces",
        "import",
        "imported",
        None,
    )
    RunStore(root).remove([told.name], NOW)
    assert names(root) == []
