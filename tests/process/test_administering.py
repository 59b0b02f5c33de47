"""The SMS Administrator program as commands, against a site that runs: what a person types, sees,
and is told when it cannot.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.errors import SiteRefused
from despoolr_core.formats.reports.job_mif import Machine, add_identification
from despoolr_core.formats.reports.noidmif import render_noidmif
from worlds.answer import data_of
from worlds.process import ANY_PORT, Workshop, until

FAST = ("--time", "x2000", "--response", "Very Fast", "--version", "1.2")


def make_files(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.dat").write_text(text)


def test_a_package_is_made_shared_updated_and_removed_by_commands(workshop: Workshop) -> None:
    process = workshop.start("serve", "all", *FAST, *ANY_PORT, "--clients", "3")
    make_files(workshop.path / "office", a="one", b="one")
    make_files(workshop.path / "office" / "deep" / "deeper", c="one")

    assert workshop.run("packages").stdout.startswith("There are no packages; make one with")
    made = workshop.run("package", "create", "OFFICE", "office", "--comment", "the first")
    assert (
        made.stdout.splitlines()[0]
        == r"package BPC00001 OFFICE is made of 3 files (9 bytes) in \\SITE1\PKGSRC\OFFICE"
    )
    again = workshop.run("package", "create", "office", "office")
    assert again.returncode == 2 and "there is a package BPC00001 OFFICE already" in again.stderr
    assert workshop.run("package", "OFFICE").stdout.splitlines()[1] == "never sent yet"

    done = workshop.run("job", "create", "FIRST", "--package", "office", "--watch")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (
        lines[0] == "job BPC00001 FIRST is made: Share Package On Server"
        and "job FIRST is Complete (was " in lines[-1]
    )
    assert sum("server LOGON1 at BPC: Complete" in line for line in lines) == 1, "one line a change"
    share = workshop.path / "despoolr-data/all/LOGON1/SMS_PKGD/BPC00001"
    assert sorted(str(p.relative_to(share)) for p in share.rglob("*.dat")) == [
        "a.dat",
        "b.dat",
        "deep/deeper/c.dat",
    ]

    ran = workshop.run("job", "create", "RUN", "--package", "OFFICE", "--command", "SETUP.EXE",
                       "--machines", "*", "--mandatory-after", "0s",
                       "--watch", "--json")  # fmt: skip
    assert ran.returncode == 0 and "workstation PC00001 at BPC: Complete" in ran.stderr
    rows = data_of(ran.stdout)["details"]
    assert sorted(r["machine"] for r in rows if r["kind"] == "Workstation") == [
        "PC00001",
        "PC00002",
        "PC00003",
    ]

    (workshop.path / "office/b.dat").unlink()
    make_files(workshop.path / "office", a="two")
    told = workshop.run("package", "update", "BPC00001", "office")
    assert "is now 2 files (6 bytes), and 1 taken away" in told.stdout
    assert "--send-even-if-sent --refresh-existing" in told.stdout, "it says how servers get it"
    order = ("--package", "OFFICE", "--send-even-if-sent", "--refresh-existing")
    assert workshop.run("job", "create", "UPDATE", *order, "--watch").returncode == 0
    assert (share / "a.dat").read_text() == "two" and not (share / "b.dat").exists()

    waiting = workshop.json(
        "job", "create", "LATER", "--package", "OFFICE", "--at", "30d", "--priority", "1"
    )
    assert waiting["job"]["status"] == "Pending"
    assert (
        workshop.run("job", "cancel", "LATER").stdout
        == f"job {waiting['job']['job']} LATER is Cancelled\n"
    )
    assert workshop.run("job", "LATER", "--watch").returncode == 10, (
        "a job that was cancelled is not Complete"
    )

    before = len(workshop.json("jobs")["jobs"])
    for arguments, says in (
        (("--package", "OFICE"), "site BPC says: no package 'OFICE'; there are BPC00001 (OFFICE)"),
        (
            ("--package", "OFFICE", "--put-on", "LOGN1"),
            "no distribution server 'LOGN1'; did you mean 'LOGON1'?",
        ),
        (
            ("--package", "OFFICE", "--command", "x", "--machines", "PC9"),
            "this site knows no machine PC9",
        ),
        (("--package", "OFFICE", "--site", "ZZZ"), "no address to site 'ZZZ'; there are BPC"),
        (("--package", "OFFICE", "--command", "x"), "a run job needs target machines"),
        (
            ("--package", "OFFICE", "--at", "soon"),
            "--at 'soon' is neither a span such as 2h or 1d 4h nor a date",
        ),
    ):
        refused = workshop.run("job", "create", "X", *arguments)
        assert refused.returncode == 2 and says in refused.stderr.splitlines()[-1], refused.stderr
    assert len(workshop.json("jobs")["jobs"]) == before, "what is refused makes nothing"

    assert (
        workshop.run(
            "job", "create", "GONE", "--package", "OFFICE", "--type", "remove", "--watch"
        ).returncode
        == 0
    )
    until(lambda: not share.exists(), "the package is taken away")

    assert workshop.json("machines", "--limit", "2")["count"] == 3
    page = workshop.run("machines", "--limit", "2").stdout.splitlines()
    assert page[-1] == "2 of 3; the next: despoolr machines --limit 2 --after PC00002"
    assert [m["machine"] for m in workshop.json("machines", "--after", "PC00002")["machines"]] == [
        "PC00003"
    ]
    assert "did you mean 'PC00003'?" in workshop.run("machine", "PC0003").stderr
    assert workshop.run("machine", "pc00003").stdout.startswith(
        "PC00003: SMSID BPC00003, domain SALES, site BPC\n"
    )
    assert workshop.run("sites").stdout == "BPC  SMS 1.2, SITE1, with LOGON1\n"
    elsewhere = workshop.run("sites", "--at-site", "XYZ")
    assert elsewhere.returncode == 2 and "no site XYZ runs here; there is BPC" in elsewhere.stderr
    assert process.terminate()[0] == 0, process.said


def test_a_noidmif_of_a_client_becomes_attributes_that_machine_shows(workshop: Workshop) -> None:
    process = workshop.start("serve", "all", *FAST, *ANY_PORT, "--clients", "1")
    assert "It has reported no attributes" in workshop.run("machine", "PC00001").stdout
    report = add_identification(
        render_noidmif("Package Status", {"PATCH": "Complete", "OFFICE": "Failed"}),
        Machine("BPC", "SALES", "PC00001", "BPC00001"),
    )
    call(workshop.servers()["LOGON1"], "PUT", "/SMS_SHR/INVENTRY.BOX/BPC00001.RAW", report)
    until(
        lambda: workshop.json("machine", "PC00001")["attributes"],
        "the report goes through every box",
    )
    assert workshop.run("machine", "PC00001").stdout.splitlines()[1:] == [
        "GROUP           ATTRIBUTE  VALUE",
        "Package Status  OFFICE     Failed",
        "Package Status  PATCH      Complete",
    ]
    for limit in ("0", "10001", "many"):
        with pytest.raises(SiteRefused, match=f"limit={limit} is not a number from 1 to 10,000"):
            call(workshop.servers()["SITE1"], "GET", f"/api/v1/machines?limit={limit}")
    assert b"PC00001" in call(workshop.servers()["SITE1"], "GET", "/api/v1/machines?limit=10000")
    assert process.terminate()[0] == 0


def test_a_package_that_cannot_be_made_leaves_no_files(workshop: Workshop) -> None:
    process = workshop.start("serve", "all", *FAST, *ANY_PORT)
    make_files(workshop.path / "office", a="one")
    refused = workshop.run("package", "create", "OFFICE", "office", "--id", "nonsense")
    assert refused.returncode == 2 and "'nonsense' is not a PackageID" in refused.stderr
    assert [
        p
        for p in (workshop.path / "despoolr-data/all/SITE1/PKGSRC").iterdir()
        if p.name != ".despoolr"
    ] == []
    assert workshop.json("packages")["packages"] == []
    assert process.terminate()[0] == 0


def test_a_hotfix_stays_installed_when_the_site_is_killed_and_started_again(
    workshop: Workshop,
) -> None:
    process = workshop.start("serve", "all", *FAST, *ANY_PORT)
    could = workshop.json("hotfix", "list")
    assert could["installed"] == {} and "Q195936" in {a["article"] for a in could["available"]}
    applied = workshop.run("hotfix", "apply", "195936")
    assert applied.returncode == 0 and "retry_keeps_refresh = true" in applied.stdout
    twice = workshop.run("hotfix", "apply", "Q195936")
    assert twice.returncode == 2 and "does not have the fault of Q195936" in twice.stderr
    make_files(workshop.path / "office", a="one")
    assert workshop.run("package", "create", "OFFICE", "office").returncode == 0
    assert (
        workshop.run("job", "create", "AFTER", "--package", "OFFICE", "--watch").returncode == 0
    ), "the services run again"
    process.kill()

    again = workshop.start("serve", "all", *FAST, *ANY_PORT)
    until(
        lambda: (
            "Hotfix Q195936 is installed"
            in (workshop.path / "despoolr-data/all/LOGS/SMSEXEC.LOG").read_text()
        ),
        "restored",
    )
    listed = workshop.json("hotfix", "list")
    assert list(listed["installed"]) == ["Q195936"] and "Q195936" not in {
        a["article"] for a in listed["available"]
    }
    assert again.terminate()[0] == 0, again.said


def test_a_server_says_what_is_not_as_it_was_and_writes_its_logs_in_the_layout_that_was_asked_for(
    workshop: Workshop,
) -> None:
    first = workshop.start("serve", "all", *FAST, *ANY_PORT)
    until(
        lambda: (workshop.path / "despoolr-data/all/LOGS/SMSEXEC.LOG").exists(),
        "the executive says that it started",
    )
    assert "note:" not in first.said
    assert first.terminate()[0] == 0
    changed = ("--time", "x60", "--version", "1.1", "--log-format", "cmtrace")
    second = workshop.start("serve", "all", *changed, *ANY_PORT)
    assert "note: this data was last served as SMS 1.2 and is SMS 1.1 from now on" in second.said
    assert (
        "note: this data was last served at x2000, until " in second.said
        and "now it is x60" in second.said
    )
    log = workshop.path / "despoolr-data/all/LOGS/SMSEXEC.LOG"
    until(
        lambda: "<![LOG[SMS Executive started.]LOG]!>" in log.read_text(),
        "the log goes on in the new layout",
    )
    assert "~SMS Executive started.   $$<SMS_EXECUTIVE>" in log.read_text()
    assert second.terminate()[0] == 0


def test_without_a_running_site_nothing_is_administered_and_the_line_says_what_to_do(
    workshop: Workshop,
) -> None:
    for arguments in (
        ("packages",),
        ("job", "create", "J", "--package", "P"),
        ("hotfix", "list"),
        ("sites",),
    ):
        refused = workshop.run(*arguments)
        assert refused.returncode == 2 and "start one with `despoolr serve all`" in refused.stderr
