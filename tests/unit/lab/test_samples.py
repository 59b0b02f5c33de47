"""What a process says of itself, as a load run and a soak read it; and one that says nothing."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from despoolr_app.site_client.client import ServerAddress
from despoolr_lab import samples
from despoolr_lab.samples import Sample, ScrapeFailure, read, sample, sample_all

SITE = """
# HELP despoolr_process_memory_bytes Memory.
# TYPE despoolr_process_memory_bytes gauge
despoolr_process_memory_bytes 5.0e+07
# TYPE despoolr_process_start_time_seconds gauge
despoolr_process_start_time_seconds 1795600000.25
# TYPE despoolr_opens gauge
despoolr_opens 3.0
# TYPE despoolr_refusals_total counter
despoolr_refusals_total{program="SMS_DESPOOLER",share="SMS_PKGD"} 7.0
# TYPE despoolr_box_files gauge
despoolr_box_files{box="PCMINS.BOX",share="SMS_SHR"} 5.0
despoolr_box_files{box="DESPOOLR.BOX",share="SMS_SHR"} 0.0
# TYPE despoolr_jobs gauge
despoolr_jobs{status="Retrying"} 1.0
# TYPE despoolr_job_details gauge
despoolr_job_details{kind="Workstation",status="Complete"} 40.0
# TYPE despoolr_reports_loaded gauge
despoolr_reports_loaded 43.0
# TYPE another_metric gauge
another_metric 1.0
"""
FLEET = """
# TYPE despoolr_fleet_polls_total counter
despoolr_fleet_polls_total{result="changed"} 2.0
despoolr_fleet_polls_total{result="failed"} 1.0
despoolr_fleet_polls_total{result="unchanged"} 9.0
# TYPE despoolr_fleet_poll_seconds histogram
despoolr_fleet_poll_seconds_bucket{le="0.001"} 4.0
despoolr_fleet_poll_seconds_bucket{le="+Inf"} 12.0
despoolr_fleet_poll_seconds_count 12.0
despoolr_fleet_poll_seconds_sum 0.5
# TYPE despoolr_fleet_reports_unsent gauge
despoolr_fleet_reports_unsent 2.0
"""


def test_a_site_servers_numbers_are_read_by_their_labels() -> None:
    told = read("SITE1", 12.5, 0.1, SITE)
    assert (told.name, told.at, told.took_s) == ("SITE1", 12.5, 0.1)
    assert (told.process.memory, told.process.started_at, told.share.opens) == (
        5.0e7,
        1795600000.25,
        3.0,
    )
    assert told.share.refusals == {("SMS_PKGD", "SMS_DESPOOLER"): 7.0}
    assert told.share.boxes == {("SMS_SHR", "PCMINS.BOX"): 5.0, ("SMS_SHR", "DESPOOLR.BOX"): 0.0}
    assert told.site.jobs == {"Retrying": 1.0} and told.site.details == {
        ("Workstation", "Complete"): 40.0
    }
    assert told.site.reports_loaded == 43.0


def test_a_fleets_polls_are_read_with_their_classes() -> None:
    fleet = read("fleet", 0.0, 0.0, FLEET).fleet
    assert sum(fleet.polls.values()) == 12.0 and fleet.polls["failed"] == 1.0
    assert fleet.poll_classes == {"0.001": 4.0, "+Inf": 12.0} and fleet.poll_s_sum == 0.5
    assert fleet.reports_unsent == 2.0


def test_what_was_not_told_is_none_or_empty() -> None:
    told = read("fleet", 0.0, 0.0, FLEET)
    assert (
        told.process.memory is None
        and told.share.opens is None
        and told.share.boxes == {}
        and told.site.jobs == {}
    )


def test_a_series_is_read_as_often_as_it_comes_and_with_nothing_beside_its_value() -> None:
    for value in (1.0, 2.0):
        assert read("A", 0.0, 0.0, f"despoolr_opens {value}\n").share.opens == value
    with pytest.raises(ValueError, match="is no series"):
        read("A", 0.0, 0.0, "despoolr_opens 1.0 1795600000\n")


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b"])
def test_only_a_newline_ends_a_line(end: str) -> None:
    text = f'despoolr_refusals_total{{program="A{end}B",share="S"}} 7.0\n'
    assert read("A", 0.0, 0.0, text).share.refusals == {("S", f"A{end}B"): 7.0}


async def ask_one(answer: web.Response | None) -> Sample | ScrapeFailure:
    async def metrics(request: web.Request) -> web.Response:
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None and request.headers["Authorization"] == "Bearer t"
        return answer

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as http:
            return await sample(
                http,
                ServerAddress("X", f"http://127.0.0.1:{site.port}", "t"),
                timeout_s=0.2 if answer is None else 5.0,
            )
    finally:
        await runner.cleanup()


async def test_a_process_that_answers_is_a_sample() -> None:
    told = await ask_one(web.Response(text=SITE))
    assert isinstance(told, Sample) and told.share.opens == 3.0 and told.took_s > 0


@pytest.mark.slow
async def test_a_process_that_refuses_stalls_or_says_nonsense_is_a_silence_with_its_reason() -> (
    None
):
    refused, stalled, nonsense = [
        await ask_one(answer)
        for answer in (web.Response(status=401), None, web.Response(text="despoolr_opens {{ x"))
    ]
    assert isinstance(refused, ScrapeFailure) and refused.reason == "HTTP 401"
    assert isinstance(stalled, ScrapeFailure) and stalled.reason == "no answer within 0.2 s"
    assert isinstance(nonsense, ScrapeFailure) and nonsense.reason.startswith(
        "not the text of metrics"
    )


async def test_an_answer_is_read_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "TEXT_SIZE_MAX", len(SITE))
    assert isinstance(await ask_one(web.Response(text=SITE)), Sample)
    monkeypatch.setattr(samples, "TEXT_SIZE_MAX", len(SITE) - 1)
    told = await ask_one(web.Response(text=SITE))
    assert isinstance(told, ScrapeFailure) and "more than" in told.reason


async def test_all_are_asked_and_one_that_is_not_there_harms_no_other() -> None:
    async with aiohttp.ClientSession() as http:
        told = await sample_all(
            http, [ServerAddress(name, "http://127.0.0.1:9", "") for name in "AB"]
        )
    assert [(type(one), one.name) for one in told] == [(ScrapeFailure, "A"), (ScrapeFailure, "B")]
