"""Whatever stands in a body, a query or a header, there is an answer, and it is not 500."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.share.chain import Chain
from despoolr_core.share.site_api import MachineSpec, PackageSpec, SiteSpec
from despoolr_core.share.wire import (
    EpisodeEnd,
    LockRequest,
    OpenChange,
    OpenRequest,
    SessionRequest,
)
from despoolr_server.http.base.problem import Refused
from despoolr_server.http.base.surface import decode_json, switch, whole_number
from despoolr_server.site.jobs.model import JobSpec

KINDS: list[Any] = [
    *(SessionRequest, OpenRequest, OpenChange, LockRequest, Chain, EpisodeEnd),
    *(PackageSpec, JobSpec, list[MachineSpec], list[SiteSpec]),
]
FIELDS = sorted({field for kind in KINDS for field in getattr(kind, "__struct_fields__", ())})
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 1e308])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_any_json_body_is_taken_or_refused_with_400(kind: Any, data: st.DataObject) -> None:
    body = data.draw(st.binary() | VALUES.map(msgspec.json.encode))
    try:
        taken = decode_json(body, kind)
    except Refused as refused:
        assert refused.problem.status == 400
        msgspec.json.encode(refused.problem)
    else:
        msgspec.json.encode(taken)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "piece", [b"[", b'{"calls":[', b'{"zz":', b'[{"a":', b'{"locks":[{"offset":']
)
@pytest.mark.parametrize("times", [100, 1000, 100_000])
def test_a_body_nested_without_end_is_refused_with_400(kind: Any, piece: bytes, times: int) -> None:
    with pytest.raises(Refused) as refused:
        decode_json(piece * times, kind)
    assert refused.value.problem.status == 400


@given(
    st.text() | st.integers().map(str) | st.from_regex(r"[0-9٣]{1,40}", fullmatch=True),
    st.integers(0, 2**64),
)
def test_any_query_number_is_in_its_range_or_refused_with_400(text: str, highest: int) -> None:
    try:
        assert 0 <= whole_number("n", text, 0, highest=highest) <= highest
    except Refused as refused:
        assert refused.problem.status == 400


@given(st.text())
def test_any_query_switch_is_on_off_or_refused_with_400(text: str) -> None:
    try:
        assert switch("s", text) in (True, False)
    except Refused as refused:
        assert refused.problem.status == 400
