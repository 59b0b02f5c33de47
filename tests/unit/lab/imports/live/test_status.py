"""`smbstatus -j`, asked again and again: what is no answer is no sample."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from despoolr_lab.imports.live import status as module
from despoolr_lab.imports.live.status import StatusLooks
from worlds.watched import FakeSamba, held, status


def program(path: Path, text: str) -> str:
    file = path / "smbstatus"
    file.write_text(f"#!{sys.executable}\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_a_look_has_who_holds_what_since_when(tmp_path: Path) -> None:
    samba = FakeSamba(tmp_path)
    samba.says(status(100.5, held("alice", "office/b.dat", 99.25, share_mode=5)))
    looks = StatusLooks(str(samba.program))
    sample = looks.look()
    assert sample is not None and sample.at == 100.5
    (row,) = sample.rows
    assert (row.who.user, row.share, row.path) == ("alice", "pkg", "office/b.dat")
    assert (row.share_mode, row.opened_at) == (5, 99.25)
    assert (looks.count, looks.failed_count) == (1, 0) and looks.taken_s > 0


def test_the_configuration_is_handed_on(tmp_path: Path) -> None:
    name = program(tmp_path, "import sys; sys.exit(' '.join(sys.argv[1:]))")
    looks = StatusLooks(name, Path("/tmp/smb.conf"))
    assert looks.look() is None
    assert looks.failure == "-j -s /tmp/smb.conf"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it answered nothing"),
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("print('{}')", "missing required field"),
        ("print('nonsense')", "malformed"),
        ('print(\'{"timestamp":"9999-12-31T23:59:59-23:00"}\')', "no time: 9999-12-31"),
    ],
)
def test_what_is_no_answer_is_a_look_that_failed(tmp_path: Path, text: str, says: str) -> None:
    looks = StatusLooks(program(tmp_path, text))
    assert looks.look() is None
    assert (looks.failed_count, looks.last_failed) == (1, 1) and says in looks.failure


@pytest.mark.slow
def test_an_answer_that_does_not_come_is_a_look_that_failed(tmp_path: Path) -> None:
    looks = StatusLooks(program(tmp_path, "import signal; signal.pause()"), answer_s_max=0.5)
    assert looks.look() is None
    assert looks.failure == "no answer in time"


def test_an_answer_that_is_too_large_is_a_look_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE_SIZE_MAX", 1024 * 1024)
    looks = StatusLooks(program(tmp_path, "print('x' * 2_000_000)"))
    assert looks.look() is None
    assert looks.failure == "its answer has more than 1 MiB"


@pytest.mark.slow
def test_what_an_answer_that_does_not_come_has_started_ends_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    text = f"""
import subprocess
child = subprocess.Popen(["sleep", "300"])
open({str(pid)!r}, "w").write(str(child.pid))
child.wait()"""
    assert StatusLooks(program(tmp_path, text), answer_s_max=1.0).look() is None
    assert is_over(int(pid.read_text()))


def is_over(pid: int) -> bool:
    """Whether a process is gone, or goes soon: one that was killed is still there for a moment."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 30.0)[0])
    finally:
        os.close(process)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_an_answer_without_an_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setattr(module, "SAMPLE_SIZE_MAX", 1024 * 1024)
    endless = f"import sys\nwhile True: print('x' * 4096, file=sys.{stream}, flush=True)"
    looks = StatusLooks(program(tmp_path, endless), answer_s_max=20.0)
    assert looks.look() is None
    assert looks.failure == "its answer has more than 1 MiB"


def test_a_program_that_is_gone_is_a_look_that_failed(tmp_path: Path) -> None:
    looks = StatusLooks(str(tmp_path / "gone"))
    assert looks.look() is None and looks.failure == "No such file or directory"
