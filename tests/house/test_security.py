"""docs/security.md is what the rights tables and the rows of calls say."""

from __future__ import annotations

from despoolr_lab.docs.security import page
from worlds.support import REPOSITORY


def test_the_page_of_who_may_do_what_is_up_to_date() -> None:
    written = (REPOSITORY / "docs" / "security.md").read_text("utf-8")
    assert written == page(), "say: make security"
