"""Who holds what, who waits, why; health and metrics."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from despoolr_server.engine.names import found_name
from despoolr_server.engine.rows import Open
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.shares.server.introspection import IntrospectionRoutes, site_time
from despoolr_server.shares.base.principal import Principal
from worlds.share_server import EPOCH, Site


async def block(site: Site) -> str:
    """PC07 holds b.dat and the service account is refused twice; the handle."""
    await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
    await site.ask("PUT", "/SMS_SHR/c.dat", b"old")
    handle = await site.hold("b.dat")
    await site.hold("c.dat")
    for _ in range(2):
        refused = await site.ask(
            "PUT",
            "/SMS_SHR/b.dat",
            b"new",
            Despoolr_Program="SMS_DESPOOLER",
            Despoolr_Purpose="job 12",
        )
        assert refused.status == 423
    return handle


async def test_opens_are_listed_by_share_path_and_machine(site: Site) -> None:
    handle = await block(site)

    async def count(query: str) -> int:
        reply = (await site.ask("GET", "/api/v1/opens" + query)).json
        assert reply["count"] == len(reply["opens"])
        return int(reply["count"])

    assert [
        await count(q)
        for q in ("", "?share=sms_shr", "?path=B.DAT", "?machine=pc07", "?machine=PC08", "?share=X")
    ] == [
        2,
        2,
        1,
        2,
        0,
        0,
    ]
    row = (await site.ask("GET", "/api/v1/opens?path=b.dat")).json["opens"][0]
    assert (row["open"], row["program"], row["access"], row["share_mode"]) == (
        handle,
        "EXCEL.EXE",
        "READ",
        "READ",
    )


async def test_an_open_whose_file_is_renamed_meanwhile_is_told_by_its_new_name(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await block(site)
    oldest = IntrospectionRoutes._oldest

    async def found_and_renamed(
        routes: IntrospectionRoutes, who: Principal, asked: Mapping[str, str], count_max: int
    ) -> tuple[list[Open], int]:
        found = await oldest(routes, who, asked, count_max)
        site.host.engine.renamed("SMS_SHR", found_name("b.dat"), found_name("d.dat"))
        return found

    monkeypatch.setattr(IntrospectionRoutes, "_oldest", found_and_renamed)
    opens = (await site.ask("GET", "/api/v1/opens")).json["opens"]
    assert {row["path"] for row in opens if row["open"] == handle} == {"d.dat"}


async def test_a_list_is_cut_at_its_limit_and_says_how_many_there_are(site: Site) -> None:
    await block(site)
    reply = (await site.ask("GET", "/api/v1/opens?limit=1")).json
    assert (len(reply["opens"]), reply["count"]) == (1, 2)


@pytest.mark.parametrize("query", ["machin=PC07", "limit=-1", "limit=x", "limit=10001", "limit=٣"])
async def test_a_wrong_parameter_is_refused_by_name(site: Site, query: str) -> None:
    reply = await site.ask("GET", f"/api/v1/opens?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply.problem.detail


async def test_why_says_it_in_one_sentence(site: Site) -> None:
    await block(site)
    for query in ("?machine=BPC", "?machine=PC07", "?path=b.dat", ""):
        reply = (await site.ask("GET", "/api/v1/why" + query)).json
        (sentence,) = reply["verdicts"]
        assert sentence.startswith(
            "SMS_DESPOOLER on BPC was refused b.dat twice over 0 s because EXCEL.EXE on PC07 "
            "(user anna)"
        )
        assert reply["episodes"][0]["attempt_count"] == 2
    assert [held["path"] for held in reply["opens"]] == ["b.dat", "c.dat"]
    assert (await site.ask("GET", "/api/v1/why?machine=PC99")).json["verdicts"] == []


async def test_why_can_be_asked_of_a_time_before(site: Site) -> None:
    await block(site)
    before = (await site.ask("GET", f"/api/v1/why?at={EPOCH - 1}")).json
    assert (before["opens"], before["episodes"]) == ([], [])
    assert (await site.ask("GET", "/api/v1/why?at=yesterday")).status == 400


def test_site_time_is_seconds_or_a_date() -> None:
    assert site_time("at", "825926400") == site_time("at", "1996-03-04T08:00") == EPOCH


async def test_an_episode_is_given_up(site: Site) -> None:
    await block(site)
    name = (await site.ask("GET", "/api/v1/episodes?machine=BPC")).json["episodes"][0]["episode"]
    assert (await site.post(f"/api/v1/episodes/{name}/end", reason="job cancelled")).status == 204
    reply = (await site.ask("GET", "/api/v1/episodes")).json
    assert (reply["count"], reply["episodes"][0]["state"]) == (1, "given up")
    assert (await site.post("/api/v1/episodes/none/end", reason="x")).status == 404


async def test_health_tells_of_damaged_data(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "damages" not in (await site.ask("GET", "/healthz", token="")).json
    monkeypatch.setattr(MemoryFileStore, "findings", ("journal 1 is gone",))
    health = (await site.ask("GET", "/healthz", token="")).json
    assert health["status"] == "damaged"
    assert "SMS_SHR: journal 1 is gone" in health["damages"]


async def test_health_counts_without_a_token_and_without_names(site: Site) -> None:
    await block(site)
    health = await site.ask("GET", "/healthz", token="")
    assert health.status == 200
    facts = health.json
    assert (facts["status"], facts["server"], facts["version"]) == ("ok", "LOGON1", "1.2.3")
    assert (facts["shares"], facts["sessions"], facts["opens"], facts["episodes_waiting"]) == (
        1,
        2,
        2,
        1,
    )
    assert 0 <= facts["uptime_s"] < 60
    assert facts["now"] >= EPOCH
    assert b"PC07" not in health.body


async def test_metrics_count_refusals_by_share_and_program(site: Site) -> None:
    await block(site)
    text = (await site.ask("GET", "/metrics")).body.decode()
    assert 'despoolr_refusals_total{program="SMS_DESPOOLER",share="SMS_SHR"} 2.0' in text
    assert 'despoolr_requests_total{method="PUT",status="423"} 2.0' in text
    assert "despoolr_opens 2.0" in text
    assert "despoolr_episodes_waiting 1.0" in text


async def test_the_times_of_a_method_are_told_once_it_was_used(site: Site) -> None:
    first = (await site.ask("GET", "/metrics")).body.decode()
    assert "despoolr_request_seconds_count" not in first
    second = (await site.ask("GET", "/metrics")).body.decode()
    assert 'despoolr_request_seconds_count{method="GET"} 1.0' in second
    assert 'method="PUT"' not in second


async def test_every_problem_type_explains_itself(site: Site) -> None:
    assert b"in use" in (await site.ask("GET", "/problems/sharing-violation")).body
    assert b"Bearer" in (await site.ask("GET", "/problems/authentication-required")).body
    assert (await site.ask("GET", "/problems/none-such")).status == 404
