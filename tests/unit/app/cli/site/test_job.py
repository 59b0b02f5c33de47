"""`despoolr job`: what is told of a job made, cancelled or watched, and how watching ends."""

from __future__ import annotations

import pytest

from despoolr.console import run
from despoolr_app.cli.site import job as jobs
from despoolr_app.site_client.errors import SiteUnreachable
from despoolr_core.share.site_api import JobCancelled, JobMade
from worlds.answer import answer_of, data_of
from worlds.asked_site import NOW, URL, StagedSite, job, refusal, server_row

Said = pytest.CaptureFixture[str]
GET = "GET jobs/BPC00002"
CREATE = ("job", "create", "UPDATE", "--package", "OFFICE")
AWAY = SiteUnreachable(URL, "Connection refused")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks."""
    monkeypatch.setattr(jobs, "LOOK_S", 0.0)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ((), "on each site's servers"),
        (("--put-on", "LOGON1", "--put-on", "LOGON2"), "on LOGON1, LOGON2"),
        (("--refresh-existing",), "refreshing every server that has it"),
        (("--send-only",), "sent and no further"),
        (("--type", "remove"), "from every server that has it"),
        (("--command", "X", "--machines", "*"), "on each site's servers; for all machines"),
        (("--command", "X", "--machines", "PC1,PC2"), "on each site's servers; for PC1, PC2"),
    ],
)
def test_a_job_that_is_made_says_where_it_goes_and_how_to_follow_it(
    asked: StagedSite, capsys: Said, options: tuple[str, ...], where: str
) -> None:
    asked.answer("POST jobs", JobMade("BPC00002"))
    assert run([*CREATE, *options]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("job BPC00002 UPDATE is made: ") and first.endswith(f", {where}")
    assert second == "follow it with `despoolr job BPC00002 --watch`"


def test_a_job_that_is_made_is_its_facts_as_json(asked: StagedSite, capsys: Said) -> None:
    asked.answer("POST jobs", JobMade("BPC00002"))
    asked.answer(GET, job("Pending", server_row("None")))
    assert run([*CREATE, "--json"]) == 0
    answer = answer_of(capsys.readouterr().out)
    told = answer["data"]
    assert (told["site"], told["job"]["status"]) == ("BPC", "Pending")
    assert answer["source"] == URL and answer["site_time"]["seconds"] > 0
    assert [row["machine"] for row in told["details"]] == ["LOGON1"]


def test_an_order_that_contradicts_itself_asks_the_site_for_nothing(
    asked: StagedSite, capsys: Said
) -> None:
    assert run([*CREATE, "--at", "soon"]) == 2
    assert "--at 'soon' is neither a span" in capsys.readouterr().err
    assert asked.asked == []


@pytest.mark.parametrize(("status", "code"), [("Complete", 0), ("Failed", 10), ("Cancelled", 10)])
def test_watching_tells_every_change_once_and_ends_with_the_job(
    asked: StagedSite, capsys: Said, status: str, code: int
) -> None:
    asked.answer("POST jobs", JobMade("BPC00002"))
    done = job(status, server_row("Complete", NOW + 60))
    asked.answer(GET, job("Pending"), job("Active"), job("Active"), done)
    assert run([*CREATE, "--watch"]) == code
    assert capsys.readouterr().out.splitlines() == [
        "job BPC00002 UPDATE is made: Share Package On Server",
        "1996-06-03 08:00:00  job UPDATE is Pending",
        "1996-06-03 08:00:00  job UPDATE is Active (was Pending)",
        f"1996-06-03 08:00:00  job UPDATE is {status} (was Active)",
        "1996-06-03 08:01:00  server LOGON1 at BPC: Complete",
    ]


def test_watched_as_json_the_changes_go_to_standard_error_and_the_object_comes_last(
    asked: StagedSite, capsys: Said
) -> None:
    asked.answer(GET, job("Active"), job("Complete"))
    assert run(["job", "BPC00002", "--watch", "--json"]) == 0
    said = capsys.readouterr()
    assert data_of(said.out)["job"]["status"] == "Complete"
    assert "job UPDATE is Complete (was Active)" in said.err


def test_watching_goes_on_after_the_site_server_was_away(asked: StagedSite, capsys: Said) -> None:
    asked.answer(GET, job("Active"), AWAY, AWAY, job("Active"), AWAY, job("Complete"))
    assert run(["job", "BPC00002", "--watch"]) == 0
    said = capsys.readouterr()
    away = "the site server does not answer; asking again for 30 s"
    assert said.err.count(away) == 2, "once each time it is away"
    assert said.out.endswith("job UPDATE is Complete (was Active)\n")


def test_watching_ends_with_exit_code_2_where_the_site_server_stays_away(
    asked: StagedSite, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOST_S_MAX", 0.01)
    asked.answer(GET, job("Active"), AWAY)
    assert run(["job", "BPC00002", "--watch"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"despoolr: {AWAY}"


@pytest.mark.parametrize("error", [AWAY, refusal("no job 'BPC00002'", 404)])
def test_a_job_that_cannot_be_seen_at_all_is_not_waited_for(
    asked: StagedSite, capsys: Said, error: Exception
) -> None:
    asked.answer(GET, error)
    assert run(["job", "BPC00002", "--watch"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"despoolr: {error}"
    assert len(asked.asked) == 1


def test_a_finished_run_is_not_watched(capsys: Said) -> None:
    assert run(["job", "UPDATE", "latest", "--watch"]) == 2
    said = capsys.readouterr().err
    assert "a finished run cannot be watched: leave RUN or --watch out" in said


def test_what_is_cancelled_is_told_with_how_far_it_is(asked: StagedSite, capsys: Said) -> None:
    asked.answer("POST jobs/UPDATE/cancel", JobCancelled(job("Cancelling").job))
    assert run(["job", "cancel", "UPDATE"]) == 0
    assert capsys.readouterr().out == "job BPC00002 UPDATE is Cancelling\n"
    assert run(["job", "cancel", "UPDATE", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["site"], told["job"]["status"]) == ("BPC", "Cancelling")
