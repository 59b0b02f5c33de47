"""Case files as units: what is found in them, and how many cases each is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from despoolr_lab.oracle.asker import Asker
from despoolr_lab.oracle.calls import UnitCalls
from despoolr_lab.oracle.cases import read_units, truth
from worlds.support import data, oracle


def count(name: str) -> int:
    return sum(len(unit.cases) for unit in read_units(data("oracle", f"{name}.json")))


def test_every_row_and_script_is_one_case() -> None:
    modes = oracle("share_modes")
    parts = ("same_connection_other_session", "directories", "single_access_bits", "three_opens")
    assert count("share_modes") == len(modes["rows"]) + sum(
        len(modes[part]["rows"]) for part in parts
    )
    dispositions = oracle("dispositions")
    assert count("dispositions") == len(dispositions["rows"]) + len(dispositions["cases"])
    locks = oracle("byte_range_locks")
    assert count("byte_range_locks") == sum(
        len(locks[m]["rows"]) for m in ("lock_matrix", "io_matrix")
    ) + len(locks["cases"])
    assert count("sessions") == len(oracle("sessions")["cases"]) + 7
    assert count("deviations") == 0


def test_case_names_are_unique() -> None:
    for name in ("share_modes", "dispositions", "byte_range_locks", "delete_semantics", "sessions"):
        cases = [case for unit in read_units(data("oracle", f"{name}.json")) for case in unit.cases]
        assert len(set(cases)) == len(cases)


def test_every_operation_of_the_oracle_is_one_the_replay_plays() -> None:
    for name in ("dispositions", "byte_range_locks", "delete_semantics", "sessions"):
        for unit in read_units(data("oracle", f"{name}.json")):
            if not unit.cannot:
                known = UnitCalls(cast("Asker", None), unit, "D").operations
                assert {step["op"] for step in unit.steps} <= {*known, "await_count"}


def test_the_truth_is_what_windows_does() -> None:
    assert (
        truth({"status": "STATUS_SUCCESS", "ms_fsa": "STATUS_ACCESS_DENIED"})
        == "STATUS_ACCESS_DENIED"
    )
    assert truth({"status": "STATUS_SUCCESS"}) == "STATUS_SUCCESS"


def test_scripts_and_matrices_are_found_wherever_they_stand(tmp_path: Path) -> None:
    script = {"id": "s", "files": {}, "steps": []}
    for content, cases in (
        (script, 1),
        ([script, script | {"id": "t"}], 2),
        ({"a": {"b": [script]}}, 1),
        ({"a": 1, "b": None}, 0),
    ):
        file = tmp_path / "file.json"
        file.write_text(json.dumps(content))
        assert sum(len(unit.cases) for unit in read_units(file)) == cases


def test_a_matrix_with_other_columns_is_told_row_by_row(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(json.dumps({"columns": ["colour"], "rows": [["red"], ["blue"]]}))
    (unit,) = read_units(file)
    assert unit.cases == ("file/row 0: red", "file/row 1: blue")
    assert "colour" in unit.cannot
