"""The rows of sessions, opens and chains: holding a file over HTTP, all that a handle can do, and
several calls in one.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.chain import Chain, ChainReply
from despoolr_core.share.wire import (
    Listing,
    LockList,
    LockRequest,
    OpenChange,
    OpenFacts,
    OpenReply,
    OpenRequest,
    SessionReply,
    SessionRequest,
    WrittenReply,
)
from despoolr_server.http.openapi.table import (
    BINARY,
    IDENTITY,
    Answer,
    Call,
    done,
    in_header,
    in_query,
    json,
    ok,
    whole,
)

SESSIONS: Final = "Sessions"
OPENS: Final = "Opens"
LOCKS: Final = "Range locks"
CHAINS: Final = "Chains"
U64: Final = 2**64 - 1
I64: Final = 2**63 - 1

HANDLE: Final = (400, 403, 410, 431)
"""What any call on a handle may be refused with: malformed, somebody else's, over (closed, or never
there).
"""

CALLS: Final = (
    Call(
        "POST",
        "/api/v1/sessions",
        "Begin a session",
        SESSIONS,
        (ok(SessionReply, "The session, whose lease runs from now.", 201, ("Location",)),),
        body=json(SessionRequest),
        refusals=(400, 403, 410, 503),
        text="Opens belong to a session, and a session lives on a lease that every call in it "
        "renews. `previous` names a session of the caller's that this one takes the place of.",
    ),
    Call(
        "PUT",
        "/api/v1/sessions/{session}",
        "Keep a session alive",
        SESSIONS,
        (ok(SessionReply, "The lease runs from now again."),),
        refusals=(403, 410),
    ),
    Call(
        "DELETE",
        "/api/v1/sessions/{session}",
        "Log off",
        SESSIONS,
        (done("The session is over, and so are its opens."),),
        refusals=(403, 410),
    ),
    Call(
        "PUT",
        "/api/v1/sessions/{session}/shares/{share}",
        "Connect to a share again",
        SESSIONS,
        (done("The session may open files there."),),
        refusals=(403, 404, 410),
        text="A session is connected to every share; only one that it has left must be joined.",
    ),
    Call(
        "DELETE",
        "/api/v1/sessions/{session}/shares/{share}",
        "Leave a share",
        SESSIONS,
        (done("What the session had open there is closed."),),
        refusals=(403, 404, 410),
    ),
    Call(
        "POST",
        "/api/v1/opens",
        "Open a file and keep it open",
        OPENS,
        (
            ok(
                OpenReply,
                "The handle. It stands in others' way until it is closed.",
                201,
                ("Location",),
            ),
        ),
        body=json(OpenRequest),
        refusals=(400, 403, 404, 409, 410, 412, 413, 423, 501, 503, 507),
        text="`access`, `share_mode` and `options` are SMB's words joined by `|`; `disposition` is "
        "SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE or OVERWRITE_IF. 423 names who is in the "
        "way, with which program, in which mode, since when.",
    ),
    Call(
        "GET",
        "/api/v1/opens/{open}",
        "What a handle's file is now",
        OPENS,
        (ok(OpenFacts, "Its present name, size, links and attributes."),),
        IDENTITY,
        refusals=HANDLE,
    ),
    Call(
        "PATCH",
        "/api/v1/opens/{open}",
        "Rename it, mark it for deletion, set its attributes or size",
        OPENS,
        (done("It is so."),),
        IDENTITY,
        json(OpenChange),
        refusals=(*HANDLE, 404, 409, 412, 413, 423, 507),
        text="One thing a call: `path` (with `replace`), `delete`, `attributes` or `size`.",
    ),
    Call(
        "DELETE",
        "/api/v1/opens/{open}",
        "Close a handle",
        OPENS,
        (done("It is closed."),),
        (
            *IDENTITY,
            in_query(
                "force",
                "Close somebody else's; for roles `service` and `admin`.",
                {"type": "boolean"},
            ),
            in_query("reason", "What the record will say of it."),
        ),
        refusals=HANDLE,
    ),
    Call(
        "GET",
        "/api/v1/opens/{open}/entries",
        "The names in a directory's handle",
        OPENS,
        (ok(Listing, "The names, sorted without regard to case."),),
        IDENTITY,
        refusals=(*HANDLE, 409, 423, 503, 507),
    ),
    Call(
        "GET",
        "/api/v1/opens/{open}/content",
        "Read",
        OPENS,
        (
            Answer(200, "The bytes; none at the end of the file.", {BINARY: None}),
            Answer(206, "Those of `Range`.", {BINARY: None}, ("Content-Range",)),
        ),
        (
            *IDENTITY,
            in_header("Range", "`bytes=0-99`: one range."),
            in_query("offset", "Where to begin.", whole(I64)),
            in_query("length", "How many bytes at most.", whole(I64)),
        ),
        refusals=(*HANDLE, 409, 416, 423, 503),
    ),
    Call(
        "PUT",
        "/api/v1/opens/{open}/content",
        "Write",
        OPENS,
        (ok(WrittenReply, "How many bytes were written."),),
        (
            *IDENTITY,
            in_header("Content-Range", "`bytes 100-199/*`: where they go."),
            in_query("offset", "Where they go, without `Content-Range`.", whole(I64)),
        ),
        {BINARY: None},
        body_required=False,
        refusals=(*HANDLE, 409, 423, 507),
    ),
    Call(
        "GET",
        "/api/v1/opens/{open}/locks",
        "What a handle has locked",
        LOCKS,
        (ok(LockList, "Its locks, and what it waits for, oldest first."),),
        IDENTITY,
        refusals=HANDLE,
    ),
    Call(
        "POST",
        "/api/v1/opens/{open}/locks",
        "Lock or unlock ranges",
        LOCKS,
        (ok(LockList, "What was granted."),),
        IDENTITY,
        json(LockRequest),
        refusals=(*HANDLE, 409, 423, 503),
        text="All of the ranges or none; 64 at most. Without `FAIL_IMMEDIATELY` the call is "
        "answered when the range is free, or "
        "after `wait_s` seconds of site time.",
    ),
    Call(
        "DELETE",
        "/api/v1/opens/{open}/locks",
        "Unlock a range, or cancel a request that waits",
        LOCKS,
        (done("It is unlocked, or cancelled."),),
        (
            *IDENTITY,
            in_query("offset", "Where the range begins; with `length`.", whole(U64)),
            in_query("length", "How many bytes it has.", whole(U64)),
            in_query("request", "The name of the request to cancel; alone."),
        ),
        refusals=(*HANDLE, 404, 409),
    ),
    Call(
        "POST",
        "/api/v1/chain",
        "Make several calls in one",
        CHAINS,
        (ok(ChainReply, "A result for each call that was made, in order."),),
        IDENTITY,
        json(Chain),
        refusals=(400, 403, 431, 507),
        text="1 to 64 calls (`get`, `put`, `delete`, `session`, `open`, `close`, `logoff`), one "
        "after the other, each checked and recorded as if it had come alone; all that was "
        "written is safe when the answer comes. What one is refused stands in its result as the "
        "`problem` it would have been answered. With `stops`, the first that is refused is the "
        "last that is made; and after 512 KiB have been read no more is made. Bytes travel as "
        "base64.",
    ),
)
"""Every call of `opens` and `chain` beside it."""
