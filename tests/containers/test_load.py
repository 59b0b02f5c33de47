"""`docker compose run load`: a load on a stack of containers, judged in the end; what it leaves
stays in a volume.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from despoolr_lab.load.outcome.compare import SECONDS_MIN
from worlds.answer import data_of
from worlds.docker import Stack, stack

LOAD = """\
name = "contained"
title = "A job runs on forty clients in a container"
[load]
for = "6h"
settle = "10h"
until_settled = true
late_max = "20s"
[[clients]]
name = "ALL"
count = 40
poll_every = "8m"
[[package]]
name = "OFFICE"
[[program]]
command = "SETUP.EXE"
runs = "1m"
opens = ["F00001.DAT"]
[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
[[expect]]
that = "rows"
[[expect]]
that = "rows"
kind = "Server"
count = 2
[[expect]]
that = "reports"
at_least = 40
[[expect]]
that = "polls"
failed = 0
"""


@pytest.fixture(scope="module")
def here(client: docker.DockerClient, tag: str) -> Iterator[Stack]:
    """A stack of which nothing runs yet: `run` starts what it needs."""
    with stack(client, tag, "load", DESPOOLR_TIME="x600", DESPOOLR_RESPONSE="Very Fast") as made:
        yield made
    assert made.leftovers() == [], "all is torn down"


def run(here: Stack, *arguments: str, entrypoint: str = "") -> str:
    """What `docker-compose run --rm load ...` prints; its exit code is 0."""
    instead = ("--entrypoint", entrypoint) if entrypoint else ()
    done = here.compose("run", "--rm", "-T", *instead, *arguments)
    assert "live page" not in done.stderr, "nobody could open it"
    return done.stdout


def test_a_load_runs_against_the_stack_it_starts_and_is_judged(here: Stack, tmp_path: Path) -> None:
    file = tmp_path / "contained.toml"
    file.write_text(LOAD)
    tmp_path.chmod(0o755)
    found = data_of(
        run(here, "-v", f"{file}:/contained.toml:ro", "load", "/contained.toml", "--json")
    )
    assert found["passed"] and found["clients"] == {"wanted": 40, "there": 40}
    assert found["reports"] == {"sent": 40, "counted": 40, "unsent": 0}
    services = {c.labels["com.docker.compose.service"] for c in here.containers()}
    assert {"site", "logon1", "logon2"} <= services and "load" not in services

    look = "ls /runs/latest/; cat /runs/latest/seconds.json"
    *kept, seconds = run(here, "--no-deps", "load", "-c", look, entrypoint="sh").split(None, 5)
    assert kept == ["junit.xml", "report.html", "samples.csv", "seconds.json", "summary.json"]
    asked = ("run", "--rm", "-T", "--entrypoint", "despoolr", "--no-deps", "load", "compare")
    done = here.compose(*asked, "latest", "latest", check=False)
    is_enough = len(json.loads(seconds)) >= SECONDS_MIN  # on a busy machine: an idle one needs six
    assert done.returncode == (0 if is_enough else 12), seconds
    assert "No difference matters" in done.stdout


def test_a_load_that_comes_with_the_image_is_found_by_its_name(here: Stack) -> None:
    done = here.compose("run", "--rm", "-T", "load", "nigth", check=False)
    assert done.returncode == 2 and "did you mean 'night'" in done.stdout + done.stderr
