"""Who loses power and when; that everyone is on again; and that it is the same for the same
seed.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_app.fleet.churn import Churn, keep_churning, parse_churn, turns
from despoolr_app.process.settings import ConfigError
from worlds.client import START, World, play


@given(st.integers(0, 300), st.floats(0.001, 0.5), st.integers(0, 50))
def test_whoever_goes_off_in_an_interval_is_on_again_before_its_end(
    count: int, share: float, interval: int
) -> None:
    churn = Churn(share, 3600.0)
    found = turns(churn, count, "7/PC00001", interval)
    assert found == turns(churn, count, "7/PC00001", interval)
    assert len(found) == 2 * round(share * count)
    state: dict[int, bool] = {}
    for turn in found:
        assert 0.0 <= turn.at_s < churn.every_s and 0 <= turn.place < count
        assert state.get(turn.place, True) is not turn.is_on
        state[turn.place] = turn.is_on
    assert all(state.values())


def test_another_interval_or_seed_takes_other_machines() -> None:
    churn = Churn(0.1, 3600.0)
    chosen = {
        tuple(turn.place for turn in turns(churn, 500, seed, interval))
        for seed in ("1/A", "2/A")
        for interval in (0, 1)
    }
    assert len(chosen) == 4


def test_a_churn_is_a_share_and_a_span() -> None:
    assert parse_churn("5%/1h", 9.0) == Churn(0.05, 3600.0, 9.0)
    for text in ("5%", "5/1h", "0%/1h", "51%/1h", "x%/1h", "5%/x"):
        with pytest.raises(ConfigError):
            parse_churn(text)


@pytest.mark.parametrize("until", [START, 0.0])
def test_machines_that_a_churn_before_left_off_come_on_first(until: float) -> None:
    async def script() -> None:
        world = await World().set_up()
        agents = [world.agent(f"PC{n}", f"BPC0000{n}") for n in range(1, 4)]
        await agents[1].power_off()
        churning = asyncio.create_task(
            keep_churning(Churn(0.05, 3600.0, until), agents, world.clock, "7/PC1")
        )
        await world.clock.sleep(60.0)
        assert [agent.is_on for agent in agents] == [True, True, True]
        churning.cancel()
        await asyncio.gather(churning, return_exceptions=True)

    play(script)
