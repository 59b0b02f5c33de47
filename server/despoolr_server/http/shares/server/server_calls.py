"""The rows of the server itself: who holds what and why, what Server Manager does from afar,
health, and the pages.
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_core.records.episodes import Why
from despoolr_core.share.wire import EpisodeEnd, EpisodeList, Health, OpenList
from despoolr_server.http.base.surface import ROWS_MAX
from despoolr_server.http.openapi.table import (
    ANYONE,
    HTML,
    JAVASCRIPT,
    OPERATORS,
    TEXT,
    Answer,
    Call,
    done,
    in_query,
    json,
    ok,
    whole,
)
from despoolr_server.http.shares.server.administration import (
    MessageList,
    MessageRequest,
    RightsReply,
    RightsRequest,
    SentReply,
)

QUESTIONS: Final = "Who holds what"
ADMINISTRATION: Final = "Rights and messages"
SERVER: Final = "The server itself"

_LIMIT: Final = in_query(
    "limit", "Rows at most; `count` is always the full number.", whole(ROWS_MAX)
)
_PATH: Final = in_query("path", "A file or directory of any share.")

CALLS: Final = (
    Call(
        "GET",
        "/api/v1/opens",
        "Who holds what",
        QUESTIONS,
        (ok(OpenList, "The opens that stand, oldest first."),),
        (in_query("share", "A share."), _PATH, in_query("machine", "Whose."), _LIMIT),
        refusals=(400, 507),
    ),
    Call(
        "GET",
        "/api/v1/episodes",
        "Who waits, and who waited",
        QUESTIONS,
        (ok(EpisodeList, "The attempts of each update, linked, by first refusal."),),
        (in_query("machine", "Who waits, or is waited for."), _PATH, _LIMIT),
        refusals=(400, 507),
    ),
    Call(
        "POST",
        "/api/v1/episodes/{episode}/end",
        "Say that an update will not be tried again",
        QUESTIONS,
        (done("The episode is `given up`."),),
        body=json(EpisodeEnd),
        refusals=(400, 403, 404, 409),
    ),
    Call(
        "GET",
        "/api/v1/why",
        "Why an update was refused",
        QUESTIONS,
        (ok(Why, "Who holds it, or held it `at` a time; each episode about it in one sentence."),),
        (
            in_query("machine", "A machine's files."),
            _PATH,
            in_query("at", "Seconds since 1970 in site time, or a time like `1996-03-04T09:00`."),
            _LIMIT,
        ),
        refusals=(400, 507),
    ),
    Call(
        "PUT",
        "/api/v1/shares/{share}/rights",
        "Set one entry of a share's rights",
        ADMINISTRATION,
        (ok(RightsReply, "What was there before."),),
        body=json(RightsRequest),
        refusals=(400, 403, 404),
        who=OPERATORS,
    ),
    Call(
        "POST",
        "/api/v1/messages",
        "Send a message to a machine's user",
        ADMINISTRATION,
        (ok(SentReply, "It waits for the machine to ask."),),
        body=json(MessageRequest),
        refusals=(400, 403),
        who=OPERATORS,
        text="What `NET SEND` does. At most 1024 characters; it goes on record.",
    ),
    Call(
        "GET",
        "/api/v1/messages",
        "The caller's own messages",
        ADMINISTRATION,
        (ok(MessageList, "Each is told once, oldest first."),),
    ),
    Call(
        "GET",
        "/healthz",
        "Whether the server answers",
        SERVER,
        (ok(Health, "It does."),),
        who=ANYONE,
    ),
    Call(
        "GET",
        "/ready",
        "Whether the server does its work",
        SERVER,
        (Answer(200, "A file was written and read on its first share.", {TEXT: None}),),
        refusals=(503,),
        who=ANYONE,
        text="For probes: it is tried once in 30 s, however often it is asked for.",
    ),
    Call(
        "GET",
        "/metrics",
        "Counts for Prometheus",
        SERVER,
        (Answer(200, "The text format of Prometheus.", {TEXT: None}),),
    ),
    Call(
        "GET",
        "/problems/{name}",
        "What a problem's type means",
        SERVER,
        (Answer(200, "A line of text.", {TEXT: None}),),
        refusals=(404,),
        who=ANYONE,
    ),
    Call(
        "GET",
        "/",
        "The live page",
        SERVER,
        (
            Answer(
                200,
                "A page that shows opens and episodes. It holds no data: what it asks for needs "
                "a token.",
                {HTML: None},
            ),
        ),
        who=ANYONE,
    ),
    Call(
        "GET",
        "/openapi.json",
        "This description",
        SERVER,
        (
            ok(dict[str, Any], "OpenAPI 3.1, of the calls that this server has.", 200, ("ETag",)),
            Answer(304, "Nothing new."),
        ),
        who=ANYONE,
    ),
    Call(
        "GET",
        "/docs",
        "This description as a page",
        SERVER,
        (
            Answer(200, "A page that asks this server alone.", {HTML: None}, ("ETag",)),
            Answer(304, "Nothing new."),
        ),
        who=ANYONE,
    ),
    Call(
        "GET",
        "/docs/rapidoc-min.js",
        "What that page runs",
        SERVER,
        (
            Answer(200, "RapiDoc, as its authors publish it.", {JAVASCRIPT: None}, ("ETag",)),
            Answer(304, "Nothing new."),
        ),
        who=ANYONE,
    ),
)
"""Every call of `introspection` and `administration` beside it, and of `http.openapi.routes`."""
