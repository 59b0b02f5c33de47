"""Failing worlds made small: the planted bugs come down to a few lines that still fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from despoolr_core.share.contract import ShareError
from despoolr_core.times import span_s
from despoolr_lab.explore.campaign import moments_as_written, rerun_of
from despoolr_lab.explore.cuts import cuts
from despoolr_lab.explore.rules.breach import FailureKey
from despoolr_lab.explore.shrink import DoesNotFail, Shrunk, shrink
from despoolr_lab.explore.smallest import GONE, UNTRIED, render
from despoolr_lab.scenario.model import (
    HoldStep,
    JobExpectation,
    JobStep,
    KillStep,
    LinkStep,
    PowerStep,
    ReleaseStep,
    Server,
    ServiceStep,
)
from despoolr_lab.scenario.reading.load import load_scenario, parse_scenario
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.scenario.worlds import span_text
from despoolr_server.site.despooler.copying.target import CopyProgress
from despoolr_server.site.despooler.server_update import ServerUpdates
from despoolr_server.site.loader import detail_rows, service
from worlds.support import REPOSITORY

DEMO = REPOSITORY / "scenarios" / "demo_live.toml"
KEY = FailureKey("a lost retry", "", "SMS_DESPOOLER", "temp_and_rename")


def smallest(seed: int) -> Shrunk:
    scenario = load_scenario(Path(DEMO))
    world = rerun_of(scenario, RunOptions(), seed, moments_as_written(scenario, RunOptions()))
    *_, last = shrink(world.scenario, world.options)
    return last


@pytest.mark.slow
def test_a_forgotten_refusal_comes_down_to_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    real = CopyProgress.has_failed

    def forget(self: Any, name: str, error: Any) -> None:
        if not isinstance(error, ShareError) or error.win32 != 32:
            real(self, name, error)

    monkeypatch.setattr(CopyProgress, "has_failed", forget)
    found = smallest(8)
    assert found.key.kind == "a refused open forgotten"
    assert found.is_repeatable
    scenario = found.scenario
    assert (len(scenario.site), len(scenario.server)) == (1, 1)
    assert sum(len(group.expand()) for group in scenario.clients) <= 2
    assert len(scenario.step) == 2
    text = render(found)
    assert parse_scenario(text) == scenario
    assert text.count("[[step]]                                      # without it: does not") == 2


@pytest.mark.slow
def test_a_world_in_which_nothing_goes_wrong_is_not_made_small() -> None:
    with pytest.raises(DoesNotFail, match="nothing goes wrong in it"):
        smallest(2)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((REPOSITORY / "scenarios").glob("**/q*.toml")), ids=str)
def test_the_file_of_any_scenario_is_that_scenario(path: Path) -> None:
    scenario = load_scenario(path)
    assert parse_scenario(render(Shrunk(scenario, KEY))) == scenario


@pytest.mark.slow
def test_a_line_speaks_of_its_own_table() -> None:
    scenario = load_scenario(Path(DEMO))
    needed = {("package", 0, "files"), ("step", 3, ""), ("site", 0, ""), ("step", 0, "at")}
    lines = render(Shrunk(scenario, KEY, needed=needed, is_repeatable=True)).splitlines()
    assert [line.partition("#")[0].strip() for line in lines if line.endswith(GONE)] == [
        '{ domain = "SALES" },',
        "[package.files]",
        "[[step]]",
    ]
    assert next(line for line in lines if line.startswith("for = ")).endswith(UNTRIED)


@pytest.mark.slow
def test_a_text_of_several_lines_stays_as_it_is() -> None:
    scenario = load_scenario(Path(DEMO))
    scenario.story = '\none\nfor = "1h"\n[[step]]\n"""\ntwo'
    text = render(Shrunk(scenario, KEY, "said in\ntwo lines"))
    assert parse_scenario(text) == scenario


@pytest.mark.slow
def test_what_was_stopped_says_so_and_not_that_two_runs_differed() -> None:
    text = render(Shrunk(load_scenario(Path(DEMO)), KEY, runs=3))
    assert "3 runs made it this small; it was stopped before" in text
    once = render(Shrunk(load_scenario(Path(DEMO)), KEY, runs=1))
    assert "# 1 run made it this small" in once
    assert "DIFFERED" not in text and GONE not in text and UNTRIED in text


