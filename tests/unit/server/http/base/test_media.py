"""What content a file is said to have."""

from __future__ import annotations

import pytest

from despoolr_server.http.base.media import content_type


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("BOX/00000123.INS", "text/plain"),
        ("a.txt", "text/plain"),
        ("b.dat", "application/octet-stream"),
        ("index.html", "application/octet-stream"),
        ("script.js", "application/octet-stream"),
        ("a.txt/noname", "application/octet-stream"),
    ],
)
def test_only_the_sites_own_texts_are_shown_and_nothing_is_run(path: str, kind: str) -> None:
    assert content_type(path) == kind
