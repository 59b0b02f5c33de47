"""Which site is asked when several run: the named one, the one an ID belongs to, else the
topmost.
"""

from __future__ import annotations

import pytest

from despoolr_app.site_client.choose import RunningSite, choose
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from despoolr_core.share.site_api import SiteFacts


def site(code: str, parent: str = "") -> RunningSite:
    facts = SiteFacts(code, f"SRV{code}", "SALES", "1.2", "Fast", 60.0, 0.0, parent, [], [])
    return RunningSite(ServerAddress(code, f"http://{code.lower()}", ""), facts)


THREE = [site("CHD", "PAR"), site("LOW", "CHD"), site("PAR")]


@pytest.mark.parametrize(
    ("at_site", "about", "chosen"),
    [
        ("", "", "PAR"),
        ("low", "", "LOW"),
        ("", "CHD00001", "CHD"),
        ("", "chd00001", "CHD"),
        ("PAR", "CHD00001", "PAR"),
        ("", "XYZ00001", "PAR"),
        ("", "CHD", "PAR"),
    ],
)
def test_the_rule(at_site: str, about: str, chosen: str) -> None:
    assert choose(THREE, at_site, about).code == chosen


def test_a_site_whose_parent_does_not_run_here_is_topmost() -> None:
    assert choose([site("LOW", "CHD"), site("CHD", "PAR")], "").code == "CHD"


def test_sites_that_name_each_other_as_parent_do_not_confuse_it() -> None:
    assert choose([site("ONE", "TWO"), site("TWO", "ONE")], "").code == "ONE"


def test_a_site_that_does_not_run_is_refused_with_those_that_do() -> None:
    with pytest.raises(SiteError, match="no site XYZ runs here; there is CHD, LOW, PAR"):
        choose(THREE, "xyz")
