"""The oracle's scripts, replayed against a share host: deletes, renames, dispositions, sessions."""

from __future__ import annotations

from typing import Any

import pytest

from oracle_replay import Inexpressible, load, replay


def scripts() -> list[Any]:
    parts = {
        "dispositions": load("dispositions")["cases"],
        "delete": load("delete_semantics")["delete"],
        "rename": load("delete_semantics")["rename"],
        "sessions": load("sessions")["cases"],
    }
    return [pytest.param(case, id=f"{part}-{case['id']}") for part, cases in parts.items() for case in cases]


@pytest.mark.parametrize("case", scripts())
async def test_the_host_answers_as_windows_does(case: dict[str, Any]) -> None:
    try:
        assert await replay(case) == []
    except Inexpressible as error:
        pytest.skip(f"{case['id']}: {error}")
