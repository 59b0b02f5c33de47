"""A share that is watched: what samples and a log tell becomes one run, while it grows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from despoolr_app.runs.directory import FinishedRun, RecordFile
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.share import OpenGranted, OpenRefused
from despoolr_core.records.stream import of
from despoolr_core.records.view import RunView
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.live.arrivals import Arrivals
from despoolr_lab.imports.live.status import StatusLooks
from despoolr_lab.imports.live.tail import LogTail
from despoolr_lab.imports.live.watch import Watch
from despoolr_lab.imports.traces.samples import OpenSample, Sampler
from despoolr_lab.imports.traces.seen import Noted
from despoolr_lab.imports.traces.source import TraceFile
from worlds.watched import FakeSamba, closed, held, opened, status

T0 = 1_790_000_000.0


@pytest.fixture
def samba(tmp_path: Path) -> FakeSamba:
    (tmp_path / "samba").mkdir()
    return FakeSamba(tmp_path / "samba")


class Watched:
    """A watch, its run, and what stands in it."""

    def __init__(
        self, path: Path, samba: FakeSamba, *, has_log: bool = True, keep: int = 0
    ) -> None:
        path.mkdir()
        self.path = path
        self.samba = samba
        self.file = RecordFile(path / "records.jsonl", size_max=keep)
        self.tail = LogTail(samba.log)
        self.watch = Watch(
            "FS1",
            Names(),
            self.file,
            (),
            every_s=1.0,
            status=StatusLooks(str(samba.program)),
            log=(self.tail, TraceFile(samba.log, dt.UTC)) if has_log else None,
        )

    def close(self) -> None:
        self.tail.close()
        self.file.close()

    def look(self, at: float, *opens: Any, lines: str = "", set_back_s: float = 0.0) -> None:
        """A look at a time that the machine's clock tells, which was set back by so much."""
        self.samba.says(status(T0 + at, *opens))
        self.samba.logs([lines])
        self.watch.look(T0 + at + set_back_s, set_back_s)

    @property
    def run(self) -> FinishedRun:
        return FinishedRun(self.path)

    @property
    def view(self) -> RunView:
        return RunView(list(self.run.records()))

    @property
    def episodes(self) -> list[EpisodeRow]:
        view = self.view
        return view.ledger.rows(view.end)

    @property
    def notes(self) -> str:
        return "\n".join(note.text for _, note in of(self.run.records(), ImportNote))


Begin = Callable[..., Watched]


@pytest.fixture
def begin(tmp_path: Path, samba: FakeSamba) -> Iterator[Begin]:
    """Begins a watch, which ends with the test."""
    with ExitStack() as until_the_end:

        def made(**more: Any) -> Watched:
            return until_the_end.enter_context(closing(Watched(tmp_path / "run", samba, **more)))

        yield made


def story(watched: Watched) -> None:
    """bob has c.dat since an hour; alice holds b.dat from 2 to 6, deploy is refused it twice."""
    old = held("bob", "office/c.dat", T0 - 3600, share_mode=7)
    mine = held("alice", "office/b.dat", T0 + 2.0001)
    watched.look(0, old)
    watched.look(1, old)
    watched.look(2.5, old, mine, lines=opened(T0 + 2, "alice", "office/b.dat"))
    refused = [opened(T0 + n, "deploy", "office/b.dat", refused=True, write=True) for n in (3, 5)]
    watched.look(3.5, old, mine, lines=refused[0])
    watched.look(5.5, old, mine, lines=refused[1])
    done = closed(T0 + 6, "alice", "office/b.dat") + opened(
        T0 + 7, "deploy", "office/b.dat", write=True
    )
    watched.look(7.5, old, lines=done + closed(T0 + 7.1, "deploy", "office/b.dat"))


