"""The scenario that `scenario new` writes: it holds, and says what else there is."""

from __future__ import annotations

from despoolr_lab.scenario import model
from despoolr_lab.scenario.authoring.lint import remarks
from despoolr_lab.scenario.authoring.skeleton import skeleton
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario

STEPS = [kind.__struct_config__.tag for kind in model.Step.__args__]
EXPECTATIONS = [kind.__struct_config__.tag for kind in model.Expectation.__args__]


def test_a_new_scenario_runs_holds_and_leaves_nothing_to_say() -> None:
    scenario = parse_scenario(skeleton("mine", STEPS, EXPECTATIONS))
    assert scenario.name == "mine"
    assert list(remarks(scenario)) == []
    result = run_scenario(scenario, RunOptions())
    assert result.passed and len(result.findings) == 5


def test_every_word_for_a_step_and_an_expectation_stands_in_it_once() -> None:
    text = skeleton("mine", STEPS, EXPECTATIONS)
    steps, expectations = text.split("# Other steps: ")[1].split("# Other expectations: ")
    for words, listed, key in ((STEPS, steps, "do"), (EXPECTATIONS, expectations, "that")):
        others = listed.replace("#", " ").replace(".", " ").replace(",", " ").split()
        assert sorted({*others, *(w for w in words if f'{key} = "{w}"' in text)}) == sorted(words)
        assert len(others) == len(set(others))
    assert max(map(len, text.splitlines())) <= 100


def test_a_name_is_made_of_any_name_of_a_file() -> None:
    for stem in ("an update, blocked", "x" * 60, "..."):
        assert parse_scenario(skeleton(stem, STEPS, EXPECTATIONS)).name
