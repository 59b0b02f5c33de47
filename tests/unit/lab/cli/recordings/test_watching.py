"""`despoolr watch` on the command line, with a Samba that is none."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.runs.directory import LATEST, FinishedRun, latest
from despoolr_core.times import moment
from worlds.answer import data_of
from worlds.watched import FakeSamba, held, opened, status


@pytest.fixture
def samba(tmp_path: Path) -> FakeSamba:
    (tmp_path / "samba").mkdir()
    made = FakeSamba(tmp_path / "samba")
    made.says(status(wall_now(), held("alice", "office/b.dat", wall_now() - 60)))
    return made


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Run a command in an empty directory: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def ask(*words: str) -> tuple[int, str, str]:
        code = run(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def words(samba: FakeSamba, *more: str) -> tuple[str, ...]:
    return ("watch", "--smbstatus", str(samba.program), "--server", "FS1", *more)


@pytest.mark.slow
def test_who_is_blocked_is_told_when_it_changes_and_stands_in_a_run(said, samba):
    at = wall_now()
    with_log = words(samba, "--audit", str(samba.log), "--tz", "UTC", "--every", "0.1s")
    line = opened(at, "deploy", "office/b.dat", refused=True, write=True)
    samba.does_when_asked(f"open({str(samba.log)!r}, 'a').write({line!r})")
    code, out, _ = said(*with_log, "--for", "1s")
    assert code == 0
    assert "FS1 at " in out and "1 open held; 0 refusals so far" in out
    assert "Blocked:" in out and "127.0.0.11 (alice), sharing READ" in out
    assert "smbstatus was asked" in out and "now: despoolr why runs/" in out
    code, out, _ = said("why", "latest", "--json")
    (episode,) = data_of(out)["episodes"]
    assert (code, episode["path"], episode["attempt_count"]) == (0, "office/b.dat", 1)
    assert said("locks", "latest")[0] == 0 and said("report", "latest")[0] == 0
    assert "imported" in said("runs", "list")[1]


def test_it_ends_after_its_span_although_the_next_look_is_later(said, samba):
    code, out, _ = said(*words(samba, "--every", "1d", "--for", "0.2s"))
    assert code == 0 and "smbstatus was asked twice" in out


@pytest.mark.slow
def test_json_is_a_line_for_each_change(said, samba):
    code, out, _ = said(*words(samba, "--every", "0.1s", "--for", "0.5s", "--json"))
    lines = [json.loads(line)["data"] for line in out.splitlines()]
    assert code == 0 and len(lines) == 1, "nothing changed"
    (holder,) = lines[0]["holders"]
    assert (holder["machine"], holder["share_mode"]) == ("127.0.0.11", "READ")
    assert (lines[0]["held"], lines[0]["waiting"], lines[0]["grade"]) == (1, [], "C")
    assert lines[0]["run"] == f"runs/{latest(Path('runs')).name}"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(said, samba, number):
    samba.does_when_asked(
        "import subprocess\n"
        f"subprocess.Popen(['sh', '-c', f'sleep 0.5; kill -{int(number)} {{os.getppid()}}'],"
        " stdout=subprocess.DEVNULL)"
    )
    code, _, _ = said(*words(samba, "--every", "1d"))
    assert code == 0
    kept = FinishedRun(latest(Path("runs")))
    records = list(kept.records())
    assert records[-1].kind == "run.ended" and kept.notes == []
    assert (kept.summary or {})["held_at_end"] == 1


def test_names_are_hidden_as_in_an_import(said, samba):
    hidden = ("--anonymise", "--salt", "x", "--every", "0.1s", "--for", "0.2s")
    code, out, _ = said(*words(samba, "--audit", str(samba.log), *hidden))
    assert code == 0
    told = out + (latest(Path("runs")) / "records.jsonl").read_text()
    for name in ("alice", "b.dat", "office", "127.0.0.11", "FS1", "audit.log"):
        assert name not in told


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--every", "0.01s"), "--every is 0.1 s at least"),
        (("--every", "2d"), "--every is a day at most"),
        (("--every", "often"), "--every: 'often' is not a span"),
        (("--for", "0"), "is not a span"),
        (("--audit", "gone.log"), "cannot read gone.log"),
        (("--arrivals", "gone"), "cannot list gone"),
        (("--arrivals", ".", "--audit", "x"), "--arrivals is for samples of another server"),
        (("--smbstatus", "no-such-program"), "there is no program 'no-such-program' here"),
        (("--tz", "Moon"), "--tz 'Moon' is no zone"),
        (("--keep", "0"), "give a whole number from 1"),
        (("--listen", ":0"), "--listen says where the live page is served: give --serve as well"),
        (("--serve", "--listen", "0.0.0.0"), "refusing to listen on 0.0.0.0 without a configured"),
        (("--serve", "--listen", "127.0.0.1:x"), "'127.0.0.1:x' is not host:port"),
    ],
)
def test_what_cannot_be_watched_is_a_line_and_leaves_no_run(said, samba, more, says):
    code, _, err = said(*words(samba, *more))
    assert (code, err.count("\n")) == (2, 1) and says in err
    assert not list(Path("runs").glob("*")) if Path("runs").exists() else True


def test_a_program_that_tells_nothing_in_the_beginning_is_said_and_leaves_no_run(said, samba):
    samba.says(b"")
    code, _, err = said(*words(samba))
    assert code == 2 and "tells nothing: it answered nothing" in err
    assert list(Path("runs").iterdir()) == [] and not (Path("runs") / LATEST).exists()


@pytest.mark.slow
def test_samples_of_another_server_come_in_as_files(said, tmp_path):
    (tmp_path / "in").mkdir()
    sample = {
        "ClientComputerName": "10.0.0.5",
        "ClientUserName": "CORP\\anna",
        "FileId": 7,
        "Path": "D:\\pkg\\office\\b.dat",
        "Permissions": 1179785,
        "ShareRelativePath": "office\\b.dat",
    }
    (tmp_path / "in" / "smb_2026-10-05_091000Z.json").write_text(json.dumps([sample]))
    every = ("--every", "0.1s", "--for", "0.4s", "--json")
    code, out, _ = said("watch", "--arrivals", "in", "--map", "10.0.0.5=PC5", *every)
    last = json.loads(out.splitlines()[-1])["data"]
    assert code == 0 and last["holders"][0]["machine"] == "PC5"
    assert last["holders"][0]["is_older"] and last["holders"][0]["share_mode"] == ""


@pytest.mark.slow
def test_the_live_page_is_served_while_it_watches_and_top_finds_it(said, samba):
    ask = (
        "import json, os, urllib.request\n"
        "found = json.load(open('.despoolr/servers.json'))['servers'][0]\n"
        "token = open(found['token_file']).read().strip()\n"
        "request = urllib.request.Request(found['url'] + '/api/v1/live',\n"
        "    headers={'Authorization': 'Bearer ' + token})\n"
        "open('told.json', 'wb').write(urllib.request.urlopen(request, timeout=60).read())\n"
    )
    samba.does_when_asked(f"import pathlib; pathlib.Path({str(samba.deed)!r}).write_text({ask!r})")
    serve = ("--serve", "--listen", "127.0.0.1:0", "--every", "0.2s", "--for", "1.5s")
    code, out, err = said(*words(samba, *serve))
    assert code == 0 and "live page: http://127.0.0.1:" in err and "token" not in out
    told = json.loads(Path("told.json").read_text())
    assert told["watched"] == {
        "run": f"runs/{latest(Path('runs')).name}",
        "proves": "Grade C: samples of what is open; no refusals",
        "by_hand": ["smbstatus -L", "smbcontrol PID close-share SHARE"],
    }
    assert [one["user"] for one in told["page"]["opens"]] == ["alice"]
    assert not list(Path(".despoolr").glob("*.token"))


def test_what_it_shows_fits_80_columns(said, samba):
    code, out, _ = said(*words(samba, "--every", "0.1s", "--for", "0.2s"))
    assert code == 0 and max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
def test_samples_without_a_zone_have_this_machines(said, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        (tmp_path / "in").mkdir()
        sample = {"ClientComputerName": "10.0.0.5", "ClientUserName": "EX\\anna", "FileId": 7}
        sample |= {"Path": "D:\\pkg\\a.dat", "ShareRelativePath": "a.dat", "Permissions": 1}
        (tmp_path / "in" / "smb_2026-07-01_120000.json").write_text(json.dumps(sample))
        arrivals = ("watch", "--arrivals", "in", "--server", "FS1", "--every", "0.1s")
        assert said(*arrivals, "--for", "0.5s")[0] == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    granted = [
        one for one in FinishedRun(latest(tmp_path / "runs")).records() if "open" in one.kind
    ]
    assert moment(granted[0].at, seconds=True) == "2026-07-01 10:00:00"
