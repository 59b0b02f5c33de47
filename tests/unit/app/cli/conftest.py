"""A site that commands ask, staged answer by answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_app.cli.base import at_site
from despoolr_app.site_client import choose
from worlds.asked_site import StagedSite


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StagedSite:
    """The one site that runs here."""
    monkeypatch.chdir(tmp_path)
    for name in ("DESPOOLR_URL", "DESPOOLR_TOKEN", "DESPOOLR_AT_SITE"):
        monkeypatch.delenv(name, raising=False)
    site = StagedSite()
    monkeypatch.setattr(at_site, "find_servers", lambda *_: [site.server])
    monkeypatch.setattr(choose, "running_sites", lambda _: ([site], ""))
    return site
