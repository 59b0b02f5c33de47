"""The story that the examples of the OpenAPI description tell: a line for every call, in the order
in which they are made.

PC07 holds a file of SMS_SHR, the service account is refused, the operator looks who it was; then
the administrator's day at the site. `{Lock-Token}` and `{ETag}` in a header stand for what an
earlier answer said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Line:
    """One call: the row's key, what it shows, where it is sent, who sends it (empty: nobody), what
    is to come back.
    """

    call: str
    title: str
    target: str
    status: int = 200
    who: str = "client"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    server: str = "LOGON1"


FILE: Final = "/{share}/{path}"
ROOT: Final = "/{share}"
NOTE: Final = "/SMS_SHR/PCMPKG.SRC/note.txt"
OPEN: Final = "/api/v1/opens/{open}"
LOCKINFO: Final = (
    "<lockinfo "
    'xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>anna</owner></lockinfo>'
)
REVIEWED: Final = (
    '<propertyupdate xmlns="DAV:"><set><prop><reviewed '
    'xmlns="urn:office">yes</reviewed></prop></set></propertyupdate>'
)
PROPERTIES: Final = (
    '<propfind xmlns="DAV:"><prop><getcontentlength/><resourcetype/></prop></propfind>'
)
SOURCE: Final = r"\\SITE1\PKGSRC\OFFICE"


def _admin(
    method: str, path: str, title: str, target: str = "", status: int = 200, body: Any = None
) -> Line:
    """A line at the site."""
    return Line(
        f"{method} /api/v1/{path}",
        title,
        f"/api/v1/{target or path}",
        status,
        "admin",
        body,
        server="SITE1",
    )


def _handle(
    method: str, end: str, title: str, target: str, status: int = 200, body: Any = None, **more: Any
) -> Line:
    """A line about PC07's handle."""
    return Line(
        f"{method} {OPEN}{end}", title, f"/api/v1/opens/{target}", status, body=body, **more
    )


FILES: Final = (
    Line(f"MKCOL {FILE}", "Make a directory", "/SMS_SHR/PCMPKG.SRC/old", 201, "service"),
    Line(f"PUT {FILE}", "Create a file", NOTE, 201, "service", "first text"),
    Line(
        f"PUT {FILE}",
        "Replace it if it is unchanged",
        NOTE,
        204,
        "service",
        "other text",
        {"If-Match": "{ETag}"},
    ),
    Line(
        f"PUT {FILE}",
        "Only create, and it is there",
        NOTE,
        412,
        "service",
        "x",
        {"If-None-Match": "*"},
    ),
    Line(f"GET {FILE}", "Read a file", NOTE),
    Line(f"GET {FILE}", "Nothing new", NOTE, 304, headers={"If-None-Match": "{ETag}"}),
    Line(f"GET {FILE}", "A part of it", NOTE, 206, headers={"Range": "bytes=0-4"}),
    Line(f"GET {FILE}", "Its facts", f"{NOTE}?stat=true"),
    Line(f"GET {FILE}", "A directory", "/SMS_SHR/PCMPKG.SRC/"),
    Line(f"GET {FILE}", "No such file", "/SMS_SHR/PCMPKG.SRC/none.txt", 404),
    Line(f"GET {FILE}", "No token", NOTE, 401, ""),
    Line(f"HEAD {FILE}", "Its size and ETag", NOTE),
    Line(f"OPTIONS {FILE}", "Which methods there are", NOTE, who=""),
    Line(
        f"COPY {FILE}",
        "Copy a file",
        NOTE,
        201,
        "service",
        headers={"Destination": "/SMS_SHR/PCMPKG.SRC/copy.txt"},
    ),
    Line(
        f"MOVE {FILE}",
        "Rename the copy",
        "/SMS_SHR/PCMPKG.SRC/copy.txt",
        201,
        "service",
        headers={"Destination": "/SMS_SHR/PCMPKG.SRC/old/copy.txt", "Overwrite": "F"},
    ),
    Line(
        f"DELETE {FILE}",
        "Delete a directory and all in it",
        "/SMS_SHR/PCMPKG.SRC/old",
        204,
        "service",
    ),
    Line(f"PROPPATCH {FILE}", "Set a dead property", NOTE, 207, "service", REVIEWED),
    Line(
        f"PROPFIND {FILE}", "Two live properties", NOTE, 207, "client", PROPERTIES, {"Depth": "0"}
    ),
    Line(
        f"LOCK {FILE}",
        "Lock it",
        NOTE,
        200,
        "service",
        LOCKINFO,
        {"Depth": "0", "Timeout": "Second-600"},
    ),
    Line(
        f"LOCK {FILE}",
        "Refresh the lock",
        NOTE,
        200,
        "service",
        headers={"If": "({Lock-Token})", "Timeout": "Second-600"},
    ),
    Line(
        f"UNLOCK {FILE}", "Unlock it", NOTE, 204, "service", headers={"Lock-Token": "{Lock-Token}"}
    ),
    Line(f"GET {ROOT}", "A share's own directory", "/SMS_PKGD"),
    Line(f"HEAD {ROOT}", "A directory has no ETag", "/SMS_PKGD"),
    Line(f"PUT {ROOT}", "A share is no file", "/SMS_PKGD", 409, "service", "x"),
    Line(f"DELETE {ROOT}", "A share stays", "/SMS_PKGD", 403, "service"),
    Line(f"OPTIONS {ROOT}", "Which methods there are", "/SMS_PKGD", who=""),
    Line(
        f"MOVE {ROOT}",
        "A share keeps its name",
        "/SMS_PKGD",
        403,
        "service",
        headers={"Destination": "/SMS_PKGD/x"},
    ),
    Line(
        f"COPY {ROOT}",
        "A share is not copied into itself",
        "/SMS_PKGD",
        403,
        "service",
        headers={"Destination": "/SMS_PKGD/x"},
    ),
    Line(f"MKCOL {ROOT}", "It is there", "/SMS_PKGD", 405, "service"),
    Line(
        f"PROPFIND {ROOT}",
        "What kind of thing a share is",
        "/SMS_PKGD",
        207,
        "client",
        PROPERTIES,
        {"Depth": "0"},
    ),
    Line(f"PROPPATCH {ROOT}", "A property of a share", "/SMS_PKGD", 207, "service", REVIEWED),
    Line(f"LOCK {ROOT}", "Lock a whole share", "/SMS_PKGD", 200, "service", LOCKINFO),
    Line(
        f"UNLOCK {ROOT}",
        "Unlock it",
        "/SMS_PKGD",
        204,
        "service",
        headers={"Lock-Token": "{Lock-Token}"},
    ),
    Line("PROPFIND /", "The shares", "/", 207, "client", PROPERTIES, {"Depth": "1"}),
    Line("OPTIONS /", "What this server is", "/", who=""),
)

