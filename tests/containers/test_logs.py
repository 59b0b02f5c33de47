"""What containers tell: one line a fact, with time and level; JSON where it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import docker
import pytest

from worlds.docker import SCALE_S_MAX, Stack, stack, until

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO |WARNING|ERROR ) +despoolr: \S.*")


@pytest.fixture(scope="module", params=["text", "json"])
def here(request: pytest.FixtureRequest, client: docker.DockerClient, tag: str) -> Iterator[Stack]:
    settings = {"DESPOOLR_TIME": "x1000", "DESPOOLR_RESPONSE": "Very Fast", "DESPOOLR_CLIENTS": "3"}
    with stack(
        client, tag, f"logs-{request.param}", DESPOOLR_LOG_FORMAT=request.param, **settings
    ) as made:
        made.up()
        yield made


def lines(here: Stack, service: str) -> list[str]:
    logs: bytes = here.container(service).logs()
    return logs.decode().splitlines()


def test_a_container_tells_one_line_a_fact_and_what_matters_is_in_it(here: Stack) -> None:
    here.container("logon2").stop()
    until(
        lambda: any("LOGON2" in line and "WARN" in line.upper() for line in lines(here, "site")),
        "LOGON2 is missed",
        SCALE_S_MAX,
    )
    for service in ("site", "logon1", "clients"):
        for line in lines(here, service):
            if here.settings["DESPOOLR_LOG_FORMAT"] == "json":
                assert json.loads(line).keys() >= {"time", "level", "message"}, line
            else:
                assert LINE.fullmatch(line), line
    assert any("leased clients" in line for line in lines(here, "site"))