@pytest.mark.slow
def test_who_was_below_a_site_that_goes_is_linked_to_the_one_above_it() -> None:
    scenario = load_scenario(REPOSITORY / "scenarios" / "hierarchy.toml")
    (cut,) = [cut for cut in cuts(scenario) if cut.name == "site MID"]
    assert {site.code: site.parent for site in cut.scenario.site} == {"TOP": "", "LOW": "TOP"}
    links = [step for step in cut.scenario.step if isinstance(step, LinkStep)]
    assert {(step.server, step.other) for step in links} == {("BRANCH", "HQ")}


@pytest.mark.slow
def test_two_jobs_of_a_package_are_one_that_repeats() -> None:
    scenario = load_scenario(Path(DEMO))
    first, second = (step for step in scenario.step if isinstance(step, JobStep))
    found = [cut for cut in cuts(scenario) if cut.name.endswith("for a repetition")]
    (jobs,) = [[one for one in cut.scenario.step if isinstance(one, JobStep)] for cut in found]
    (again,) = jobs
    assert (again.name, again.at, again.send) == (first.name, first.at, second.send)
    assert span_s(again.repeat_every) == span_s(second.at) - span_s(first.at)
    named = [one.job for one in found[0].scenario.expect if isinstance(one, JobExpectation)]
    assert set(named) == {f"{first.name}#2"}


@pytest.mark.slow
def test_a_job_that_repeats_may_do_so_so_late_that_there_is_no_third() -> None:
    scenario = load_scenario(Path(DEMO))
    (found,) = [cut for cut in cuts(scenario) if cut.name.endswith("for a repetition later")]
    (again,) = [step for step in found.scenario.step if isinstance(step, JobStep)]
    later_s = span_s(again.repeat_every) - span_s("1h")
    assert span_s(found.scenario.run.for_) == span_s("8h") + later_s
    assert 2 * span_s(again.repeat_every) > span_s(found.scenario.run.for_)
    assert (again.put_on, again.refresh_existing) == (["LOGON1"], True)
    assert [step.at for step in found.scenario.step[1:]] == [
        "50m",
        "1h",
        span_text(span_s("5h 50m") + later_s),
    ]
    assert [one.at for one in found.scenario.expect] == [
        *(span_text(span_s(at) + later_s) for at in ("2h 30m", "5h 45m")),
        *("" for _ in range(3)),
    ]


@pytest.mark.slow
def test_of_two_jobs_of_a_package_the_first_is_made_when_the_second_was() -> None:
    scenario = load_scenario(Path(DEMO))
    first, second = (step for step in scenario.step if isinstance(step, JobStep))
    (found,) = [cut for cut in cuts(scenario) if cut.name.endswith(f"for {first.name} then")]
    (late,) = [step for step in found.scenario.step if isinstance(step, JobStep)]
    assert (late.name, late.at, late.send) == (first.name, second.at, first.send)
    named = [one.job for one in found.scenario.expect if isinstance(one, JobExpectation)]
    assert set(named) == {first.name}


@pytest.mark.slow
def test_a_server_goes_for_a_longer_death_of_its_site() -> None:
    scenario = load_scenario(Path(DEMO))
    scenario.server.append(Server(name="LOGON9"))
    deaths = [
        KillStep(at="2h", down_for="10m"),
        KillStep(at="7h", down_for="4h"),
        KillStep(at="1h", server="LOGON1"),
    ]
    scenario.step += deaths
    found = [cut for cut in cuts(scenario) if cut.name == "server LOGON9, for a longer death"]
    (cut,) = found
    assert [server.name for server in cut.scenario.server] == ["LOGON1"]
    longer = {step.at: step.down_for for step in cut.scenario.step if isinstance(step, KillStep)}
    assert longer == {"2h": "4h", "7h": "4h", "1h": deaths[2].down_for}
    assert span_s(cut.scenario.run.for_) == span_s("8h") + span_s("4h") - span_s("10m")


