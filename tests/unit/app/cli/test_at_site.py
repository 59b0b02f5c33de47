"""Which site is asked when several run: the named one, the one an ID belongs to, else the
topmost.
"""

from __future__ import annotations

import click
import pytest

from despoolr_app.cli.at_site import RunningSite, choose
from despoolr_app.site_client.live import ServerAddress


def site(code: str, parent: str = "") -> RunningSite:
    return RunningSite(code, parent, ServerAddress(code, f"http://{code.lower()}", ""), {})


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
    with pytest.raises(click.ClickException, match="no site XYZ runs here; there is CHD, LOW, PAR"):
        choose(THREE, "xyz")
