"""What runs a site needs nothing of what studies one: an installation without `despoolr_lab` serves
a site and runs a fleet.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from despoolr.console import COMMANDS
from despoolr_app.cli.base.output import EXIT_TERMINATED
from worlds.process import SERVE_ALL, Process, Workshop
from worlds.support import REPOSITORY

ROOMS = ("core", "server", "client", "app", "public")


@pytest.fixture
def production(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment whose Python finds every room of ours but the lab, and what they depend on."""
    site = tmp_path_factory.mktemp("site")
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, site, dirs_exist_ok=True)
    # what else is installed, and our metadata; no `.pth` file, no package of ours beside them
    libraries = site / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        is_ours = path.name.startswith("despoolr") and path.suffix != ".dist-info"
        if not is_ours and path.suffix != ".pth":
            (libraries / path.name).symlink_to(path)
    return {"PYTHONPATH": os.pathsep.join(map(str, (site, libraries))), "PYTHONNOUSERSITE": "1"}


@pytest.fixture
def workshop_of_production(workshop: Workshop, production: Mapping[str, str]) -> Workshop:
    workshop.python = (sys.executable, "-S")
    workshop.environment = production
    return workshop


def test_a_site_is_served_and_a_fleet_runs(workshop_of_production: Workshop) -> None:
    workshop = workshop_of_production
    gone = workshop.start("schema", ready="")
    assert gone.process.wait(60) == 2 and "needs despoolr_lab" in gone.said, "the lab is there"
    served = workshop.start(*SERVE_ALL, "--time", "x1000", "--common", "common")
    fleet = workshop.start(
        *("fleet", "--lease", "--holder", "one", "--clients", "5", "--poll-every", "1h"),
        ready="first poll of all",
    )
    facts = workshop.json("clients", "--within", "90s", "--expect", "5")
    assert facts["live"] == 5
    assert fleet.terminate()[0] == EXIT_TERMINATED, fleet.said
    assert served.terminate()[0] == 0, served.said


@pytest.mark.parametrize(
    "command", [name for name, entry in COMMANDS.items() if "_lab." in entry.place]
)
def test_a_command_of_the_lab_says_in_one_line_that_it_is_not_there(
    workshop_of_production: Workshop, command: str
) -> None:
    process = workshop_of_production.start(command, ready="")
    assert process.process.wait(60) == 2
    assert process.said == (
        f"despoolr: `despoolr {command}` needs despoolr_lab, which is not installed here; install "
        "all of Despoolr\n"
    )


def test_every_other_command_is_there(workshop_of_production: Workshop) -> None:
    others = [name for name, entry in COMMANDS.items() if "_lab." not in entry.place]
    assert {"serve", "fleet", "health", "why"} <= set(others)
    processes: list[Process] = [
        workshop_of_production.start(name, "--help", ready="") for name in others
    ]
    for process in processes:
        assert process.process.wait(60) == 0, process.said
