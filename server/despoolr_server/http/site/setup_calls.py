"""The rows of the composition root's own calls (`setup`, `slots`, `faults`), for the OpenAPI
description.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.fault_api import KINDS, FaultList, FaultRow
from despoolr_core.share.fleet_api import (
    SetupFacts,
    SlotFacts,
    SlotNews,
    SlotRequest,
    SlotSum,
    TokenList,
    TokenRequest,
)
from despoolr_server.http.openapi.table import ADMINISTRATORS, Call, done, in_query, json, ok

SETUP: Final = "Set-up"
SLOTS: Final = "Fleets of clients"
FAULTS: Final = "Faults"

SETUP_CALLS: Final = (
    Call(
        "GET",
        "/api/v1/setup",
        "What a newcomer must know",
        SETUP,
        (
            ok(
                SetupFacts,
                "The server, its shares and its time; of a site server also the site and "
                "its servers.",
            ),
        ),
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
    Call(
        "GET",
        "/api/v1/slots",
        "Which fleet runs which clients",
        SLOTS,
        (ok(SlotSum, "Every lease, and whether exactly the clients that are wanted exist."),),
        refusals=(403,),
        who=ADMINISTRATORS,
    ),
    Call(
        "POST",
        "/api/v1/slots",
        "Lease a range of clients",
        SLOTS,
        (ok(SlotFacts, "The holder's own range, or a free one; `count` 0 if none is free.", 201),),
        body=json(SlotRequest),
        refusals=(400, 403, 409),
        who=ADMINISTRATORS,
    ),
    Call(
        "PUT",
        "/api/v1/slots/{holder}",
        "Keep a range",
        SLOTS,
        (ok(SlotFacts, "It is the holder's for as long again."),),
        body=json(SlotNews),
        refusals=(400, 403, 404, 409),
        who=ADMINISTRATORS,
    ),
    Call(
        "DELETE",
        "/api/v1/slots/{holder}",
        "Give a range back",
        SLOTS,
        (done("Whoever had it, it is free; with `instance` only if that process had it."),),
        parameters=(in_query("instance", "Only if this process has it."),),
        refusals=(400, 403),
        who=ADMINISTRATORS,
    ),
    Call(
        "GET",
        "/api/v1/faults",
        "What is broken on purpose",
        FAULTS,
        (ok(FaultList, "The faults of this server, oldest first."),),
        refusals=(403, 404),
        who=ADMINISTRATORS,
        text="404 where the server was not started with `--allow-faults`, as for the other two.",
    ),
    Call(
        "POST",
        "/api/v1/faults",
        "Break this server",
        FAULTS,
        (ok(FaultRow, "It has begun.", 201),),
        body=json(tuple(KINDS.values())),
        refusals=(400, 403, 404),
        who=ADMINISTRATORS,
        text="400 for a fault that there cannot be here, or is there already. It ends after its "
        "`for`, when it is cleared, or with the process.",
    ),
    Call(
        "DELETE",
        "/api/v1/faults/{fault}",
        "Mend it",
        FAULTS,
        (ok(FaultRow, "What it was; it is over."),),
        refusals=(403, 404),
        who=ADMINISTRATORS,
    ),
)
"""Every call of `despoolr_server.http.site.setup`, `slots` and `faults`."""
