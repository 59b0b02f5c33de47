"""A watch whose process is killed leaves a run that can be read."""

from __future__ import annotations

from despoolr_app.clocks.time_source import wall_now
from worlds.process import Workshop
from worlds.watched import FakeSamba, held, status


def test_what_was_seen_before_a_kill_can_be_read(workshop: Workshop) -> None:
    samba = FakeSamba(workshop.path)
    samba.says(status(wall_now(), held("alice", "office/b.dat", wall_now() - 60)))
    words = ("watch", "--smbstatus", str(samba.program), "--server", "FS1", "--every", "0.2s")
    workshop.start(*words, ready="1 open held").kill()
    told = workshop.run("locks", "latest")
    assert told.returncode == 0 and "alice" in told.stdout
    assert "this run did not end: it was killed, or goes on still" in told.stderr
