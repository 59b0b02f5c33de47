"""Any input to a parser of WebDAV's headers and bodies has a documented end, of a size that is
linear in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.http.base.problem import Refused
from despoolr_server.http.dav.bodies import (
    NAMES_SIZE_MAX,
    OWNER_SIZE_MAX,
    RENDERED_MAX,
    XmlRefused,
    names_size,
    parse_lockinfo,
    parse_propfind,
    parse_proppatch,
)
from despoolr_server.http.dav.if_header import parse_if
from despoolr_server.http.dav.request import depth, timeout_s

HEADERS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=300)
PIECES = st.sampled_from(
    [
        "<D:prop>",
        "</D:prop>",
        "<u:a/>",
        "<D:set>",
        "</D:set>",
        "<D:owner>",
        "</D:owner>",
        "x",
        "&amp;",
        "<D:allprop/>",
    ]
)
ROOTS = st.sampled_from(["propfind", "propertyupdate", "lockinfo"])
BODIES = st.binary(max_size=300) | st.builds(
    lambda root, pieces: (
        f'<D:{root} xmlns:D="DAV:" xmlns:u="urn:u">{"".join(pieces)}</D:{root}>'.encode()
    ),
    ROOTS,
    st.lists(PIECES),
)
WITH_LOCK = b"<D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype>"


@given(HEADERS | st.text('()<>[]"WNot/ urn:x', max_size=200))
def test_any_if_header_is_lists_or_says_where_it_stops_making_sense(text: str) -> None:
    try:
        lists = parse_if(text)
    except ValueError as error:
        assert str(error)
    else:
        assert sum(len(one.conditions) for one in lists) <= len(text)


@given(HEADERS)
def test_any_depth_and_timeout_is_one_of_a_few(text: str) -> None:
    request = make_mocked_request("LOCK", "/S/a", {"Depth": text, "Timeout": text})
    assert 0.0 <= timeout_s(request) < 1e10
    try:
        assert depth(request, "infinity", "0", "infinity") in ("0", "infinity")
    except Refused as refused:
        assert refused.problem.status == 400


@pytest.mark.parametrize("parse", [parse_propfind, parse_proppatch, parse_lockinfo])
@given(
    body=BODIES
    | BODIES.map(lambda body: body.replace(b"</D:lockinfo>", WITH_LOCK + b"</D:lockinfo>"))
)
def test_any_body_is_read_or_refused(parse: Callable[[bytes], Any], body: bytes) -> None:
    try:
        found = parse(body)
    except XmlRefused as error:
        assert str(error)
    else:
        if parse is parse_propfind:
            assert names_size(found.names) <= NAMES_SIZE_MAX
        elif parse is parse_proppatch:
            assert sum(len(change.xml or "") for change in found) <= RENDERED_MAX
        else:
            assert len(found.owner) <= OWNER_SIZE_MAX
