"""What a step tells of a success is compared, and what it does not tell is not missed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from despoolr_lab.oracle.asker import Asker
from despoolr_lab.oracle.cases import read_units
from despoolr_lab.oracle.replay import Replay
from worlds.support import data

LISTED = {"entries": [{"name": "f"}, {"name": "s"}]}


def details(step: dict[str, Any], body: Any) -> str:
    unit = read_units(data("oracle", "delete_semantics.json"))[0]
    return Replay(cast("Asker", None), unit, "D")._details(cast("Any", step), body)


def test_a_listing_is_compared_with_the_names_of_the_step() -> None:
    assert details({"op": "list", "names": ["f", "s"]}, LISTED) == ""
    assert details({"op": "list", "names": ["f"]}, LISTED) == "names ['f', 's'] instead of ['f']"
    assert details({"op": "list", "names": []}, {"entries": []}) == ""


@pytest.mark.parametrize("body", [LISTED, {"entries": []}])
def test_a_list_step_without_names_tells_nothing_and_is_no_error(body: Any) -> None:
    assert details({"op": "list", "handle": "g", "status": "STATUS_SUCCESS"}, body) == ""
