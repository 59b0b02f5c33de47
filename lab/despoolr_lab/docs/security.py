"""docs/security.md, generated: who may do what, from the rights tables and the rows of calls that
the servers apply.

    python -m despoolr_lab.docs.security > docs/security.md

A house test compares the page with what this prints; another asks a server for every cell of the
table of boxes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, Role
from despoolr_lab.docs.semantics import table
from despoolr_server.http.app import CALLS
from despoolr_server.http.live.calls import LIVE_CALLS
from despoolr_server.http.openapi.table import ADMINISTRATORS, ANYONE, OPERATORS, Call
from despoolr_server.http.site.calls import SITE_CALLS
from despoolr_server.http.site.setup_calls import SETUP_CALLS
from despoolr_server.shares.base import rights
from despoolr_server.shares.base.rights import RightsTable
from despoolr_server.site.state import boxes
from despoolr_server.site_server import root_rights

HEAD: Final = """\
# Security

Who may do what, what is assumed, and how to report a problem. The tables are generated from those
that the servers apply (`make security`); a test holds the page to them.

## What is assumed

* **The network is trusted, or made safe by something in front of the servers.** Despoolr speaks
  plain HTTP: names, files and tokens cross the wire as they are. If others can listen on the
  network, put a TLS proxy in front of each server, and let nothing but the proxy reach the server.
  Without a configured secret a server listens on loopback only.
* **Whoever has the secret can be anybody.** Tokens are signed with it; they name a machine, a user
  and a role, and do not expire. Changing the secret revokes all of them. It is at least 16 bytes,
  lies in `secret` of the data directory (0600) unless it is configured, and is never recorded.
  `admin.token` beside it is a token of role `admin`.
* **A token proves who its bearer is.** Give each machine its own (`POST /api/v1/tokens`), and never
  another's. A client's token is valid for its machine and its user only.
* **The machine of a server belongs to its administrator.** Data directories and everything in them
  (shares, site database, records, logs, secret, tokens) are readable by their owner only, 0700 and
  0600, whatever the umask. If a server finds wider permissions, it narrows them and says so.
* **Clients may be anybody.** What they send is limited ([limits](limits.md)), checked before
  anything is done, and recorded with the name in the token. A file that they write to a share is
  never shown as a web page.
* **Browsers may be misled.** A page of another site can make its visitor's browser send requests,
  with a password that the browser remembers. So a call that changes something is refused (403) when
  it comes from another origin (`Origin`, `Sec-Fetch-Site`), a JSON call (415) in one of the types
  that a form can send, and a call without a Bearer token (421) when `Host` is a name that somebody
  else can point at this server. Allowed are IP addresses, loopback names, names without a dot,
  names below `.local`, `.internal`, `.home.arpa`, `.svc` and `.cluster.local`, the machine's own
  name, the name given to `--listen`, and those given with `--allow-host` or `DESPOOLR_ALLOW_HOST`.
  Another port is another origin; a proxy that does not pass `Host` on as it came wants the name
  with the port that browsers see (`--allow-host intranet:80`).
  Our own pages run the scripts and styles that their policy names by hash, cannot be framed, and
  send no referrer.
* **Emulation does not protect.** Share modes, locks and retries are behaviour of the emulated
  system; only the rights below protect.

## How to report a problem

