"""Files that come with Despoolr: a path before a name, the nearest name where none is there."""

from __future__ import annotations

import pytest

from despoolr_lab.kb.gallery import find_scenario
from despoolr_lab.toml.shipped_files import find_shipped, shipped_directory
from despoolr_lab.toml.toml_text import ScenarioError


@pytest.mark.parametrize(
    "text",
    ["Q147819", "q147819", "q147819_update_in_use", "q147819-update-in-use"],
)
def test_an_article_is_found_by_its_number_and_its_name(text):
    assert find_scenario(text) == shipped_directory("kb") / "q147819_update_in_use.toml"


@pytest.mark.parametrize("text", ["demo_nobody_closes", "demo-nobody-closes"])
def test_a_scenario_is_found_by_the_name_of_its_file_and_by_its_own(text):
    assert find_scenario(text) == shipped_directory() / "demo_nobody_closes.toml"


def test_a_file_that_is_there_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night").write_text("")
    assert str(find_shipped("night", "load", shipped_directory("load"))) == "night"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("demo_liv", "did you mean 'demo_live'"),
        ("Q147818", "did you mean"),
        ("zzz", "there are demo_live, demo_nobody_closes"),
        ("", "there is no file"),
        ("gone/x.toml", "there is no file gone/x.toml"),
        ("demo_live.toml", "no file demo_live.toml, .*did you mean 'demo_live'"),
        (".", "is a directory; name a scenario file in it"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError, match=said):
        find_scenario(text)
