"""No article reproduces by itself: take its cause away, leave all else, and its scenario goes red
where it must.

And turning an article's switch changes its symptom and nothing else that is left in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from despoolr_core.profile import ARTICLES
from despoolr_lab.kb import gallery
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from scenarios.staging import article, failed

Change = Callable[[Scenario], None]


def nobody_holds(scenario: Scenario) -> None:
    """Nobody opens a file that the Despooler wants."""
    scenario.step = [
        s for s in scenario.step if not isinstance(s, model.HoldStep | model.ReleaseStep)
    ]


def the_file_is_released(scenario: Scenario) -> None:
    """Whoever holds a file closes it before the update."""
    for step in scenario.step:
        if isinstance(step, model.HoldStep):
            step.for_ = "10m"
    scenario.step = [s for s in scenario.step if not isinstance(s, model.ReleaseStep)]


def the_job_never_expires(scenario: Scenario) -> None:
    for step in scenario.step:
        if isinstance(step, model.JobStep):
            step.expires_after = ""


def every_mif_says_success(scenario: Scenario) -> None:
    for program in scenario.program:
        if program.mif is not None:
            program.mif.status = "Success"


def the_mif_is_sent_intact(scenario: Scenario) -> None:
    """The child's Despooler does not mark the ID."""
    for site in scenario.site:
        site.profile = {**site.profile, "success_marks_package_id": False}


def the_refresh_flag_is_kept(scenario: Scenario) -> None:
    scenario.site[0].profile = {**scenario.site[0].profile, "retry_keeps_refresh": True}
    for expectation in scenario.expect:
        expectation.when = {}  # what the faulty version shows is asked for all the same
    scenario.expect = [
        e
        for e in scenario.expect
        if "is refreshed by the retry" not in e.name and e.name != "and so is the second"
    ]


CAUSES: list[tuple[str, str, Change, set[str]]] = [
    # article, a version with the fault, what is taken away, what must go red
    (
        "Q147819",
        "1.1",
        nobody_holds,
        {
            "the update retries after its first attempt",
            "the copy stopped at the locked file",
            "WS1 is named as the one who blocks",
        },
    ),
    (
        "Q147819",
        "1.1",
        the_file_is_released,
        {"the update retries after its first attempt", "the copy stopped at the locked file"},
    ),
    ("Q152229", "1.0", the_job_never_expires, {"after the job expired, 1.0"}),
    ("Q152229", "1.1", the_job_never_expires, {"after the job expired, 1.1"}),
    (
        "Q166833",
        "1.2",
        every_mif_says_success,
        {
            "the failed workstation's detail says Retrying",
            "the job retries",
            "event 374 has the words of the setup script",
        },
    ),
    (
        "Q195936",
        "1.2",
        nobody_holds,
        {
            "the job retries because the master copy cannot be stored",
            "a retry instruction exists",
            "the first server keeps the old version: the retry forgot the refresh",
        },
    ),
    (
        "Q195936",
        "1.2",
        the_refresh_flag_is_kept,
        {
            "the first server keeps the old version: the retry forgot the refresh",
            "and so does the second",
        },
    ),
    (
        "Q235805",
        "2.0",
        the_mif_is_sent_intact,
        {
            "Distribution Manager does not know the marked ID",
            "to the parent the package is not installed at the child",
        },
    ),
]


@pytest.mark.parametrize(
    ("kb", "version", "change", "red"),
    CAUSES,
    ids=[f"{c[0]}-{c[1]}-{c[2].__name__}" for c in CAUSES],
)
def test_without_its_cause_an_article_does_not_reproduce(
    kb: str, version: str, change: Change, red: set[str]
) -> None:
    scenario = gallery.load(kb)
    names = {e.name for e in scenario.expect}
    assert red <= names, "the scenario expects these"
    change(scenario)
    result = run_scenario(scenario, RunOptions(version=version))
    assert red <= {finding.name for finding in failed(result)}


def test_every_article_has_its_cause_taken_away() -> None:
    assert {kb for kb, *_ in CAUSES} == set(ARTICLES)


# -- what a switch changes

Value = Any


@cache
def end_state(kb: str, version: str, fix: bool, bug: bool) -> dict[str, Value]:
    """What is left in the end: rows, jobs, files on servers, events, PCM windows; without times and
    texts of logs.
    """
    return _end_state(article(kb, version, None, (kb,) if fix else (), (kb,) if bug else ()))


def _end_state(result: RunResult) -> dict[str, Value]:
    state: dict[str, Value] = {}
    for record in result.records:
        data = record.data
        if record.kind == "detail.status":
            state[
                f"{record.actor.partition('/')[0]} row {data['job']} {data['detail']} "
                f"{data['machine']}"
            ] = data["status"]
        elif record.kind == "job.status":
            state[f"job {data['job']}"] = data["status"]
        elif record.kind in ("file.written", "file.deleted") and data["share"] == "SMS_PKGD":
            state[f"file {data['server']} {data['path']}"] = data.get("size", "gone")
        elif record.kind == "package.status":
            state[f"package {data['package']} at {data['site']}"] = data["status"]
        elif record.kind == "pcm.record":
            state[f"window {record.actor} {data['request']}"] = data["state"]
        elif record.kind == "event":
            key = f"events {data['event']} {data.get('job', '')}"
            state[key] = state.get(key, 0) + 1
    return state


SYMPTOMS: dict[str, Callable[[str], bool]] = {
    # what a switch may change, by the beginning of a name
    "Q147819": lambda name: name.startswith(
        ("BPC row BPC00003", "job BPC00003", "file LOGON1 BPC00001/", "events")
    ),
    "Q152229": lambda name: name.startswith(("BPC row BPC00001 Workstation", "job BPC00001")),
    "Q166833": lambda name: name.startswith(("BPC row BPC00001 Workstation", "job BPC00001")),
    "Q195936": lambda name: name.startswith(
        ("file DIST1 BPC00001", "file DIST2 BPC00001", "BPC row BPC00003 Server DIST")
    ),
    "Q235805": lambda name: name.startswith("package 1000000"),
}


@pytest.mark.parametrize("kb", ARTICLES)
@pytest.mark.parametrize("version", ["first", "last"])
def test_turning_an_articles_fault_changes_its_symptom_and_nothing_else_in_the_end(
    kb: str, version: str
) -> None:
    of = ARTICLES[kb].versions[0 if version == "first" else -1]
    shipped, fixed, broken = (
        end_state(kb, of, fix, bug) for fix, bug in ((False, False), (True, False), (False, True))
    )
    assert shipped in (fixed, broken), "a version either has the fault or has it not"
    changed = {name for name in {*fixed, *broken} if fixed.get(name) != broken.get(name)}
    assert changed, "the switch does something"
    assert [name for name in sorted(changed) if not SYMPTOMS[kb](name)] == []
