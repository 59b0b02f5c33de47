"""WebDAV class 1 and 2 on every share (RFC 4918), over the same host as everything else.

Requests are read by `asking` (who, which locks it acts under, `Depth`, `Destination`), `if_header`
and `bodies` (XML); the share does the work (`despoolr_server.shares`: `dav`, `trees`, `dav_locks`);
`answers` words refusals and multi-status. The methods stand in `collections` (DELETE, COPY, MOVE,
MKCOL), `properties` (PROPFIND, PROPPATCH) and `locking` (LOCK, UNLOCK; `usual_locks` is their short
way). GET, HEAD and PUT are those of any share (`http.shares`). A DAV lock is a `DavLock`: neither
an open nor a range lock, though it holds an open.
"""
