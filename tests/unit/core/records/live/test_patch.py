"""Merge patches: what makes one object of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.records.live.patch import patch_of
from worlds.live import applied

SCALARS = st.integers(0, 3) | st.text("ab", max_size=2) | st.lists(st.integers(0, 2), max_size=2)
OBJECTS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(st.text("xyz", min_size=1, max_size=1), SCALARS, max_size=3),
    lambda inner: st.dictionaries(
        st.text("xyz", min_size=1, max_size=1), SCALARS | inner, max_size=3
    ),
    max_leaves=8,
)


@pytest.mark.slow
@given(OBJECTS, OBJECTS)
def test_a_patch_makes_the_new_object_of_the_old(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert applied(old, patch_of(old, new)) == new


def test_a_patch_says_only_what_changed() -> None:
    old = {"a": {"x": 1, "y": 2}, "b": [1], "gone": 1}
    new = {"a": {"x": 1, "y": 3}, "b": [1], "new": {}}
    assert patch_of(old, new) == {"a": {"y": 3}, "gone": None, "new": {}}
    assert patch_of(new, new) == {}
