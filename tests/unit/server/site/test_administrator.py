"""What an administrator may ask of a site, and the answer to what cannot be done: over the API,
with what there is instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from despoolr_core.share.modes import Role
from despoolr_core.share.site_api import MachineSpec, PackageSpec
from despoolr_server.http.connections.served import application
from despoolr_server.site.job_checks import AdministratorError
from despoolr_server.site.jobs.model import JobSpec
from worlds.site import Bench


class Api:
    """The site's API as an administrator calls it."""

    def __init__(self, bench: Bench, client: Any) -> None:
        self.bench = bench
        self._client = client

    async def call(
        self, method: str, path: str, body: Any = None, role: Role = Role.ADMIN
    ) -> tuple[int, Any]:
        token = self.bench.auth.issue("ADMIN1", "Administrator", role)
        data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {token}"}
        async with self._client.request(
            method, f"/api/v1/{path}", data=data, headers=headers
        ) as answer:
            return answer.status, msgspec.json.decode(await answer.read())


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    bench = Bench("1.1", ("LOGON1", "LOGON2"))
    await bench.machines(2)
    await bench.package()
    async with TestClient(TestServer(application(bench.server.app))) as client:
        yield Api(bench, client)


JOB = {
    "name": "J",
    "package": "BPC00001",
    "type": "Share Package On Server",
    "distribute": {"put_on": ["LOGON1"]},
}

REFUSED = [
    # call, body, status, what the answer says
    ("jobs", {**JOB, "package": "BPC99999"}, 400, "no package 'BPC99999'; there are BPC00001"),
    (
        "jobs",
        {**JOB, "distribute": {"put_on": ["NOWHERE"]}},
        400,
        "no distribution server 'NOWHERE'; there are LOGON1, LOGON2",
    ),
    ("jobs", {**JOB, "sites": ["XYZ"]}, 400, "no address to site 'XYZ'; there are BPC"),
    (
        "jobs",
        {**JOB, "run": {"command": "x"}, "machines": ["WS1", "GHOST"]},
        400,
        "this site knows no machine GHOST",
    ),
    ("jobs", {**JOB, "run": {"command": "x"}}, 400, "needs target machines"),
    ("jobs", {**JOB, "colour": "red"}, 400, "colour"),
    ("jobs", {"name": "J"}, 400, "package"),
    ("jobs", {**JOB, "type": "Dance"}, 400, "Dance"),
    ("jobs", b"garbage", 400, ""),
    ("packages", {"name": "P", "source": "nowhere"}, 400, "is not \\\\SERVER\\SHARE"),
    (
        "packages",
        {"name": "P", "source": r"\\A\B\C", "id": "BPC00001"},
        400,
        "there is a package BPC00001 already",
    ),
    ("machines", [{"name": "PC", "sms_id": "no", "domain": "D"}], 400, "'no' is not an SMSID"),
    ("jobs", {**JOB, "name": "J\x1b[2J"}, 400, "name has the character U+001B"),
    (
        "jobs",
        {**JOB, "run": {"command": "x", "command_name": "a\nb"}, "machines": ["WS1"]},
        400,
        "run: command_name has",
    ),
    ("jobs", {**JOB, "machines": ["WS1", "W\u2028"]}, 400, "machines has the character U+2028"),
    ("jobs", {**JOB, "package": "x" * 1025}, 400, "package is longer than 1024 characters"),
    ("packages", {"name": "P\u202e", "source": r"\\A\B\C"}, 400, "name has the character U+202E"),
    (
        "packages",
        {"name": "P", "source": r"\\A\B\C", "comment": "\x9b"},
        400,
        "comment has the character U+009B",
    ),
    (
        "machines",
        [{"name": "PC\n", "sms_id": "BPC00009", "domain": "D"}],
        400,
        "name has the character U+000A",
    ),
    (
        "sites",
        [{"code": "ABC", "parent": "BPC", "server": "\x1b"}],
        400,
        "server has the character U+001B",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "says"), REFUSED, ids=range(len(REFUSED)))
