"""What our connections lean on inside aiohttp is there, and is as it was when they were written."""

from __future__ import annotations

import ast
import hashlib
import inspect
from typing import Any

from aiohttp import HttpVersion10, web, web_protocol, web_server
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import EmptyStreamReader, StreamReader
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

from despoolr_server.http.connections import connection, fast_lane
from despoolr_server.http.connections.connection import TOUCHED, Connection
from despoolr_server.http.connections.fast_lane import LaneConnection

READ_WITH_CARE = {
    "RequestHandler.connection_made": "44d50b5763b2",
    "RequestHandler.connection_lost": "df2fe6e95fd0",
    "RequestHandler.data_received": "1ee57ebe052e",
    "RequestHandler.close": "84518f965e19",
    "RequestHandler.force_close": "38d0e1e798e4",
    "RequestHandler.handle_error": "94962ffef500",
    "RequestHandler.start": "2e565fd40c8e",
    "RequestHandler.finish_response": "b7eb53db8f4b",
    "RequestHandler._handle_request": "a88a34ee65a2",
    "RequestHandler._process_keepalive": "b472e0fb8445",
    "StreamReader.set_exception": "dfa3db714fb8",
    "StreamReader.feed_eof": "01592f4473c1",
    "Server.__init__": "ceb06418afb9",
    "Server.__call__": "c5700549e688",
    "Application._handle": "1294b2b208b1",
    "Application._make_request": "e59bd224e5f8",
    "BaseRequest.__init__": "dae5bbed7d90",
    "EmptyStreamReader.__init__": "a48375ca7bec",
    "UrlMappingMatchInfo.__init__": "f851e5cb478e",
    "UrlMappingMatchInfo.add_app": "40eee70e103a",
    "BaseProtocol.pause_writing": "e727e6c57a46",
    "BaseProtocol.resume_writing": "7db135e0841e",
}
"""The methods between which ours stand, by the digest of their source.

Where one differs, read what changed, try what `tests/unit/server/http/base` tries, then write the
new digest down.
"""

CLASSES: dict[str, Any] = {
    "RequestHandler": RequestHandler,
    "StreamReader": StreamReader,
    "Server": web_server.Server,
    "BaseProtocol": BaseProtocol,
    "Application": web.Application,
    "BaseRequest": web.BaseRequest,
    "EmptyStreamReader": EmptyStreamReader,
    "UrlMappingMatchInfo": UrlMappingMatchInfo,
}


def test_the_methods_between_which_ours_stand_are_as_they_were() -> None:
    found = {}
    for name in READ_WITH_CARE:
        owner, _, method = name.partition(".")
        source = inspect.getsource(getattr(CLASSES[owner], method))
        found[name] = hashlib.sha256(source.encode()).hexdigest()[:12]
    assert found == READ_WITH_CARE, (
        "aiohttp has changed: see docs/decisions/0002-aiohttp-internals.md"
    )


def slots_of_aiohttp() -> set[str]:
    return {name for owner in RequestHandler.__mro__ for name in getattr(owner, "__slots__", ())}


def test_what_is_overridden_called_and_read_is_there() -> None:
    slots = slots_of_aiohttp()
    for name in TOUCHED["overridden"]:
        assert name in vars(Connection)
        assert callable(getattr(RequestHandler, name))
    for name in TOUCHED["called"]:
        assert name not in vars(Connection)
        assert callable(getattr(RequestHandler, name))
    assert {*TOUCHED["read"], *TOUCHED["set"]} <= slots


def test_nothing_is_touched_that_is_not_listed() -> None:
    theirs = slots_of_aiohttp() | set(vars(RequestHandler)) | set(vars(BaseProtocol))
    touched = {
        node.attr
        for module in (connection, fast_lane)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    overridden = set(TOUCHED["overridden"])
    listed = {name for kind, names in TOUCHED.items() for name in names}
    assert touched & theirs - overridden == listed - overridden


def test_no_name_of_ours_is_aiohttps() -> None:
    theirs = slots_of_aiohttp() | set(dir(RequestHandler))
    assert {*Connection.__slots__, *LaneConnection.__slots__} & theirs == set()
    ours = {name for name in vars(LaneConnection) if not name.startswith("__")}
    assert ours & theirs == {"data_received"}
    own = {name for name in vars(Connection) if not name.startswith("__")} - set(
        Connection.__slots__
    )
    assert own & theirs == set(TOUCHED["overridden"])


def test_a_request_has_the_attributes_that_we_read_or_set_of_it() -> None:
    assert {"_loop", "_version"} <= web.BaseRequest.ATTRS
    assert web_protocol.ERROR.version == HttpVersion10


def test_an_error_of_the_parser_is_what_we_take_it_for() -> None:
    fields = [field.name for field in web_protocol._ErrInfo.__attrs_attrs__]
    assert fields == ["status", "exc", "message"]
