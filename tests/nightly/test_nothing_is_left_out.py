"""`make nightly` says that it is the long run: tests here ask for their long form by
`DESPOOLR_NIGHTLY`.
"""

from __future__ import annotations

import os


def test_the_long_form_is_asked_for() -> None:
    assert os.environ.get("DESPOOLR_NIGHTLY") == "1"
