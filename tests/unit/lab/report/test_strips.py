"""What was true under what was said: strips of jobs, folders file by file, who ran it meanwhile."""

from __future__ import annotations

from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied
from despoolr_core.records.versions.versioned_folder import FolderCount
from despoolr_lab.report.axis import Axis
from despoolr_lab.report.content.facts import Facts, read_facts
from despoolr_lab.report.strips import (
    FILES_MAX,
    FOLDERS_MAX,
    JOBS_MAX,
    RUNS_MAX,
    damage,
    folder_groups,
    folder_says,
    job_strips,
    truth_says,
)
from worlds.report import Site


def copy(site: Site, job: str, *files: str, stop: str = "", package: str = "PKG") -> Site:
    """An attempt that writes files, and is refused at `stop`, if there is one."""
    about = {"job": job, "package": package, "server": "LOGON1"}
    site.record("BPC/SMS_DESPOOLER", CopyStarted(attempt=1, **about))
    for file in files:
        if file != stop:
            site.write(f"{package}/{file}", job)
        result, win32 = ("refused", 32) if file == stop else ("copied", 0)
        site.record("BPC/D", FileCopied(file=file, result=result, win32=win32, **about))
    result, win32 = ("refused", 32) if stop else ("complete", 0)
    return site.record(
        "BPC/D", CopyEnded(attempt=1, result=result, file=stop, win32=win32, **about)
    )


def run(site: Site, machine: str) -> Site:
    """A PC runs the package's program."""
    started = ProgramStarted(request="R1", package="PKG", server="LOGON1", program="SETUP.EXE")
    return site.record(machine, started)


def half_updated() -> Site:
    """Version 1 is there, version 2 stops at b.dat; the database says Complete all the same."""
    site = copy(Site().at(0).step(), "J0", "a.dat", "b.dat").job("Complete", job="J0", name="FIRST")
    return copy(site.at(2), "J1", "a.dat", "b.dat", stop="b.dat").job("Complete", "Active")


def axis(facts: Facts) -> Axis:
    return Axis(facts.start, facts.end, 0, 800)


def test_where_the_database_and_the_servers_disagree_the_strip_says_so() -> None:
    facts = read_facts(half_updated().at(9).step().records)
    groups, rest = job_strips(facts, axis(facts))
    said, true = groups[1].lanes
    assert said.outcome == "✓ Complete" and true.outcome == "≠ 0 of 1 server right"
    assert true.outcome_sub == "the database disagrees" and not rest
    assert [bar.kind for bar in true.bars] == ["mixed"]
    assert groups[1].says.endswith("0 of 1 server right, 1 mixed, so the two disagree.")
    assert truth_says(facts, facts.jobs["J1"]) == "≠ 0 of 1 server right, 1 mixed"


def test_a_job_was_true_until_the_next_version_was_begun() -> None:
    facts = read_facts(half_updated().at(9).step().records)
    first = job_strips(facts, axis(facts))[0][0].lanes[1]
    assert first.outcome == "1 of 1 server right" and first.outcome_sub == "until the next version"
    assert [(bar.kind, bar.until - bar.since) for bar in first.bars] == [("new", 7200)]


def test_a_folder_is_drawn_file_by_file_where_something_was_wrong() -> None:
    facts = read_facts(run(half_updated().at(3), "WS1").at(9).step().records)
    ((group,), rest) = folder_groups(facts)
    whole, file, ran = group.lanes
    assert [bar.label for bar in whole.bars] == ["version 1", "mixed: 1 new, 1 old"]
    assert file.sub == "b.dat" and [bar.kind for bar in file.bars] == ["was", "old"]
    assert [mark.kind for mark in ran.marks] == ["ran-wrong"] and not rest
    assert ran.outcome == "1 got wrong files" and ran.outcome_sub == "of 1 start"
    assert group.rest == "1 file more, never old or missing"


def test_the_harm_of_waiting_is_one_sentence() -> None:
    facts = read_facts(run(half_updated().at(3), "WS1").at(9).step().records)
    assert damage(facts) == (
        "Meanwhile PKG on LOGON1 had files of two versions; 1 of 1 start of a program met them so."
    )
    assert damage(read_facts(copy(Site(), "J0", "a.dat").records)) == ""


def test_a_folder_in_words() -> None:
    assert folder_says(FolderCount(0, 1, 0, 2), 2) == "2 of 3 missing, 1 old"
    assert folder_says(FolderCount(0, 0, 3, 0, 1), 2) == "version 1"
    assert folder_says(FolderCount(0, 0, 3, 0, 2), 2) == "new"
    assert folder_says(FolderCount(0, 0, 0, 0), 2) == ""


def test_what_is_not_drawn_is_counted() -> None:
    site = Site().at(0).step()
    for number in range(JOBS_MAX + 3):
        site.job("Complete", job=f"J{number}", name=f"N{number}")
    for number in range(FOLDERS_MAX + 2):
        copy(site, f"K{number}", "a.dat", package=f"P{number}")
    files = [f"{number}.dat" for number in range(FILES_MAX + 4)]
    copy(site, "J0", *files)
    copy(site.at(1), "J1", "new.dat", "0.dat", stop="0.dat")
    for number in range(RUNS_MAX + 1):
        run(site, f"PC{number}")
    facts = read_facts(site.at(2).step().records)
    assert job_strips(facts, axis(facts))[1] == "3 more jobs (Complete 3)"
    groups, rest = folder_groups(facts)
    assert rest == "3 more folders (new 3)" and len(groups) == FOLDERS_MAX
    worst = groups[0]
    assert worst.rest == "4 more files not drawn" and len(worst.lanes[-1].marks) == 1
