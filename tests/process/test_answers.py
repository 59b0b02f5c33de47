"""Every command's JSON answer, held to the schema of that command: each of them is asked once, and
none is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from despoolr.console import COMMANDS
from despoolr_app.cli.root import root_of
from despoolr_app.clocks.time_source import wall_now
from despoolr_core.formats.instructions.winst import WinstFile, WorkstationInstruction
from despoolr_core.formats.instructions.winst_text import render_winst
from worlds.answer import answer_of, commands
from worlds.kept_soak import soak
from worlds.process import ANY_PORT, Workshop, until
from worlds.scenario import SHARED
from worlds.support import REPOSITORY, data
from worlds.traces import TRACES
from worlds.watched import FakeSamba, held, status

pytestmark = pytest.mark.long

FAST = ("--time", "x600", "--response", "Very Fast", "--version", "1.2")
LOAD = """\
name = "steady"
title = "Fifty polls a second"
[load]
for = "3s"
late_max = "20s"
[[clients]]
name = "ALL"
count = 50
poll_every = "1s"
[[expect]]
that = "polls"
p99 = "20s"
"""
FAILING = SHARED.replace('"2h"', '"8h"').replace('"Complete"', '"Failed"')
LIVE = str(REPOSITORY / "scenarios" / "demo_live.toml")


class Asker:
    """Runs commands, and keeps which of them have answered as their schema says."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.answered: set[str] = set()

    def __call__(self, *words: str, code: int = 0) -> Any:
        done = self.workshop.run(*words, "--json")
        assert done.returncode == code, (words, done.stdout[-2000:], done.stderr)
        return self.take(done.stdout)

    def take(self, text: str) -> Any:
        answer = answer_of(text)
        assert "data" in answer, answer
        self.answered.add(answer["command"])
        return answer["data"]


def of_files(ask: Asker, here: Path) -> None:
    mif = str(data("mif") / "noidmif_modem.mif")
    assert ask("mif", "check", mif)["files"][0]["kind"]
    assert ask("mif", "check", "none.mif", code=2)["files"][0]["error"]
    ask("mif", "show", mif)
    ask("mif", "show", str(data("mif") / "component_table.mif"))
    one = WorkstationInstruction(
        site_id="BPC", request_id="BPC001M", package_id="BPC00001", job_id="BPC00002"
    )
    (here / "PC1.INS").write_bytes(render_winst(WinstFile("PC1.INS", (one,))))
    assert ask("pcmdump", "PC1.INS")["records"] and ask("pcmdump", "--all", ".")
    assert ask("profiles", "--version", "1.2")["profiles"].keys() == {"1.2"}


def of_runs(ask: Asker, here: Path) -> None:
    ask("demo")
    ask("run", LIVE, "--time", "virtual")
    for word in ("show", "list"):
        ask("runs", word)
    ask("locks", "latest", "--by", "file")
    for word in ("locks", "why", "jobs", "events"):
        ask(word, "latest")
    ask("job", "show", "UPDATE", "latest")
    ask("report", "latest")
    ask("export", "perfetto", "latest")
    ask("replay", "latest")
    ask("whatif", "latest", "--worlds", "1", "--budget", "5s")
    assert ask("kb", "list") and ask("kb", "show", "Q195936")["story"]
    ask("kb", "run", "Q195936")
    (here / "failing.toml").write_text(FAILING)
    ask("explore", "failing.toml", "--seeds", "1")
    assert ask("scenario", "lint", LIVE, code=10)["remarks"]
    ask("shrink", "failing.toml")
    ask("import", str(TRACES / "1-one-holder-blocks" / "tshark-fields.tsv"))
    assert ask("import", "--list")["formats"]
    (here / "samba").mkdir()
    samba = FakeSamba(here / "samba")
    samba.says(status(wall_now(), held("alice", "office/b.dat", wall_now() - 60)))
    told = ask.workshop.run(
        *("watch", "--smbstatus", str(samba.program), "--server", "FS1"),
        *("--every", "0.1s", "--for", "0.5s", "--json"),
    )
    assert ask.take(told.stdout.splitlines()[0])["holders"]


def of_site(ask: Asker, here: Path) -> None:
    server = ask.workshop.start(
        "serve", "all", *FAST, *ANY_PORT, "--allow-faults", "--clients", "3"
    )
    (here / "office").mkdir()
    (here / "office" / "b.dat").write_text("one")
    ask("package", "create", "OFFICE", "office")
    ask("job", "create", "FIRST", "--package", "OFFICE", "--watch")
    (here / "office" / "b.dat").write_text("two")
    ask("package", "update", "OFFICE", "office")
    for words in (("packages",), ("package", "OFFICE")):
        ask(*words)
    ask("job", "create", "LATER", "--package", "OFFICE", "--at", "20d")
    ask("job", "cancel", "LATER")
    for words in (("job", "FIRST"), ("jobs",), ("events",)):
        ask(*words)
    until(lambda: ask("machines")["count"] == 3, "the machines are known")
    ask("machine", "PC00001")
    ask("clients", "--within", "60s")
    for word in ("sites", "health"):
        ask(word)
    assert ask("hotfix", "list")["available"]
    ask("hotfix", "apply", "Q195936")
    for words in (("add", "sender-dies"), ("list",), ("clear", "--all")):
        ask("fault", *words)
    ask("hold", "SMS_PKGD/BPC00001/b.dat", "--for", "1s")
    holder = ask.workshop.start("hold", "SMS_PKGD/BPC00001/b.dat", "--json", ready='"program"')
    assert until(lambda: ask("locks", "--path", "b.dat")["locks"], "it is held")
    ask("job", "create", "UPDATE", "--package", "OFFICE", "--refresh-existing")
    assert until(lambda: ask("why")["episodes"], "the update is refused")
    ask("locks", "--by", "holder")
    ask("release", "--path", "b.dat", "--yes")
    until(lambda: holder.process.poll() is not None, "the holder hears of it")
    ask("fleet", "--clients", "2", "--first", "100", "--for", "1m")
    server.terminate()


def of_loads(ask: Asker, here: Path) -> None:
    server = ask.workshop.start("serve", "all", *ANY_PORT, "--response", "Very Fast")
    (here / "load.toml").write_text(LOAD)
    for _ in range(2):
        ask("load", "load.toml")
    server.terminate()
    names = [run["name"] for run in ask("runs", "list")["runs"] if run["kind"] == "load"]
    ask("compare", names[1], names[0], "--anyway", code=12)
    ask("soak", "--plan", "--clients", "20", "--for", "10m")
    kept = here / "runs" / "19960603T080000Z-soak-s1"
    kept.mkdir()
    (kept / "records.jsonl").touch()
    soak(kept)
    ask("soak", "--judge", kept.name, code=12)
    assert ask("runs", "rm", names[0], "--yes")["removed"]
    assert len(ask("runs", "gc", "--keep", "1", "--yes")["removed"]) > 1


@pytest.mark.slow
def test_every_command_answers_as_its_schema_says(workshop: Workshop) -> None:
    ask = Asker(workshop)
    for story in (of_files, of_runs, of_site, of_loads):
        story(ask, workshop.path)
    every = {" ".join(words) for words in commands(root_of(COMMANDS))}
    assert every - ask.answered == set(), "a new command is asked here, too"