HANDLES: Final = (
    Line(
        "POST /api/v1/sessions",
        "WINWORD.EXE begins a session",
        "/api/v1/sessions",
        201,
        body={"program": "WINWORD.EXE"},
    ),
    Line("PUT /api/v1/sessions/{session}", "Keep it alive", "/api/v1/sessions/S3"),
    Line(
        "POST /api/v1/opens",
        "Hold a file, letting others read",
        "/api/v1/opens",
        201,
        body={
            "session": "S3",
            "share": "SMS_SHR",
            "path": "PCMPKG.SRC/note.txt",
            "access": "READ",
            "share_mode": "READ",
        },
    ),
    Line(
        "POST /api/v1/opens",
        "A word is wrong",
        "/api/v1/opens",
        400,
        body={"session": "S3", "share": "SMS_SHR"},
    ),
    Line(
        "POST /api/v1/chain",
        "A report's two files, the first of which names the second",
        "/api/v1/chain",
        body={
            "calls": [
                {
                    "call": "put",
                    "share": "SMS_SHR",
                    "path": "DESPOOLR.BOX/00001000.PCK",
                    "data": "U3RhdHVz",
                    "create": True,
                },
                {
                    "call": "put",
                    "share": "SMS_SHR",
                    "path": "DESPOOLR.BOX/00001000.SNI",
                    "data": "WIREMOVE",
                    "create": True,
                },
            ],
            "stops": True,
        },
    ),
    Line(
        f"PUT {FILE}",
        "The update is refused, and told by whom",
        NOTE,
        423,
        "service",
        "new text",
        {"Despoolr-Program": "SMS_DESPOOLER", "Despoolr-Purpose": "job%2012"},
    ),
    _handle("GET", "", "What is open", "O3"),
    _handle("GET", "/content", "Read all", "O3/content"),
    _handle("GET", "/content", "Read a part", "O3/content", 206, headers={"Range": "bytes=6-9"}),
    _handle("GET", "/locks", "Nothing is locked yet", "O3/locks"),
    _handle(
        "POST",
        "/locks",
        "Lock the beginning",
        "O3/locks",
        body={"locks": [{"offset": 0, "length": 4, "flags": "SHARED|FAIL_IMMEDIATELY"}]},
    ),
    _handle("DELETE", "/locks", "Unlock it", "O3/locks?offset=0&length=4", 204),
    _handle(
        "PUT", "/content", "A handle for reading does not write", "O3/content?offset=0", 403, "x"
    ),
    _handle("PATCH", "", "It may not delete either", "O3", 403, {"delete": True}),
    Line(
        "POST /api/v1/opens",
        "Make a file and hold it alone",
        "/api/v1/opens",
        201,
        body={
            "session": "S3",
            "share": "SMS_SHR",
            "path": "INVENTRY.BOX/draft.txt",
            "access": "READ|WRITE|DELETE",
            "share_mode": "NONE",
            "disposition": "CREATE",
        },
    ),
    _handle("PUT", "/content", "Write", "O4/content?offset=0", 200, "a draft"),
    _handle("PATCH", "", "Rename it", "O4", 204, {"path": "INVENTRY.BOX/final.txt"}),
    _handle("DELETE", "", "Close it", "O4", 204),
    _handle("GET", "", "It is closed", "O4", 410),
    Line(
        "POST /api/v1/opens",
        "Open a directory",
        "/api/v1/opens",
        201,
        body={
            "session": "S3",
            "share": "SMS_SHR",
            "path": "INVENTRY.BOX",
            "options": "DIRECTORY_FILE",
        },
    ),
    _handle("GET", "/entries", "What is in it", "O5/entries"),
    _handle(
        "POST",
        "/locks",
        "Lock one byte",
        "O3/locks",
        body={"locks": [{"offset": 9, "length": 1, "flags": "SHARED|FAIL_IMMEDIATELY"}]},
    ),
    Line("GET /api/v1/opens", "Whose opens stand", "/api/v1/opens?machine=PC07", who="service"),
    Line("GET /api/v1/episodes", "Who waits", "/api/v1/episodes", who="service"),
    Line(
        "GET /api/v1/why",
        "Why a file was not updated",
        "/api/v1/why?path=PCMPKG.SRC/note.txt",
        who="service",
    ),
    Line("GET /api/v1/why", "A slip of the pen", "/api/v1/why?machin=PC07", 400, "service"),
    Line(
        "POST /api/v1/episodes/{episode}/end",
        "The package is withdrawn",
        "/api/v1/episodes/LOGON1-E1/end",
        204,
        "service",
        {"reason": "package withdrawn"},
    ),
    Line(
        "PUT /api/v1/shares/{share}/rights",
        "Clients may only read there",
        "/api/v1/shares/SMS_SHR/rights",
        who="service",
        body={"prefix": "PCMPKG.SRC", "role": "client", "rights": "READ"},
    ),
    Line(
        "POST /api/v1/messages",
        "Ask a user to save",
        "/api/v1/messages",
        who="service",
        body={"machine": "PC07", "text": "Please save and close note.txt."},
    ),
    Line(
        "POST /api/v1/messages",
        "Clients send none",
        "/api/v1/messages",
        403,
        body={"machine": "PC08", "text": "Hi"},
    ),
    Line("GET /api/v1/messages", "What PC07 was told", "/api/v1/messages"),
    Line("GET /api/v1/live", "All that is so now", "/api/v1/live?span_s=3600", who="service"),
    Line("GET /api/v1/records", "What happened so far", "/api/v1/records", who="service"),
    Line(
        "POST /api/v1/servers/{server}/opens/{open}/release",
        "Close a client's directory",
        "/api/v1/servers/LOGON1/opens/O5/release",
        204,
        "service",
        {"reason": "update"},
    ),
    _handle(
        "DELETE",
        "",
        "An operator closes a client's open",
        "O3?force=true&reason=update",
        204,
        who="service",
    ),
    Line(
        "DELETE /api/v1/sessions/{session}/shares/{share}",
        "Leave a share",
        "/api/v1/sessions/S3/shares/SMS_PKGD",
        204,
    ),
    Line(
        "PUT /api/v1/sessions/{session}/shares/{share}",
        "Join it again",
        "/api/v1/sessions/S3/shares/SMS_PKGD",
        204,
    ),
    Line("DELETE /api/v1/sessions/{session}", "Log off", "/api/v1/sessions/S3", 204),
    Line("GET /healthz", "It is well", "/healthz", who=""),
    Line("GET /ready", "It does its work", "/ready", who=""),
    Line("GET /metrics", "Counts", "/metrics", who="service"),
    Line("GET /problems/{name}", "A sharing violation", "/problems/sharing-violation", who=""),
    Line("GET /", "A page", "/", who=""),
    Line("GET /openapi.json", "The description", "/openapi.json", who=""),
    Line("GET /docs", "The description as a page", "/docs", who=""),
    Line("GET /docs/rapidoc-min.js", "What that page runs", "/docs/rapidoc-min.js", who=""),
    Line("GET /api/v1/setup", "A logon server", "/api/v1/setup"),
)