Tell the maintainers privately, before anybody else: by the "Report a vulnerability" form of the
repository's Security tab. Say which version (`despoolr --version`), what you sent, what came back,
and who can do what with it. Never send a real secret or token. What is fixed is named in the
[changelog](../CHANGELOG.md) under *Security*.
"""

SHARES: Final[Mapping[str, tuple[str, RightsTable, tuple[str, ...]]]] = {
    boxes.LOGON_SHARE: ("a logon server's share", rights.SMS_SHR, boxes.LOGON_DIRECTORIES),
    boxes.PACKAGE_SHARE: ("a distribution server's packages", rights.PACKAGE_SHARE, ()),
    boxes.ROOT_SHARE: (
        "the site server's root",
        root_rights(),
        (*boxes.SITE_DIRECTORIES, *boxes.DISTRIBUTION_MANAGER_DIRECTORIES),
    ),
    boxes.SITE_SHARE: ("where senders write", rights.SERVICE_ONLY, ()),
    boxes.SOURCE_SHARE: ("the package sources", rights.SOURCE, ()),
}
"""Each share with what it is, its rights and its boxes."""

FILE_CALLS: Final[Mapping[str, Access]] = {
    "GET, HEAD, PROPFIND, list": Access.READ_DATA,
    "PUT, MKCOL": Access.WRITE_DATA,
    "DELETE, MOVE": Access.DELETE,
    "LOCK": Access.READ_DATA | Access.WRITE_DATA,
    "PROPPATCH": Access.WRITE_EA,
}
"""Calls on a file in a box, with the access that each takes. COPY is a GET and a PUT; an open asks
for what it names.
"""
THE_BOX: Final = "DELETE, MOVE the box"
NOBODY: Final = "-"


def page() -> str:
    """The whole document as Markdown text."""
    return "\n".join([HEAD, *_boxes(), *_calls()])


def may(share: str, box: str, call: str) -> list[Role]:
    """The roles that may make a call of the table's columns on a file in a box, or on the box
    itself.
    """
    _, allowed, _ = SHARES[share]
    key = fold(box)
    if call == THE_BOX:
        return [
            role
            for role in Role
            if box
            and allowed.allowed(role, key) & Access.DELETE
            and not allowed.is_fixed(role, key)
        ]
    wanted = FILE_CALLS[call]
    return [
        role for role in Role if allowed.allowed(role, f"{key}/X".lstrip("/")) & wanted == wanted
    ]


def _boxes() -> list[str]:
    columns = [*FILE_CALLS, THE_BOX]
    rows = [
        [
            f"`{share}`",
            f"`{box}`" if box else what,
            *(_shown(may(share, box, column)) for column in columns),
        ]
        for share, (what, _, names) in SHARES.items()
        for box in ("", *names)
    ]
    return [
        "## Shares and boxes\n",
        "Which roles may make a call on a file in a directory; `all` are `client`, `service` "
        "and `admin`.\n"
        "The last column is about the directory itself: only an administrator can remove a box, "
        "and the\nMaintenance Manager makes it again in its next cycle. A service may change the "
        "entries of a share\nwhile it runs (`PUT /api/v1/shares/{share}/rights`), as a forced "
        "disconnect does.\n",
        table(["Share", "Directory", *columns], rows),
    ]


def _calls() -> list[str]:
    groups: dict[str, list[Call]] = {}
    for call in (*CALLS, *SITE_CALLS, *SETUP_CALLS, *LIVE_CALLS):
        if not call.path.startswith("/{share}"):
            groups.setdefault(call.group, []).append(call)
    rows = [
        [", ".join(f"`{call.key}`" for call in calls if call.who == who), _who(who)]
        for calls in groups.values()
        for who in dict.fromkeys(call.who for call in calls)
    ]
    return [
        "## Other calls\n",
        "Handles and sessions are used by the machine (and, of a client, the user) that began "
        "them, and by\n"
        "administrators. A client is told of its own opens, its own refusals and what blocks "
        "it; sessions\n"
        "of others are shown to `service` and `admin` only.\n",
        table(["Call", "Who"], rows),
    ]


def _who(who: str) -> str:
    return {
        ANYONE: "anybody, without a token",
        OPERATORS: "`service`, `admin`",
        ADMINISTRATORS: "`admin`",
    }.get(who, "all")


def _shown(roles: list[Role]) -> str:
    if len(roles) == len(Role):
        return "all"
    return ", ".join(f"`{role}`" for role in roles) or NOBODY


if __name__ == "__main__":
    sys.stdout.write(page())
