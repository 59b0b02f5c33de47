"""The rows of the composition root's own calls (`despoolr_lab.setup_routes`), for the OpenAPI description."""

from __future__ import annotations

from typing import Final

from despoolr_lab.setup_routes import SetupFacts, TokenList, TokenRequest
from despoolr_server.http.openapi.table import ADMINISTRATORS, Call, json, ok

SETUP: Final = "Set-up"

SETUP_CALLS: Final = (
    Call(
        "GET",
        "/api/v1/setup",
        "What a newcomer must know",
        SETUP,
        (ok(SetupFacts, "The server, its shares and its time; of a site server also the site and its servers."),),
    ),
    Call(
        "POST",
        "/api/v1/tokens",
        "Tokens for others",
        SETUP,
        (ok(TokenList, "A token for each.", 201),),
        body=json(list[TokenRequest]),
        refusals=(400, 403),
        who=ADMINISTRATORS,
        text="At most 10,000 in one request. The same three facts always give the same token.",
    ),
)
"""Every call of `despoolr_lab.setup_routes`."""