JOB: Final = {
    "name": "Office 4.3",
    "package": "BPC00001",
    "machines": ["PC07"],
    "distribute": {"put_on": ["LOGON1"]},
    "run": {"command": "SETUP.EXE /q", "mandatory_after": 833792400.0},
}

SITE: Final = (
    _admin("GET", "setup", "A site server"),
    Line(
        "POST /api/v1/tokens",
        "A token for a machine",
        "/api/v1/tokens",
        201,
        "admin",
        [{"machine": "PC07", "user": "anna", "role": "client"}],
        server="SITE1",
    ),
    _admin("GET", "site", "The site"),
    Line("GET /api/v1/site", "Clients may not", "/api/v1/site", 403, "client", server="SITE1"),
    Line(
        f"MKCOL {FILE}",
        "A directory for a package's source",
        "/PKGSRC/OFFICE",
        201,
        "admin",
        server="SITE1",
    ),
    Line(
        f"PUT {FILE}",
        "A file of a package",
        "/PKGSRC/OFFICE/setup.exe",
        201,
        "admin",
        "MZ...",
        server="SITE1",
    ),
    _admin(
        "POST", "packages", "Make a package", status=201, body={"name": "OFFICE", "source": SOURCE}
    ),
    _admin(
        "POST",
        "packages",
        "No such share",
        status=400,
        body={"name": "OFFICE", "source": "nowhere"},
    ),
    _admin("GET", "packages", "All packages"),
    _admin("GET", "packages/{package}", "One by its name", "packages/OFFICE"),
    _admin(
        "POST",
        "machines",
        "A new machine",
        status=201,
        body=[{"name": "PC07", "sms_id": "BPC00007", "domain": "SALES"}],
    ),
    _admin("GET", "machines", "The first ten", "machines?limit=10"),
    _admin("GET", "machines/{name}", "One machine", "machines/PC07"),
    _admin("GET", "machines/{name}", "No such machine", "machines/PC08", 404),
    _admin(
        "POST",
        "sites",
        "A site below",
        status=201,
        body=[{"code": "LON", "parent": "BPC", "server": "LONDON1", "version": "1.1"}],
    ),
    _admin("GET", "sites", "All sites below"),
    _admin("POST", "jobs", "Run a command on a workstation", status=201, body=JOB),
    _admin(
        "POST", "jobs", "A name that is not there", status=400, body={**JOB, "machines": ["PC70"]}
    ),
    _admin("GET", "jobs", "All jobs"),
    _admin("GET", "jobs/{job}", "One by its name", "jobs/Office%204.3"),
    _admin("POST", "jobs/{job}/cancel", "Cancel it", "jobs/BPC00001/cancel", 202),
    _admin("POST", "jobs/{job}/cancel", "It is cancelled already", "jobs/BPC00001/cancel", 400),
    _admin("POST", "slots", "A fleet of ten", status=201, body={"holder": "fleet-1", "count": 10}),
    _admin("PUT", "slots/{holder}", "All of them exist", "slots/fleet-1", body={"live": 10}),
    _admin("PUT", "slots/{holder}", "Who has none", "slots/fleet-2", 404, {"live": 10}),
    _admin("GET", "slots", "Ten of twenty"),
    _admin("DELETE", "slots/{holder}", "The fleet ends", "slots/fleet-1", 204),
    _admin(
        "POST",
        "faults",
        "Nothing is sent for two hours",
        status=201,
        body={"fault": "sender_dies", "for": "2h"},
    ),
    _admin("POST", "faults", "It is there already", status=400, body={"fault": "sender_dies"}),
    _admin("GET", "faults", "What is broken"),
    _admin("DELETE", "faults/{fault}", "The sender is started", "faults/SITE1-1"),
    _admin("DELETE", "faults/{fault}", "It is over already", "faults/SITE1-1", 404),
    _admin("GET", "hotfixes", "What could be installed"),
    _admin("POST", "hotfixes/{article}", "Install one", "hotfixes/Q166833", 201),
    _admin("GET", "events", "The newest", "events?limit=5"),
    _admin(
        "POST", "services/{component}/{action}", "Pause a service", "services/SMS_SCHEDULER/pause"
    ),
    _admin(
        "POST",
        "services/{component}/{action}",
        "No such service",
        "services/SMS_TELEPATHY/pause",
        404,
    ),
)

STORY: Final = (*FILES, *HANDLES, *SITE)
"""All of it."""