@pytest.mark.slow
def test_an_overtaken_report_comes_down_to_three_steps_and_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From four steps and two servers, of which neither a job nor a server can be left out alone:
    the site dies between its copies to the two, and its first job is what the second refreshes.
    """

    def last_first(names: list[str], **_: Any) -> list[str]:
        return sorted(names, reverse=True)

    monkeypatch.setattr(detail_rows, "_is_overtaken", lambda report, was: False)
    monkeypatch.setattr(service, "sorted", last_first, raising=False)
    scenario = load_scenario(Path(DEMO))
    scenario.clients, scenario.expect = [], []
    scenario.server.append(Server(name="LOGON9"))
    scenario.step = [
        *(step for step in scenario.step if isinstance(step, JobStep)),
        KillStep(at="1h", server="LOGON1"),
        KillStep(at="1h 5m 2.003s"),
    ]
    *_, found = shrink(scenario, RunOptions())
    assert found.key.kind == "a row says otherwise than what happened"
    assert found.is_repeatable
    assert (len(found.scenario.server), len(found.scenario.step)) == (1, 3)


@pytest.mark.slow
def test_what_a_retry_leaves_out_comes_down_to_three_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ServerUpdates.update

    async def forget(self: Any, role: Any, install: Any, files: Any, state: Any, tick: Any) -> bool:
        kept = dict(list(files.items())[: -1 if state.retries else None])
        return await real(self, role, install, kept, state, tick)

    monkeypatch.setattr(ServerUpdates, "update", forget)
    found = smallest(5)
    assert found.key.kind == "told as installed and not there"
    assert found.is_repeatable and len(found.scenario.step) == 3


@pytest.mark.slow
@pytest.mark.parametrize("at", ["0s", "1h"])
def test_jobs_of_one_time_or_against_it_are_none_that_repeats(at: str) -> None:
    scenario = load_scenario(Path(DEMO))
    first, second = (step for step in scenario.step if isinstance(step, JobStep))
    first.at, second.at = "1h", at
    assert not [cut for cut in cuts(scenario) if cut.name.endswith("for a repetition")]


@pytest.mark.slow
def test_a_hold_that_is_released_is_one_that_ends_by_itself() -> None:
    scenario = load_scenario(Path(DEMO))
    (cut,) = [cut for cut in cuts(scenario) if cut.name.endswith("for its end")]
    assert not any(isinstance(step, ReleaseStep) for step in cut.scenario.step)
    (hold,) = [step for step in cut.scenario.step if isinstance(step, HoldStep)]
    (until,) = [step for step in scenario.step if isinstance(step, ReleaseStep)]
    assert span_s(hold.at) + span_s(hold.for_) == span_s(until.at)


@pytest.mark.slow
def test_a_link_that_is_cut_and_mended_is_a_server_that_died() -> None:
    scenario = load_scenario(Path(DEMO))
    scenario.step[2:2] = [
        LinkStep(at=at, server="LOGON1", up=up) for at, up in (("2h", False), ("3h", True))
    ]
    found = [cut for cut in cuts(scenario) if cut.name.endswith("for a death")]
    assert [len(cut.scenario.step) for cut in found] == [len(scenario.step) - 1]
    (kill,) = [step for step in found[0].scenario.step if isinstance(step, KillStep)]
    assert (kill.at, kill.server, kill.down_for) == ("2h", "LOGON1", "1h")


@pytest.mark.slow
def test_what_is_switched_off_and_on_again_can_be_left_out_at_once() -> None:
    scenario = load_scenario(Path(DEMO))
    off = [PowerStep(at=at, machine="WS2", on=on) for at, on in (("2h", False), ("3h", True))]
    pause = [
        ServiceStep(at=at, service="SMS_DESPOOLER", action=action)
        for at, action in (("2h", "pause"), ("3h", "resume"))
    ]
    scenario.step[2:2] = [*off, *pause]
    for kind, name in ((PowerStep, "power WS2"), (ServiceStep, "service SMS_DESPOOLER")):
        (found,) = [cut for cut in cuts(scenario) if cut.name == f"{name}, off and on"]
        assert len(found.scenario.step) == len(scenario.step) - 2
        assert not any(isinstance(step, kind) for step in found.scenario.step)
