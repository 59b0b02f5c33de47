"""`openapi.json` of a release: one description of all calls, whichever server answers them.

    python -m despoolr_lab.docs.openapi > openapi.json

A running server describes at `/openapi.json` what it answers itself, a part of this.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from despoolr_core.version import PRODUCT_VERSION
from despoolr_server.http.app import CALLS
from despoolr_server.http.live.calls import LIVE_CALLS
from despoolr_server.http.openapi.document import make_document
from despoolr_server.http.openapi.examples import load_examples
from despoolr_server.http.site.calls import SITE_CALLS
from despoolr_server.http.site.setup_calls import SETUP_CALLS

ROWS = (*CALLS, *SITE_CALLS, *SETUP_CALLS, *LIVE_CALLS)


def document() -> dict[str, Any]:
    """The description of a server that answers every call there is."""
    calls = {call.key: call for call in ROWS}
    return make_document(
        [(call.method, call.path) for call in calls.values()],
        ROWS,
        server="a server",
        version=PRODUCT_VERSION,
        examples=load_examples(),
    )


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
