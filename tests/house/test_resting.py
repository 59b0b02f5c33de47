"""A service that rests and one that looks on every cycle record the same, and so do clients that
rest and those that ask at every poll; and every service says what it watches.
"""

from __future__ import annotations

import pytest

from despoolr_client.agent.agent import PcmAgent
from despoolr_lab.kb.matrix import Cell
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_server.site.services.service import Service
from despoolr_server.site_server import _services
from golden import write as golden
from worlds.site import Bench

ONE_OF_EACH = list({cell.kb: cell for cell in golden.cells()}.values())
"""A run of every article and scenario there is, for `make nightly`: a day without rest is long."""
FEW = ("Q147819", "Q152229", "Q166833", "Q195936", "Q235805", "hierarchy")


def services() -> list[Service]:
    """Every service that a site can have: 2.0 has one more, and so has a site with a parent."""
    top = Bench("2.0 SP1")
    return _services(Bench("2.0 SP1", site="LOW", above=top).site)


@pytest.mark.parametrize("service", services(), ids=lambda service: service.component)
def test_a_service_says_what_it_watches(service: Service) -> None:
    assert type(service).watched is not Service.watched
    assert service.watched()


@pytest.mark.slow
@pytest.mark.parametrize("cell", [cell for cell in ONE_OF_EACH if cell.kb in FEW], ids=golden.key)
def test_services_and_clients_that_never_rest_record_what_those_that_rest_record(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_nobody_rest(monkeypatch)
    golden.assert_golden(cell, golden.digest_of(cell))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["stop_at_first_lock", "retry_on_close"])
def test_they_do_so_in_another_world_and_when_the_despooler_looks_at_opens(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = golden.scenario_of("Q147819")
    scenario.worlds.jitter = "wide"
    options = RunOptions(version="1.1", seed=1, overrides={"copy_strategy": strategy})
    resting = run_scenario(scenario, options).digest
    let_nobody_rest(monkeypatch)
    scenario = golden.scenario_of("Q147819")
    scenario.worlds.jitter = "wide"
    assert run_scenario(scenario, options).digest == resting


def let_nobody_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in {type(service) for service in services()} | {Service}:
        monkeypatch.setattr(kind, "is_resting", lambda _service, _tick: False)
    monkeypatch.setattr(PcmAgent, "is_resting", False)
