"""`docker stack deploy` on a swarm of one node: the same images, found by name, the secret from the swarm."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from docker.models.containers import Container

import docker
from docker_world import SCALE_S_MAX, environment
from process_world import until
from support import REPOSITORY

NAME = "despoolr-test-swarm"
STACK = REPOSITORY / "deploy/swarm/stack.yml"


def command(*words: str, **settings: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, env=environment(**settings), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def swarm(client: docker.DockerClient, tag: str) -> Iterator[docker.DockerClient]:
    """The engine as a swarm, with the stack on it; what was no swarm before is none afterwards."""
    was_swarm = client.info()["Swarm"]["LocalNodeState"] == "active"
    if not was_swarm:
        client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
    try:
        secret = client.secrets.create(name="despoolr_secret", data=secrets.token_urlsafe(32).encode())
        settings = {"DESPOOLR_TAG": tag, "DESPOOLR_TIME": "x1000", "DESPOOLR_RESPONSE": "Very Fast", "DESPOOLR_CLIENTS": "10"}
        try:
            command("stack", "deploy", "--resolve-image", "never", "--compose-file", str(STACK), NAME, **settings)
            yield client
        finally:
            command("stack", "rm", NAME)
            until(
                lambda: not client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True),
                "its containers are gone",
                SCALE_S_MAX,
            )
            until(lambda: _removed(client), "its volumes are gone")
            secret.remove()
    finally:
        if not was_swarm:
            client.swarm.leave(force=True)


LABEL = f"com.docker.stack.namespace={NAME}"


def _removed(client: docker.DockerClient) -> bool:
    try:
        for volume in client.volumes.list(filters={"label": LABEL}):
            volume.remove(force=True)
    except docker.errors.APIError:
        return False
    return True


def containers(client: docker.DockerClient, service: str) -> list[Container]:
    return client.containers.list(filters={"label": f"com.docker.swarm.service.name={NAME}_{service}"}, ignore_removed=True)


def run(client: docker.DockerClient, service: str, *words: str) -> tuple[int, str]:
    found = containers(client, service)
    if not found:
        return 1, ""
    try:
        code, output = found[0].exec_run(list(words))
    except docker.errors.APIError:
        return 1, ""
    return code, output.decode()


def slots(client: docker.DockerClient) -> Any:
    code, output = run(client, "site", "despoolr", "clients", "--json")
    try:
        return json.loads(output[: output.rindex("}") + 1]) if code in (0, 12) else {}
    except ValueError:
        return {}


def test_a_stack_on_a_swarm_has_its_servers_and_exactly_its_clients(swarm: docker.DockerClient) -> None:
    until(lambda: slots(swarm).get("live") == 20, "both replicas have their clients", SCALE_S_MAX)
    facts = slots(swarm)
    assert facts["exact"], facts
    for service in ("site", "logon1", "logon2"):
        assert run(swarm, service, "despoolr", "health")[0] == 0
    command("service", "scale", "--detach", f"{NAME}_clients=3")
    until(lambda: slots(swarm).get("live") == 30, "a third replica came", SCALE_S_MAX)


def test_every_service_is_found_by_round_robin_and_has_its_limits() -> None:
    services = yaml.safe_load(STACK.read_text())["services"]
    for name, service in services.items():
        assert service["deploy"]["endpoint_mode"] == "dnsrr", name
        assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
