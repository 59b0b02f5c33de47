"""What a run leaves: the same story in every file, and an exit code that says which kind of end it
was.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec.structs import replace

from despoolr_app.runs.directory import RunError
from despoolr_lab.load.measure.judgement import LoadFacts, findings, invalid
from despoolr_lab.load.measure.tally import PollOwner, Tally, total
from despoolr_lab.load.outcome.archive import read_kept
from despoolr_lab.load.outcome.report import render_report
from despoolr_lab.load.outcome.results import (
    exit_code,
    junit_of,
    lines_of,
    samples_csv,
    summary_of,
    verdict,
    write_all,
)
from despoolr_lab.load.run import LoadOutcome
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.load.watch import LoadSecond

LOAD = parse_load(
    """\
name = "left"
title = "What a run leaves"
[load]
warm_up = "2s"
[[clients]]
name = "A"
count = 4
[[expect]]
that = "polls"
p99 = "1s"
[[expect]]
that = "refusals"
at_most = 2
"""
)


def outcome(refused: float = 2, there: int = 4, polls: int = 200, **changes: object) -> LoadOutcome:
    tally = Tally(0.05, 2)
    for number in range(polls):
        at = number * 10 / polls
        asked = PollOwner("A" if number % 2 else "B", "LOGON1")
        tally.poll(asked, at, at, at, at + 0.01, failed=number == polls - 1)
    seconds = tally.take()
    groups, servers = tally.take_parts()
    facts = LoadFacts(
        clients_wanted=4,
        clients_there=there,
        polls=total(second for number, second in seconds.items() if number >= 2),
        cpu_shares=[0.2],
        cpu_peaks=[0.4],
        refusals={("SMS_PKGD", "<SETUP>"): refused},
        episodes=["resolved"],
        jobs={},
        reports_sent=0,
        reports_unsent=0,
        settled_s=None,
        queues={"SITE1/SMS_SITE/SMS_SITE": 3.0},
        looks=10,
        groups=groups,
        servers=servers,
    )
    rows = [
        LoadSecond(n, refusals=n, boxes={"SITE1/SMS_SITE/SMS_SITE": float(n % 4), "SITE1/X/Y": 0.0})
        for n in range(1, 10)
    ]
    made = LoadOutcome(
        LOAD,
        facts,
        invalid(LOAD, facts, 1, 2),
        findings(LOAD, facts),
        seconds,
        rows,
        2,
        60.0,
        1,
        ["a note"],
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("made", "code", "says"),
    [
        (outcome(), 0, "4 clients, 160 polls, p99 10 ms: all 2 expectations hold."),
        (
            outcome(polls=40),
            12,
            "1 of 2 expectations are not settled; polls p99: 10 ms, of 32 polls: at least "
            "100 decide.",
        ),
        (
            outcome(polls=40, refused=3),
            10,
            "1 of 2 expectations failed; refusals: 3, not at most 2.",
        ),
        (outcome(refused=3), 10, "1 of 2 expectations failed; refusals: 3, not at most 2."),
        (outcome(there=3), 12, "Invalid run: 4 clients were asked for and 3 were there"),
        (outcome(is_interrupted=True, findings=[]), 130, "Interrupted: nothing was decided."),
    ],
)
def test_the_exit_code_and_the_sentence_say_how_it_ended(
    made: LoadOutcome, code: int, says: str
) -> None:
    assert exit_code(made) == code and says in verdict(made)
    summary = summary_of(made, "19960603T080000Z")
    assert (summary["exit_code"], summary["passed"]) == (code, code == 0)


def test_a_run_that_was_not_worth_going_on_with_has_failed_and_says_why() -> None:
    made = outcome(aborted="after 12 s: 40.0% of the 500 polls of the last 10s failed", findings=[])
    assert exit_code(made) == 10
    assert verdict(made).startswith("Aborted after 12 s: 40.0% of")
    assert not summary_of(made, "19960603T080000Z")["valid"]
    assert "aborted after 12 s" in junit_of(made).decode()


def test_groups_and_servers_are_told_of_apart_without_the_warm_up() -> None:
    summary = summary_of(outcome(), "19960603T080000Z")
    polls = summary["polls"]
    assert {name: part["count"] for name, part in polls["groups"].items()} == {"A": 80, "B": 80}
    assert polls["groups"]["A"]["failed"] == 1, "the last poll of all"
    assert polls["servers"]["LOGON1"]["count"] == 160
    told = dict(lines_of(summary))
    assert told["group A"].startswith("80 polls, p50 10 ms") and "server LOGON1" not in told
    assert told["of which servers"] == "p50 10 ms, p99 10 ms, from the request to the answer"


def test_samples_say_when_by_the_clock_of_the_machine() -> None:
    made = outcome(began_utc=825926400.25)
    rows = list(csv.DictReader(io.StringIO(samples_csv(made))))
    assert rows[1]["utc"] == "1996-03-04T08:00:01.250+00:00"
    assert (rows[1]["p95_ms"], rows[1]["lag_p99_ms"]) == ("10.0", "0.0")


def test_samples_have_a_line_for_every_second_and_a_column_for_every_box_that_was_used() -> None:
    made = outcome()
    rows = list(csv.DictReader(io.StringIO(samples_csv(made))))
    assert [row["second"] for row in rows] == [str(n) for n in range(10)]
    assert [row["measured"] for row in rows[:3]] == ["0", "0", "1"]
    assert {row["polls"] for row in rows} == {"20"} and sum(
        int(row["polls"]) for row in rows if row["measured"] == "1"
    ) == 160
    assert rows[3]["SITE1/SMS_SITE/SMS_SITE"] == "3" and "SITE1/X/Y" not in rows[0]
    assert rows[0]["refusals"] == "", "nobody was asked in the first second"


def test_junit_has_a_case_for_validity_and_for_every_expectation() -> None:
    suite = ElementTree.fromstring(junit_of(outcome(refused=3)))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "3",
        "1",
        "0",
        "0",
    ]
    assert [case.get("name") for case in suite] == [
        "the run is valid",
        "polls p99: at most 1s",
        "refusals: at most 2",
    ]
    failure = suite[2][0]
    assert (failure.tag, failure.get("message")) == (
        "failure",
        "refusals: expected at most 2, was 3",
    )


def test_junit_is_xml_whatever_a_server_called_things() -> None:
    made = outcome(refused=3)
    bad = msgspec.structs.replace(
        made.findings[0], name="a\x01\x1b[2J\ud800\uffffb", actual="\x9b\u2028", ok=False
    )
    found = replace(made, findings=[bad, *made.findings[1:]])
    suite = ElementTree.fromstring(junit_of(found))
    assert any(case.get("name", "").startswith("a\\x01\\x1b[2J\\ud800\\uffffb") for case in suite)


def test_junit_of_an_invalid_run_has_an_error_and_decides_nothing() -> None:
    suite = ElementTree.fromstring(junit_of(outcome(refused=3, there=3)))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "3",
        "0",
        "1",
        "2",
    ]
    assert "3 were there" in str(suite[0][0].get("message"))


def test_junit_of_too_few_samples_has_an_error_for_what_is_not_settled() -> None:
    suite = ElementTree.fromstring(junit_of(outcome(polls=40)))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "3",
        "0",
        "1",
        "0",
    ]
    assert "is not settled: 10 ms, of 32 polls" in str(suite[1][0].get("message"))


def test_files_that_were_lost_are_shown_wherever_holders_are() -> None:
    made = outcome()
    lost = replace(
        made.facts,
        holders_wanted=5,
        holders_made=5,
        holders_broken=2,
        holders_lost="F1.DAT on LOGON1: <closed>",
    )
    made = replace(made, facts=lost)
    summary = msgspec.json.decode(msgspec.json.encode(summary_of(made, "19960603T080000Z")))
    assert summary["holders"] == {
        "wanted": 5,
        "made": 5,
        "broken": 2,
        "lost": "F1.DAT on LOGON1: <closed>",
    }
    facts = dict(lines_of(summary))
    assert facts["holders"] == "3 of 5 held their file, 2 lost it: F1.DAT on LOGON1: <closed>"
    assert "2 lost it: F1.DAT on LOGON1: &lt;closed&gt;" in render_report(
        summary, lines_of(summary), made.seconds, made.rows
    )


def test_the_page_needs_nothing_else_and_takes_names_for_text() -> None:
    made = outcome()
    summary = msgspec.json.decode(msgspec.json.encode(summary_of(made, "19960603T080000Z")))
    page = render_report(summary, lines_of(summary), made.seconds, made.rows)
    assert "&lt;SETUP&gt;" in page and "<SETUP>" not in page
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    assert page.count("<svg viewBox") == 4, "times, rates, refusals, boxes"
    assert render_report(summary, [], {}, []).count("<svg viewBox") == 0, (
        "a run that made no poll has a page"
    )


def test_a_run_that_was_kept_is_read_again(tmp_path: Path) -> None:
    made = outcome()
    directory = tmp_path / "one"
    directory.mkdir()
    write_all(directory, made, summary_of(made, "19960603T080000Z"))
    kept = read_kept("one", tmp_path)
    assert kept.summary["load"] == "left" and len(kept.seconds) == 8
    assert sum(second.count for second in kept.seconds) == 160
    assert {path.name for path in directory.iterdir()} == {
        "summary.json",
        "samples.csv",
        "seconds.json",
        "junit.xml",
        "report.html",
    }


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "cannot read"),
        ({"summary.json": "{}"}, "is not a load run; make one with `despoolr load`"),
        ({"summary.json": "{"}, "is damaged"),
        ({"summary.json": '{"kind": "load"}'}, "has no 'load': it was written by another version"),
    ],
)
def test_what_is_no_load_run_is_one_line(tmp_path: Path, files: dict[str, str], says: str) -> None:
    (tmp_path / "one").mkdir()
    for name, text in files.items():
        (tmp_path / "one" / name).write_text(text)
    with pytest.raises(RunError, match=says):
        read_kept("one", tmp_path)


def test_a_run_that_is_not_there_is_told_which_are(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there are no load runs in"):
        read_kept("two", tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "seconds.json").write_text("[]")
    with pytest.raises(RunError, match=r"the newest loads in .* are one"):
        read_kept("two", tmp_path)