def test_the_log_has_the_times_and_the_samples_the_share_modes_of_one_open(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin()
    story(watched)
    watched.look(20)
    watched.watch.end()
    (row,) = watched.episodes
    assert (row.machine, row.path, row.attempt_count) == ("WS21", "office/b.dat", 2)
    assert (row.state, row.ended_at) == ("resolved", T0 + 7)
    (hold,) = row.holds
    assert (hold.machine, hold.user, hold.share_mode) == ("WS11", "alice", "READ")
    assert (hold.opened_at, hold.released_at) == (T0 + 2, T0 + 6)
    opens = [one for one in watched.view.holdings if one.path == "office/b.dat"]
    assert [one.user for one in opens] == ["alice", "deploy"], "each is told once"


@pytest.mark.slow
def test_an_open_that_is_older_than_the_watch_is_told_with_its_exact_beginning(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin()
    story(watched)
    (old,) = [one for one in watched.view.holdings if one.path == "office/c.dat"]
    assert (old.opened_at, old.share_mode, old.closed_at) == (T0 - 3600, "READ|WRITE|DELETE", None)
    watched.look(20)
    watched.look(30)
    (old,) = [one for one in watched.view.holdings if one.path == "office/c.dat"]
    assert old.closed_at == T0 + 20 and "gone from the samples between" in old.reason


def test_a_run_can_be_read_while_it_grows_and_says_what_it_proves(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin()
    story(watched)
    watched.look(10)
    assert watched.episodes[0].attempt_count == 2
    assert "smbstatus -j, asked every 1 s, is of grade C" in watched.notes
    assert "audit.log, followed from its end, is of grade B" in watched.notes
    assert "what is open for a shorter time may be missing" in watched.notes
    assert "what happens is told 4 s later" in watched.notes
    run = watched.run
    list(run.records())
    assert any("goes on still" in note for note in run.notes)
    watched.watch.end()
    run = watched.run
    list(run.records())
    assert run.notes == []
    assert "smbstatus was asked 7 times" in watched.notes


def test_samples_alone_say_that_nobody_who_waits_is_in_them(begin: Begin, samba: FakeSamba) -> None:
    watched = begin(has_log=False)
    watched.look(0, held("alice", "office/b.dat", T0 - 5))
    assert [one.opened_at for one in watched.view.holdings] == [T0 - 5]
    assert "refusals are not in samples" in watched.notes
    assert watched.watch.grade == "C"


def test_a_close_that_the_log_lost_is_told_by_the_samples(begin: Begin, samba: FakeSamba) -> None:
    watched = begin()
    watched.look(0)
    mine = held("alice", "office/b.dat", T0 + 1)
    watched.look(1.5, mine, lines=opened(T0 + 1, "alice", "office/b.dat"))
    watched.look(2.5)
    watched.look(9)
    (row,) = watched.view.holdings
    assert row.closed_at == T0 + 2.5 and "gone from the samples" in row.reason


def test_samples_alone_are_told_at_once_whatever_the_time_in_them(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin(has_log=False)
    mine = held("alice", "office/b.dat", T0 - 5)
    samba.says(status(T0 + 0.5, mine))  # it answers after it was asked
    watched.watch.look(T0)
    assert [one.closed_at for one in watched.view.holdings] == [None]
    samba.says(status(T0 + 7200))  # its clock is ahead
    watched.watch.look(T0 + 1)
    assert [one.closed_at for one in watched.view.holdings] == [T0 + 7200]


def test_an_open_that_one_sample_lacks_is_there_still(begin: Begin, samba: FakeSamba) -> None:
    watched = begin()
    mine = held("alice", "office/b.dat", T0 - 5)
    watched.look(0, mine)
    watched.look(1)
    watched.look(2, mine)
    watched.look(9, mine)
    assert [one.closed_at for one in watched.view.holdings][-1] is None
    watched.look(10)
    watched.look(20)
    assert [one.closed_at for one in watched.view.holdings][-1] == T0 + 10


def test_lines_of_a_clock_that_is_ahead_wait_up_to_a_bound(
    begin: Begin, samba: FakeSamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_lab.imports.live.blend.WAITING_MAX", 2)
    watched = begin()
    ahead = [opened(T0 + 7200 + n, "alice", f"office/{n}.dat") for n in range(4)]
    watched.look(0, lines="".join(ahead))
    watched.look(1)
    watched.look(2)
    assert [one.path for one in watched.view.holdings] == ["office/0.dat", "office/1.dat"]


def test_a_look_that_fails_is_a_gap_and_the_next_one_counts(begin: Begin, samba: FakeSamba) -> None:
    watched = begin()
    watched.look(0, held("alice", "office/b.dat", T0 - 5))
    for at in (1, 2):
        samba.says(b"{")
        watched.watch.look(T0 + at)
    watched.look(3, held("alice", "office/b.dat", T0 - 5))
    watched.look(9)
    watched.watch.end()
    assert watched.notes.count("a look failed") == 1
    assert "2 looks failed" in watched.notes
    (row,) = watched.view.holdings
    assert row.closed_at == T0 + 9


@pytest.mark.slow
def test_a_run_keeps_so_much_and_tells_again_what_is_open_still(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin(has_log=False, keep=5_000)
    old = held("bob", "office/c.dat", T0 - 3600, share_mode=7)
    for n in range(60):
        watched.look(n, old, held("alice", f"office/{n}.dat", T0 + n - 0.5))
    sizes = [path.stat().st_size for path in watched.path.glob("records*.jsonl")]
    assert watched.file.rotation_count > 2 and sum(sizes) < 3 * 5_000
    rows = [one for one in watched.view.holdings if one.path == "office/c.dat"]
    assert [(one.since, one.share_mode) for one in rows] == [("before", "READ|WRITE|DELETE")]
    granted = [fact.path for _, fact in of(watched.run.records(), OpenGranted)]
    assert granted.count("office/c.dat") == 1
    assert "is of grade C" in watched.notes


def test_samples_that_arrive_as_files_are_read_once_they_are_whole(tmp_path: Path) -> None:
    place = tmp_path / "samples"
    place.mkdir()
    arrivals = Arrivals(place, None)
    (place / "smb_2026-10-05_091000Z.json").write_text(
        '[{"ClientComputerName":"10.0.0.5","ClientUserName":"CORP\\\\anna","FileId":7,'
        '"Path":"D:\\\\pkg\\\\office\\\\b.dat","Permissions":1179785,'
        '"ShareRelativePath":"office\\\\b.dat"}]',
        encoding="utf-16",
    )
    assert arrivals.samples() == [], "it may grow still"
    (place / "notes.txt").write_text("nothing")
    (sample,) = arrivals.samples()
    assert [row.path for row in sample.rows] == ["office/b.dat"]
    (place / "smb_2026-10-05_091100Z.json").write_text("")
    assert arrivals.samples() == []
    (empty,) = arrivals.samples()
    assert empty.rows == [] and empty.at - sample.at == 60
    assert arrivals.samples() == []
    assert arrivals.unread_count == 1 and "notes.txt" in arrivals.failure
    assert any("no share modes" in gap for gap in arrivals.gaps)


def test_so_many_files_are_read_and_then_the_directory_wants_to_be_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_lab.imports.live.arrivals.FILES_MAX", 2)
    arrivals = Arrivals(tmp_path, None)
    names = [tmp_path / f"smb_2026-10-05_09100{n}Z.json" for n in range(3)]
    for name in names:
        name.touch()
    found = [sample for _ in range(3) for sample in arrivals.samples()]
    assert len(found) == 2
    assert [gap for gap in arrivals.gaps if "until the directory is emptied" in gap]
    for name in names[:2]:
        name.unlink()
    assert [sample.at for _ in range(3) for sample in arrivals.samples()] == [found[1].at + 1]


def test_refusals_are_told_with_their_time_although_nothing_follows_them(
    begin: Begin, samba: FakeSamba
) -> None:
    watched = begin()
    watched.look(0)
    refused = opened(T0 + 1, "deploy", "office/b.dat", refused=True, write=True)
    watched.look(1.2, lines=refused)
    watched.look(2.2)
    watched.look(5.0)
    ((record, fact),) = of(watched.run.records(), OpenRefused)
    assert (record.at, fact.path) == (T0 + 1, "office/b.dat")
    assert fact.blockers[0].since == "before", "nobody knows who it was"


@pytest.mark.slow
def test_a_clock_that_is_set_back_makes_nothing_late(begin: Begin, samba: FakeSamba) -> None:
    watched = begin()
    mine = held("alice", "office/b.dat", T0 + 1.0001)
    watched.look(0)
    watched.look(2, mine, lines=opened(T0 + 1, "alice", "office/b.dat"))
    refused = [
        opened(T0 + n, "deploy", "office/b.dat", refused=True, write=True) for n in (3, -594)
    ]
    watched.look(4, mine, lines=refused[0])
    watched.look(-595, mine, set_back_s=600)
    watched.look(-593, mine, lines=refused[1], set_back_s=600)
    other = held("bob", "office/c.dat", T0 - 591.9)
    done = closed(T0 - 592, "alice", "office/b.dat") + opened(T0 - 591.9, "bob", "office/c.dat")
    watched.look(-591, other, lines=done, set_back_s=600)
    watched.look(-580, other, set_back_s=600)
    (row,) = watched.episodes
    assert [at - T0 for at in (row.first_refused_at, row.last_refused_at)] == [3, 6]
    holds = {hold.path: hold for hold in watched.view.holdings}
    ended = holds["office/b.dat"].closed_at
    assert ended is not None and ended - T0 == 8
    assert holds["office/c.dat"].opened_at - T0 == pytest.approx(8.1)
    assert "this machine's clock was set back by 10 min" in watched.notes
    assert "came late" not in watched.notes


def test_samples_of_a_clock_that_was_set_back_are_told_by_it(tmp_path: Path) -> None:
    sampler = Sampler(is_live=True)
    late = []
    for at in (1000, 1060, 500, 560, 620, 680):
        late += [fact for fact in sampler.take(OpenSample(at, [])) if isinstance(fact, Noted)]
    assert [fact.text.partition(" of ")[0] for fact in late] == [
        "a sample",
        "a sample",
        "the clock",
    ]
    story = Sampler()
    assert sum(1 for at in (9, 1, 2, 3, 4) for _ in story.take(OpenSample(at, []))) == 4