async def test_what_cannot_be_done_is_refused_with_what_can(
    api: Api, path: str, body: Any, status: int, says: str
) -> None:
    got, problem = await api.call("POST", path, body)
    assert (got, problem["status"]) == (status, status)
    assert says in problem["detail"]
    assert (await api.call("GET", "jobs"))[1] == {"jobs": []}, "nothing was made"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("jobs/BPC0FFFF", "no job 'BPC0FFFF'; there are none yet"),
        ("machines/GHOST", "this site knows no machine 'GHOST'"),
        ("nothing", ""),
    ],
)
async def test_what_is_not_there_is_404(api: Api, path: str, says: str) -> None:
    status, problem = await api.call("GET", path)
    assert (status, says in problem["detail"]) == (404, True)


async def test_services_there_are_not_and_things_they_cannot_do_are_refused(api: Api) -> None:
    assert (await api.call("POST", "services/SMS_TELEPATHY/pause"))[0] == 404
    assert (await api.call("POST", "services/SMS_DESPOOLER/dance"))[0] == 400


@pytest.mark.parametrize("role", [Role.CLIENT, Role.SERVICE])
@pytest.mark.parametrize("path", ["jobs", "events", "site", "packages", "machines/WS1"])
async def test_only_administrators_ask(api: Api, path: str, role: Role) -> None:
    assert (await api.call("GET", path, role=role))[0] == 403


async def test_a_job_is_made_found_by_name_and_done(api: Api) -> None:
    status, made = await api.call("POST", "jobs", JOB)
    assert (status, made) == (201, {"job": "BPC00001"})
    await api.bench.pump(2)
    for name in ("BPC00001", "J"):
        answer = (await api.call("GET", f"jobs/{name}"))[1]
        assert (answer["job"]["status"], answer["job"]["job"]) == ("Complete", "BPC00001")
        assert {d["kind"] for d in answer["details"]} == {"Site Arrival", "Completion", "Server"}


async def test_a_service_is_paused_resumed_and_cycled_by_hand(api: Api) -> None:
    assert (await api.call("POST", "services/SMS_DESPOOLER/pause"))[1]["paused"] is True
    assert (await api.call("POST", "services/SMS_DESPOOLER/resume"))[1]["paused"] is False
    assert (await api.call("POST", "services/SMS_DESPOOLER/cycle"))[1]["cycles"] == 1


@pytest.mark.parametrize("limit", ["0", "-1", "x", "99999999", "1.5"])
async def test_a_limit_of_events_is_a_number_in_bounds(api: Api, limit: str) -> None:
    assert (await api.call("GET", f"events?limit={limit}"))[0] == 400


async def test_the_latest_job_of_a_name_is_meant() -> None:
    bench = Bench()
    package = await bench.package()
    await bench.job(package, "SAME")
    second = await bench.job(package, "SAME")
    assert (await bench.administrator.job("SAME"))[0].job == second


async def test_a_machine_that_is_known_is_brought_up_to_date() -> None:
    bench = Bench()
    await bench.administrator.add_machines([MachineSpec("OLD", "BPC00001", "SALES")])
    await bench.administrator.add_machines([MachineSpec("NEW", "BPC00001", "SALES")])
    assert (await bench.administrator.machine("NEW"))["sms_id"] == "BPC00001"
    with pytest.raises(AdministratorError, match="OLD"):
        await bench.administrator.machine("OLD")


async def test_no_job_is_made_of_a_package_there_is_not() -> None:
    with pytest.raises(AdministratorError, match="none yet"):
        await Bench().administrator.create_job(JobSpec("J", "BPC00001"))


async def test_packages_are_numbered_in_base_16_after_the_site() -> None:
    bench = Bench()
    made = [
        await bench.administrator.create_package(PackageSpec(f"P{n}", rf"\\SITE1\PKGSRC\P{n}"))
        for n in range(17)
    ]
    assert (made[0], made[9], made[16]) == ("BPC00001", "BPC0000A", "BPC00011")
