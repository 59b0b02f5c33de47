"""The rows of the live page (`http.live.routes`) and of the records (`http.live.records`)."""

from __future__ import annotations

from typing import Final

from despoolr_server.http.live.records import JSON_LINES
from despoolr_server.http.live.routes import EVENT_STREAM, SPAN_S_MAX, LiveAnswer, ReleaseRequest
from despoolr_server.http.openapi.table import (
    OPERATORS,
    Answer,
    Call,
    done,
    in_header,
    in_query,
    json,
    whole,
)

LIVE: Final = "The live page"

LIVE_CALLS: Final = (
    Call(
        "GET",
        "/api/v1/live",
        "All that the live page shows",
        LIVE,
        (
            Answer(
                200,
                "The page as it is now; or, where `Accept` names it, an event stream: `hello`, "
                "`snapshot` with the page, then `delta` with merge patches of it (RFC 7396), and "
                "`beat` with the time. `snapshot` and `delta` have ids.",
                {"application/json": LiveAnswer, EVENT_STREAM: None},
            ),
        ),
        (
            in_query("server", "One server of the site. A logon server tells of itself alone."),
            in_query("package", "One package, by its PackageID."),
            in_query("q", "What stands in names of files, programs, machines, users, jobs."),
            in_query("span_s", "How far back lanes go, in site seconds.", whole(SPAN_S_MAX)),
            in_header("Last-Event-ID", "The last event that was read: what was missed follows it."),
        ),
        refusals=(400, 503),
        text="A client's token sees its own waits, and what is in their way.",
    ),
    Call(
        "GET",
        "/api/v1/records",
        "The records of this server's process",
        LIVE,
        (
            Answer(
                200,
                "What is on file, the newest 8 MiB of it, as lines of `records.jsonl`; with "
                "`follow`, then an empty line and each record as it is made.",
                {JSON_LINES: None},
            ),
        ),
        (in_query("follow", "Whether the answer goes on.", {"type": "boolean"}),),
        refusals=(400, 403, 503),
        who=OPERATORS,
    ),
    Call(
        "POST",
        "/api/v1/servers/{server}/opens/{open}/release",
        "Close somebody's open on a server of the site",
        LIVE,
        (done("It is closed; the reason is on record."),),
        body=json(ReleaseRequest),
        refusals=(400, 403, 404, 410, 502),
        who=OPERATORS,
        text="What Server Manager does from afar: the holder is not asked.",
    ),
)
"""Every call of `http.live.routes` and `http.live.records`."""
