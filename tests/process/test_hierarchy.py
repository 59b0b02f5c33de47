"""Two sites in two processes, with one secret: jobs go down, statuses come up, and each is asked by
its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from worlds.answer import data_of
from worlds.process import Workshop, until
from worlds.support import free_port

PACE = ("--time", "x2000")


@dataclass
class Hierarchy:
    """Site PAR (2.0 SP1) over site CHD (1.2), which has the logon server LOGON1."""

    workshop: Workshop
    parent: str
    child: str

    def ask(self, *arguments: str) -> Any:
        return self.workshop.json(*arguments)


@pytest.fixture
def hierarchy(workshop: Workshop) -> Hierarchy:
    (workshop.path / "site.secret").write_text("a secret of two sites")
    secret = ("--secret-file", "site.secret")
    ports = [free_port(), free_port()]
    parent, child = (f"http://127.0.0.1:{port}" for port in ports)
    workshop.start("serve", "logon", "--listen", "127.0.0.1:0", *PACE, *secret)
    logon = workshop.servers()["LOGON1"].url
    common = ("--response", "Very Fast", "--clock", logon, *secret)
    above = (
        "--code",
        "PAR",
        "--name",
        "PARSRV",
        "--version",
        "2.0 SP1",
        "--listen",
        parent[7:],
        "--data",
        "par",
    )
    workshop.start("serve", "site", *above, "--address", f"CHD=CHDSRV={child}", *common)
    below = (
        "--code",
        "CHD",
        "--name",
        "CHDSRV",
        "--version",
        "1.2",
        "--listen",
        child[7:],
        "--data",
        "chd",
    )
    lowest = workshop.start(
        "serve",
        "site",
        *below,
        "--parent",
        f"PAR=PARSRV={parent}",
        "--logon",
        f"LOGON1={logon},distribution",
        *common,
    )
    assert "SMS 1.2, Very Fast, below site PAR" in lowest.said
    return Hierarchy(workshop, parent, child)


def test_a_job_goes_down_to_the_child_and_its_package_status_comes_up(hierarchy: Hierarchy) -> None:
    workshop, ask = hierarchy.workshop, hierarchy.ask
    until(lambda: len(ask("sites")["sites"]) == 2, "the child tells its parent of itself")
    tree = workshop.run("sites")
    assert tree.stdout.splitlines()[0] == "PAR  SMS 2.0 SP1, PARSRV"
    assert tree.stdout.splitlines()[1].startswith("`- CHD  SMS 1.2, CHDSRV, with LOGON1, told ")
    assert (
        f"asking site PAR at {hierarchy.parent}; CHD could be asked with --at-site" in tree.stderr
    )
    assert (
        workshop.run("sites", "--at-site", "chd").stdout.splitlines()[0]
        == "PAR (the parent; it knows more)"
    )

    source = workshop.path / "office"
    source.mkdir()
    (source / "a.dat").write_text("one")
    assert ask("package", "create", "OFFICE", "office")["package"] == "PAR00001"
    done = workshop.run(
        "job", "create", "SHARE", "--package", "OFFICE", "--put-on", "LOGON1", "--watch"
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (
        "server LOGON1 at CHD: Complete" in done.stdout
        and "job SHARE is Complete" in done.stdout.splitlines()[-1]
    )

    def statuses() -> set[tuple[str, str]]:
        return {(s["site"], s["status"]) for s in ask("package", "OFFICE")["status"]}

    until(
        lambda: ("CHD", "Success") in statuses(),
        "the package's status arrives, its mark notwithstanding (Q235805)",
    )
    assert [j["name"] for j in ask("jobs", "--at-site", "CHD")["jobs"]] == ["SHARE"], (
        "the child shows the job it got"
    )
    refused = workshop.run("job", "cancel", "SHARE", "--at-site", "CHD")
    assert refused.returncode == 2 and "is site PAR's: cancel it there" in refused.stderr

    fleet = workshop.run(
        "fleet",
        "--clients",
        "2",
        "--site",
        hierarchy.child,
        "--poll-every",
        "1h",
        "--for",
        "2h",
        "--json",
    )
    assert fleet.returncode == 0 and data_of(fleet.stdout)["failed"] == 0
    until(lambda: ask("machines")["count"] == 2, "the parent learns of the child's machines")
    assert {m["site"] for m in ask("machines")["machines"]} == {"CHD"}

    for process in workshop.processes:
        assert process.terminate()[0] == 0, process.said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--parent", "PAR=PARSRV"), "'PAR=PARSRV' is not SITE=SERVER=URL"),
        (("--parent", "BPC=PARSRV=http://127.0.0.1:1"), "site BPC cannot be its own parent"),
        (
            ("--parent", "PAR=SITE1=http://127.0.0.1:1"),
            "site PAR and this one cannot both be on SITE1",
        ),
        (
            ("--parent", "PAR=P=http://127.0.0.1:1", "--address", "PAR=P=http://127.0.0.1:2"),
            "site PAR has two addresses that differ",
        ),
        (
            ("--log-format", "sms3"),
            "'--log-format' (env var: 'DESPOOLR_LOG_FORMAT'): 'sms3' is not a log format",
        ),
    ],
)
def test_a_parent_that_cannot_be_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve", "site", *arguments]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "despoolr-data").exists()
