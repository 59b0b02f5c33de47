"""Every variable is known, and one that is not is told."""

from __future__ import annotations

import pytest

from despoolr_app.cli.base.variables import VARIABLES, check_variables
from despoolr_app.cli.opens import ask
from despoolr_app.cli.processes import fleet, health, serve
from despoolr_app.cli.site import hotfix, job, machine, package, sites
from despoolr_app.process.settings import ConfigError


def test_a_variable_that_no_command_reads_is_named_with_the_nearest_right_one() -> None:
    check_variables({"DESPOOLR_DATA": "x", "PATH": "y"})
    with pytest.raises(ConfigError) as caught:
        check_variables({"DESPOOLR_SECRETS": "x"})
    assert str(caught.value) == (
        "DESPOOLR_SECRETS is no setting of Despoolr; did you mean 'DESPOOLR_SECRET'?"
    )


def test_every_variable_that_an_option_reads_is_known() -> None:
    commands = [
        *serve.command.commands.values(),
        fleet.command,
        health.command,
        ask.locks,
        ask.why,
        ask.jobs,
        ask.events,
        *(found for group in (job, package, hotfix) for found in group.command.commands.values()),
        package.packages,
        machine.machine,
        machine.machines,
        sites.command,
    ]
    read = {option.envvar for command in commands for option in command.params if option.envvar}
    assert read <= set(VARIABLES)
    assert set(VARIABLES) - read == {"DESPOOLR_SECRET", "DESPOOLR_DEBUG"}
