"""Worlds: a seed decides what a scenario leaves open, by names, and seed 0 decides nothing."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_core.records.kinds.share import OpenGranted
from despoolr_core.records.stream import encode, of
from despoolr_core.times import span_s
from despoolr_lab.scenario.model import HoldStep, JobStep, ReleaseStep, Scenario, Worlds
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.worlds import OFF, SMALL, WIDE, Variation, span_text, world_of
from worlds.scenario import blocked_update, hold, play, scenario, share, update

SEEDS = range(1, 21)


def story(*more: dict[str, object], jitter: str = SMALL, **how: object) -> Scenario:
    made = scenario(
        share(),
        hold(**{"for": "3h"}),
        *more,
        *update(),
        hours=12,
        **how,  # type: ignore[arg-type]
    )
    made.worlds = Worlds(jitter=jitter)
    return made


def held(world: Scenario) -> HoldStep:
    return next(step for step in world.step if isinstance(step, HoldStep))


def test_a_draw_is_what_it_always_was() -> None:
    assert Variation(7).draw("poll", "WS1") == 0.5318787311123003
    assert Variation(8).draw("poll", "WS1") != Variation(7).draw("poll", "WS1")


def test_seed_0_is_the_scenario_as_written() -> None:
    made = story()
    assert world_of(made, 0) is made
    assert play(made, "1.1").digest == play(story(), "1.1", seed=0).digest


@pytest.mark.slow
def test_without_jitter_every_seed_is_as_written() -> None:
    assert len({play(story(jitter=OFF), "1.1", seed=seed).digest for seed in (0, 1, 2)}) == 1


@pytest.mark.slow
def test_twenty_worlds_give_twenty_digests() -> None:
    digests = {play(story(), "1.1", seed=seed).digest for seed in SEEDS}
    assert len(digests) == len(SEEDS)


def test_one_seed_gives_one_world() -> None:
    assert play(story(), "1.1", seed=3).digest == play(story(), "1.1", seed=3).digest


def test_a_small_world_moves_a_hold_by_minutes() -> None:
    worlds = [held(world_of(story(), seed)) for seed in SEEDS]
    begins = [span_s(step.at) - 3600 for step in worlds]
    assert all(abs(by) <= 300 for by in begins)
    assert min(begins) < -60 and max(begins) > 60
    assert all(abs(span_s(step.for_) - 10800) <= 900 for step in worlds)


def test_a_wide_world_moves_it_by_half_an_hour_and_halves_or_doubles_it() -> None:
    worlds = [held(world_of(story(jitter=WIDE), seed)) for seed in SEEDS]
    begins = [span_s(step.at) - 3600 for step in worlds]
    assert all(abs(by) <= 1800 for by in begins) and max(map(abs, begins)) > 600
    lasts = [span_s(step.for_) / 10800 for step in worlds]
    assert all(0.5 <= times <= 2 for times in lasts) and max(lasts) > 1.3


def test_what_is_exact_stays_and_a_jitter_of_its_own_moves_any_step() -> None:
    made = scenario(
        share(),
        hold(exact=True),
        hold("WS2", at="2h", jitter="1h"),
        share("LATER", at="3h", jitter="10m"),
        hours=12,
    )
    worlds = [world_of(made, seed).step for seed in SEEDS]
    assert {steps[1].at for steps in worlds} == {"1h"}
    assert len({steps[2].at for steps in worlds}) == len(SEEDS)
    assert all(abs(span_s(steps[3].at) - 10800) <= 600 for steps in worlds)
    assert {steps[0].at for steps in worlds} == {"0s"}


def test_a_release_never_comes_before_its_hold() -> None:
    made = scenario(share(), hold(), {"do": "release", "machine": "WS1", "at": "1h 2m"}, hours=12)
    for seed in range(1, 200):
        steps = world_of(made, seed).step
        assert span_s(steps[1].at) < span_s(steps[2].at), seed
        assert isinstance(steps[2], ReleaseStep)


@pytest.mark.parametrize("jitter", [SMALL, WIDE])
def test_a_step_or_a_client_that_is_added_moves_nothing_else(jitter: str) -> None:
    before = story(jitter=jitter)
    after = story(jitter=jitter)
    after.step.insert(0, scenario(hold("WS9", at="90m")).step[0])
    after.clients[0].names.append("WS9")
    for seed in SEEDS:
        one, other = Variation(seed, jitter), Variation(seed, jitter)
        kept = [step for step in other.steps(after) if getattr(step, "machine", "") != "WS9"]
        assert kept[: len(before.step)] == one.steps(before)[: len(before.step)]
        for machine in ("WS1", "WS2", "WS3"):
            assert one.first_poll_s(machine, 0, 14400, "") == other.first_poll_s(
                machine, 5, 14400, ""
            )


@pytest.mark.slow
def test_in_a_run_an_added_client_leaves_the_others_as_they_were() -> None:
    plain, more = blocked_update(), blocked_update()
    more.clients[0].names.append("WS9")
    found = [
        [
            (record.at, opened.machine, opened.path)
            for record, opened in of(play(made, "1.1", seed=4).records, OpenGranted)
            if opened.machine != "WS9" and opened.program == "WINWORD.EXE"
        ]
        for made in (plain, more)
    ]
    assert found[0] and found[0] == found[1]


def test_a_wide_world_may_have_a_second_holder_and_a_machine_that_is_off() -> None:
    worlds = [world_of(story(jitter=WIDE), seed) for seed in SEEDS]
    added = [len(world.step) - len(story().step) for world in worlds]
    assert set(added) == {0, 1}
    off = [Variation(seed, WIDE).is_off("WS3", frozenset({"WS1"})) for seed in range(1, 101)]
    assert 3 <= sum(off) <= 20
    assert not any(Variation(seed, WIDE).is_off("WS1", frozenset({"WS1"})) for seed in SEEDS)


@pytest.mark.slow
def test_every_wide_world_runs() -> None:
    for seed in range(1, 6):
        assert play(story(jitter=WIDE), "1.1", seed=seed).digest


def test_what_is_expected_of_the_text_only_is_not_asked_in_another_world() -> None:
    wanted = {"that": "job", "job": "FIRST", "status": "Failed", "exact_only": True}
    made = scenario(
        share(), expect=[wanted, {**wanted, "status": "Complete", "exact_only": False}], hours=1
    )
    assert [f.ok for f in play(made, "1.1").findings] == [False, True]
    assert [f.ok for f in play(made, "1.1", seed=2).findings] == [True]


def test_a_step_is_either_exact_or_has_a_jitter() -> None:
    with pytest.raises(msgspec.ValidationError, match="say either jitter or exact"):
        scenario(hold(exact=True, jitter="5m"))


def test_a_jitter_there_is_not_is_refused_with_its_line() -> None:
    text = 'name = "x"\ntitle = "x"\n\n[worlds]\njitter = "smal"\n'
    with pytest.raises(ScenarioError, match="small") as caught:
        parse_scenario(text)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (61.5, "1m 1.500s"), (90061, "1d 1h 1m 1s"), (7200, "2h"), (0.001, "0.001s")],
)
def test_a_span_is_written_as_it_is_read(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
    assert span_s(text) == pytest.approx(seconds)


def test_jobs_stay_where_they_are_written() -> None:
    for seed in SEEDS:
        jobs = [step.at for step in world_of(story(), seed).step if isinstance(step, JobStep)]
        assert jobs == ["0s", "2h"]


def test_the_records_of_a_world_are_bytes_of_one_hash() -> None:
    first, again = (play(story(), "1.2", seed=5) for _ in range(2))
    assert [encode(r) for r in first.records] == [encode(r) for r in again.records]
