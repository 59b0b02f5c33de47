"""A soak judged from its files: as at its end, and when it had none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from despoolr_app.runs.directory import RunError
from despoolr_lab.soak.plan import make_plan
from despoolr_lab.soak.result.afterwards import judge
from despoolr_lab.soak.result.outcome import as_json
from despoolr_lab.soak.run import warm_up_s
from worlds.kept_soak import ASKED, soak

RIGHT: dict[str, Any] = {
    "count": "clients",
    "expected": 20,
    "actual": 20,
    "ok": True,
    "examples": [],
    "is_about_validity": True,
}


@pytest.mark.parametrize("growth", [0.0, 1.0])
def test_a_soak_is_judged_from_its_files_as_it_was_from_memory(
    tmp_path: Path, growth: float
) -> None:
    watch = soak(tmp_path, growth=growth, counts=[RIGHT], done={"jobs": 3})
    found = judge(tmp_path)
    at_the_end = as_json(watch.judged(warm_up_s(ASKED), make_plan(ASKED).round_s), [])
    assert found.summary["resources"] == at_the_end["resources"] and found.summary["counts"] == [
        RIGHT
    ]
    assert (found.code, found.summary["passed"]) == ((10, False) if growth else (0, True))
    assert found.summary["done"] == {"jobs": 3}


def test_a_soak_that_was_killed_does_not_pass_for_want_of_counts(tmp_path: Path) -> None:
    soak(tmp_path)
    with (tmp_path / "samples.csv").open("a") as file:
        file.write("899.00,SITE1,301.0")  # the line it was killed in
    found = judge(tmp_path)
    assert found.code == 12 and found.summary["verdict"].endswith("nothing was counted.")
    assert (
        not found.summary["passed"]
        and found.summary["interrupted"]
        and found.summary["clients"] == 20
    )


@pytest.mark.slow
def test_a_soak_that_was_killed_while_something_grew_says_so(tmp_path: Path) -> None:
    soak(tmp_path, growth=1.0)
    found = judge(tmp_path)
    assert found.code == 10 and "tasks of SITE1 grows" in found.summary["verdict"]


def test_a_wrong_count_and_a_process_that_fell_are_judged_as_at_the_end(tmp_path: Path) -> None:
    soak(tmp_path, counts=[RIGHT | {"is_about_validity": False, "actual": 19}])
    assert judge(tmp_path).code == 10
    soak(tmp_path, counts=[RIGHT | {"actual": 19}])
    assert judge(tmp_path).code == 12
    soak(tmp_path, counts=[], fell="SITE1 ended by itself with code 1: it said nothing")
    assert (judge(tmp_path).code, judge(tmp_path).summary["verdict"][:20]) == (
        10,
        "SITE1 ended by itsel",
    )


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("asked.json", None, "is not a soak: cannot read asked.json"),
        ("samples.csv", None, "is not a soak: cannot read samples.csv"),
        ("asked.json", "{", "asked.json is damaged"),
        ("summary.json", "{", "summary.json is damaged"),
        ("summary.json", "[]", "summary.json is damaged"),
        ("summary.json", '{"counts": [1]}', r"is damaged: .*counts\[0\]"),
        (
            "summary.json",
            '{"counts": [{"count": "x", "expected": "many", "actual": 1, "examples": []}]}',
            r"is damaged: .*counts\[0\]\.expected",
        ),
        ("summary.json", '{"done": [1]}', r"is damaged: .*\.done"),
        ("summary.json", '{"faults": [{}]}', r"is damaged: .*faults\[0\]"),
        ("summary.json", '{"ended_at_s": "late"}', r"is damaged: .*ended_at_s"),
        ("asked.json", '{"clients": 20, "duration_s": 900, "scale": 0}', "asked.json is damaged"),
        ("asked.json", '{"clients": 0, "duration_s": 900}', "asked.json is damaged"),
        ("samples.csv", "seconds,judged\n1,1\n", "samples.csv is damaged"),
        ("samples.csv", "seconds,judged\n" + "1" * 200_000, "samples.csv is damaged"),
    ],
)
def test_what_is_no_soak_is_refused_in_one_sentence(
    tmp_path: Path, file: str, text: str | None, said: str
) -> None:
    soak(tmp_path, counts=[RIGHT])
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text)
    with pytest.raises(RunError, match=said):
        judge(tmp_path)
