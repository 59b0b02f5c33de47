"""The images: small, nobody's in particular, and clear about a setting that cannot be used."""

from __future__ import annotations

import docker
import pytest

from despoolr_app.cli.base.variables import STACK_VARIABLES, VARIABLES
from worlds.docker import read_env_example
from worlds.support import REPOSITORY

OURS = ("despoolr-server", "despoolr-client")
ADDED_MB_MAX = 120
"""What ours add to their base."""
ASKED_EVERY_S = {"despoolr-server": 5, "despoolr-client": 15}
"""Seconds from a container's start to its first health check. A stack is healthy when its servers
and then its clients are: after these two.
"""
START_S = 120
"""Seconds that a container has for its start, as in deploy/kubernetes, before it is unhealthy."""


@pytest.mark.parametrize("name", OURS)
def test_an_image_says_what_it_is_and_runs_as_nobody_in_particular(
    client: docker.DockerClient, tag: str, name: str
) -> None:
    image = client.images.get(f"{name}:{tag}")
    config = image.attrs["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == name
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "bash", "/opt/despoolr/bin/probe"]
    assert config["Healthcheck"]["Interval"] == ASKED_EVERY_S[name] * 10**9
    assert config["Healthcheck"]["StartPeriod"] == START_S * 10**9
    container = client.containers.run(image, ["--version"], detach=True, read_only=True)
    container.wait(timeout=30)
    said = container.logs().decode()
    container.remove(v=True)
    assert said == f"despoolr {config['Labels']['org.opencontainers.image.version']}\n"


@pytest.mark.parametrize("name", OURS)
def test_an_image_adds_little_to_its_base(client: docker.DockerClient, tag: str, name: str) -> None:
    base = client.images.get("python:3.11-slim")
    added = client.images.get(f"{name}:{tag}").attrs["Size"] - base.attrs["Size"]
    assert added < ADDED_MB_MAX * 1e6


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        (
            "despoolr-server",
            {"DESPOOLR_RESPONSE": "Fastest"},
            "'Fastest' is not a Response setting; there are Very Fast",
        ),
        ("despoolr-server", {"DESPOOLR_RESPONCE": "Fast"}, "did you mean 'DESPOOLR_RESPONSE'?"),
        ("despoolr-server", {"DESPOOLR_TIME": "virtual"}, "real or scaled time"),
        ("despoolr-server", {"DESPOOLR_DATABASE": "mysql://x"}, "no site database can be mysql"),
        (
            "despoolr-server",
            {"DESPOOLR_CLIENTS_WANTED": "many"},
            "'many' is not a number of clients",
        ),
        (
            "despoolr-client",
            {"DESPOOLR_CLIENTS": "0", "DESPOOLR_SITE": "http://site:8801"},
            "'0' is not a number of clients",
        ),
        (
            "despoolr-client",
            {"DESPOOLR_CLEINTS": "5", "DESPOOLR_SITE": "http://site:8801"},
            "did you mean 'DESPOOLR_CLIENTS'?",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    client: docker.DockerClient, tag: str, name: str, settings: dict[str, str], says: str
) -> None:
    container = client.containers.run(
        f"{name}:{tag}", environment=settings, detach=True, read_only=True
    )
    try:
        code = container.wait(timeout=30)["StatusCode"]
        said = container.logs().decode()
    finally:
        container.remove(force=True, v=True)
    assert code == 2, said
    assert says in said and len(said.splitlines()) == 1, said


def test_the_example_of_settings_names_every_one_that_the_stack_reads_and_no_other() -> None:
    compose = (REPOSITORY / "docker-compose.yml").read_text()
    told = read_env_example()
    read = {name for name in {*VARIABLES, *STACK_VARIABLES} if f"${{{name}:-" in compose}
    assert set(told) == read
    for name, value in told.items():
        if name != "DESPOOLR_ENV_FILE":
            assert f"${{{name}:-{value}}}" in compose, (
                f"{name}: the default that is shown is not the one of docker-compose.yml"
            )
