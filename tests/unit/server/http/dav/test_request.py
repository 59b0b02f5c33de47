"""Headers of WebDAV requests, read one by one."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from despoolr_server.http.base.problem import Refused
from despoolr_server.http.dav.bodies import XmlRefused
from despoolr_server.http.dav.request import PRODUCT_MAX, depth, product, timeout_s, xml_refused
from despoolr_server.shares.dav import TIMEOUT_S_MAX


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Second-600", 600.0),
        ("second-1", 1.0),
        ("Second-0", 1.0),
        ("Infinite", TIMEOUT_S_MAX),
        ("Extend, Second-4100000000, Infinite", 4_100_000_000.0),
        ("", 0.0),
        ("Second-", 0.0),
        ("Second--5", 0.0),
        ("600", 0.0),
    ],
)
def test_the_first_time_that_is_understood_counts(text: str, seconds: float) -> None:
    assert timeout_s(make_mocked_request("LOCK", "/S/a", {"Timeout": text})) == seconds


def test_a_depth_the_method_does_not_take_is_refused_by_name() -> None:
    assert depth(make_mocked_request("LOCK", "/S/a"), "infinity", "0", "infinity") == "infinity"
    assert (
        depth(make_mocked_request("LOCK", "/S/a", {"Depth": "Infinity"}), "0", "0", "infinity")
        == "infinity"
    )
    with pytest.raises(Refused) as caught:
        depth(make_mocked_request("LOCK", "/S/a", {"Depth": "1"}), "infinity", "0", "infinity")
    assert "0 or infinity" in caught.value.problem.detail


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("davfs2/1.6.1 neon/0.32.4", "davfs2"),
        ("Microsoft-WebDAV-MiniRedir/10.0.19045", "Microsoft-WebDAV-MiniRedir"),
        ("WebDAVFS/3.0.0 (03008000) Darwin/22.1.0", "WebDAVFS"),
        ("curl", "curl"),
        ("", ""),
        ("x" * (PRODUCT_MAX + 1), "x" * PRODUCT_MAX),
        ("a\x1bb/1", "ab"),
    ],
)
def test_a_program_is_known_by_its_product(agent: str, name: str) -> None:
    assert product(agent) == name


def test_an_attack_and_a_mistake_are_told_apart() -> None:
    assert xml_refused(XmlRefused("x", is_attack=True), "S", "a").problem.status == 403
    assert xml_refused(XmlRefused("x"), "S", "a").problem.status == 400
