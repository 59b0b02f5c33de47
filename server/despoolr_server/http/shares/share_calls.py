"""The rows of a share's files and directories: HTTP's methods and WebDAV's (`http.shares`,
`http.dav`).

Each stands for two addresses: `/{share}/{path}`, where the path may have slashes, and `/{share}`,
the share's own directory.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from despoolr_core.share.wire import Entry, Listing
from despoolr_server.http.openapi.table import (
    ANY,
    ANYONE,
    BINARY,
    HTML,
    IDENTITY,
    TEXT,
    XML,
    Answer,
    Call,
    done,
    in_header,
    in_query,
    one_of,
)

FILES: Final = "Files and directories"
WEBDAV: Final = "WebDAV"
FILE: Final = "/{share}/{path}"

_IF: Final = in_header(
    "If", "The tokens of WebDAV locks to act under, and states that must hold (RFC 4918, 10.4)."
)
_DEPTH: Final = in_header("Depth", "`infinity` unless told otherwise.", one_of("0", "infinity"))
_LOOK: Final = in_header(
    "Depth", "How far down; `infinity` unless told otherwise.", one_of("0", "1", "infinity")
)
_IF_MATCH: Final = in_header("If-Match", "Go on only if the file still has this ETag.")
_IF_NONE_MATCH: Final = in_header("If-None-Match", "The ETag that is already known, or `*`.")
_UNMODIFIED: Final = in_header(
    "If-Unmodified-Since", "Go on only if the file was not changed after this date."
)
_SINCE: Final = in_header("If-Modified-Since", "The date of what is already known.")
_OVERWRITE: Final = in_header("Overwrite", "`F`: not onto a name that exists.", one_of("T", "F"))
_DESTINATION: Final = in_header(
    "Destination", "The new address on the same share, percent-encoded.", required=True
)
_CONDITIONS: Final = (_IF_MATCH, _UNMODIFIED, _IF_NONE_MATCH)
"""Every method is held to them (RFC 9110, 13.2.1)."""

ASKING: Final = (400, 403, 404, 409, 410, 412, 423, 431)
"""What a look at a file may be refused with."""
CHANGING: Final = (*ASKING, 503, 507)
"""And what a change may be."""

_PARTLY: Final = Answer(207, "Some of it was refused: which file, and why.", {XML: None})
_FOUND: Final = Answer(207, "A multi-status.", {XML: None})
_LOCKED: Final = Answer(200, "The lock, or the lock that was refreshed.", {XML: None})

CALLS: Final = (
    Call(
        "GET",
        FILE,
        "Read a file, or list a directory",
        FILES,
        (
            Answer(
                200,
                "The file as `text/plain` or bytes; its facts with `stat`; a directory's names, "
                "or a page of them for browsers.",
                {"application/json": (Listing, Entry), BINARY: None, TEXT: None, HTML: None},
            ),
            Answer(206, "The bytes of `Range`.", {BINARY: None, TEXT: None}, ("Content-Range",)),
            Answer(304, "Nothing new.", {}, ("ETag",)),
        ),
        (
            *IDENTITY,
            in_query("stat", "Only its facts: that conflicts with nothing.", {"type": "boolean"}),
            in_header(
                "Range", "`bytes=0-99`: one range. Several are answered with the whole file."
            ),
            in_header("If-Range", "The ETag for which the range is meant."),
            _IF_MATCH,
            _UNMODIFIED,
            _IF_NONE_MATCH,
            _SINCE,
            _IF,
        ),
        refusals=(*ASKING, 416, 503, 507),
        text="An open for reading that shares reading, the work, and a close: 423 names who is "
        "in the way.",
    ),
    Call(
        "HEAD",
        FILE,
        "What GET would say of it",
        FILES,
        (
            Answer(200, "By its attributes alone: conflicts with nothing."),
            Answer(304, "Nothing new.", {}, ("ETag",)),
        ),
        (*IDENTITY, *_CONDITIONS, _SINCE, _IF),
        refusals=ASKING,
    ),
    Call(
        "PUT",
        FILE,
        "Replace or create a whole file",
        FILES,
        (Answer(201, "It is new.", {}, ("ETag",)), Answer(204, "It is replaced.", {}, ("ETag",))),
        (*IDENTITY, _IF_MATCH, in_header("If-None-Match", "`*`: only create."), _UNMODIFIED, _IF),
        {ANY: None},
        body_required=False,
        refusals=(*CHANGING, 501),
        text="It appears under its name whole, or not at all.",
    ),
    Call(
        "DELETE",
        FILE,
        "Delete a file, or a directory with all that is in it",
        FILES,
        (done("It is gone."), _PARTLY),
        (*IDENTITY, _DEPTH, *_CONDITIONS, _IF),
        refusals=(*CHANGING, 415),
        text="`Depth: 0` deletes only an empty directory, as a Windows redirector does.",
    ),
    Call(
        "OPTIONS",
        FILE,
        "Which methods there are",
        FILES,
        (Answer(200, "Those of WebDAV class 1 and 2.", {}, ("Allow", "DAV")),),
        who=ANYONE,
    ),
    Call(
        "MOVE",
        FILE,
        "Rename within the share",
        WEBDAV,
        (
            Answer(201, "It has the new name."),
            Answer(204, "And what had that name is replaced."),
            _PARTLY,
        ),
        (*IDENTITY, _DESTINATION, _OVERWRITE, _DEPTH, *_CONDITIONS, _IF),
        refusals=(*CHANGING, 415, 502),
    ),
    Call(
        "COPY",
        FILE,
        "Copy within the share",
        WEBDAV,
        (
            Answer(201, "The copy is there."),
            Answer(204, "And what had that name is replaced."),
            _PARTLY,
        ),
        (*IDENTITY, _DESTINATION, _OVERWRITE, _DEPTH, *_CONDITIONS, _IF),
        refusals=(*CHANGING, 415, 502),
    ),
    Call(
        "MKCOL",
        FILE,
        "Make a directory",
        WEBDAV,
        (Answer(201, "It is there."), Answer(204, "It was there already (`parents`).")),
        (
            *IDENTITY,
            in_query("parents", "Also what is missing above it.", {"type": "boolean"}),
            *_CONDITIONS,
            _IF,
        ),
        refusals=(*CHANGING, 405, 415),
    ),
    Call(
        "PROPFIND",
        FILE,
        "Properties of a file, or of a directory and what is in it",
        WEBDAV,
        (_FOUND,),
        (*IDENTITY, _LOOK, *_CONDITIONS, _IF),
        {XML: None},
        body_required=False,
        refusals=(*ASKING, 503, 507),
    ),
    Call(
        "PROPPATCH",
        FILE,
        "Set and remove dead properties",
        WEBDAV,
        (Answer(207, "All that was asked, or nothing.", {XML: None}),),
        (*IDENTITY, *_CONDITIONS, _IF),
        {XML: None},
        refusals=CHANGING,
    ),
    Call(
        "LOCK",
        FILE,
        "Lock, or refresh a lock",
        WEBDAV,
        (
            _LOCKED,
            Answer(201, "The lock, on an empty file that it made.", {XML: None}, ("Lock-Token",)),
            _PARTLY,
        ),
        (
            *IDENTITY,
            _DEPTH,
            in_header("Timeout", "`Second-600`, `Infinite`: an hour at most."),
            *_CONDITIONS,
            _IF,
        ),
        {XML: None},
        body_required=False,
        refusals=CHANGING,
        text="A lock is an open like any other: it stands in the way of copies, and others' opens "
        "in its way.",
    ),
    Call(
        "UNLOCK",
        FILE,
        "End a lock",
        WEBDAV,
        (done("It is over."),),
        (
            *IDENTITY,
            in_header("Lock-Token", "`<opaquelocktoken:...>`", required=True),
            *_CONDITIONS,
            _IF,
        ),
        refusals=(*ASKING, 415),
    ),
)
"""Every method of a share, with the address of a file."""

OF_SHARES: Final = tuple(replace(call, path="/{share}") for call in CALLS)
"""The same for the share's own directory."""

OF_ROOT: Final = (
    replace(
        next(call for call in CALLS if call.method == "PROPFIND"),
        path="/",
        summary="The shares of this server",
        refusals=(400, 403, 431),
    ),
    replace(
        next(call for call in CALLS if call.method == "OPTIONS"),
        path="/",
        summary="What this server is",
    ),
)
"""What the server's own root answers to WebDAV clients."""
