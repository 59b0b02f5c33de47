"""Schemas of files, as editors show them."""

from __future__ import annotations

import msgspec
import pytest

from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.toml.schema import schema_of


@pytest.mark.parametrize("kind", [Scenario, LoadFile])
def test_a_description_is_one_line(kind: type[msgspec.Struct]) -> None:
    made = schema_of(kind, "A file")
    told = [part["description"] for part in made["$defs"].values() if "description" in part]
    assert len(told) > 5
    assert not [text for text in told if "\n" in text or "  " in text]
    assert made["title"] == "A file"
