"""What a process may be told, and what each wrong value is answered with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from despoolr_app.process import settings as config
from despoolr_app.process.settings import ConfigError, Listen, SiteAddress
from despoolr_core.response import Response
from despoolr_core.share.fleet_api import ServerCard


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9000", Listen("127.0.0.1", 9000)),
        ("0.0.0.0", Listen("0.0.0.0", 8801)),
        (":9000", Listen("127.0.0.1", 9000)),
        ("9000", Listen("127.0.0.1", 9000)),
        ("[::1]:9000", Listen("::1", 9000)),
        ("[::1]", Listen("::1", 8801)),
        ("site1:0", Listen("site1", 0)),
    ],
)
def test_an_address_to_listen_on(text: str, listen: Listen) -> None:
    assert config.parse_listen(text, 8801) == listen


def test_an_address_is_written_as_it_stands_in_a_url() -> None:
    assert (str(Listen("::1", 80)), str(Listen("127.0.0.1", 80))) == ("[::1]:80", "127.0.0.1:80")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:9000"),
        ("::", "http://[::1]:9000"),
        ("10.1.2.3", "http://10.1.2.3:9000"),
        ("site1", "http://site1:9000"),
    ],
)
def test_an_address_that_is_told_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert Listen(host, 9000).url == url


def test_a_logon_server_of_a_site_and_what_it_is() -> None:
    assert config.parse_named_server("logon1=http://h:1/") == ServerCard(
        "LOGON1", "http://h:1", True, False, "SMS_PKGD", ""
    )
    assert config.parse_named_server(
        "D2=https://h,nologon,distribution,share=sms_pkge,domain=ADMIN"
    ) == ServerCard(
        "D2", "https://h", logon=False, distribution=True, package_share="SMS_PKGE", domain="ADMIN"
    )


def test_servers_of_netwares_are_servers_of_the_site() -> None:
    assert config.parse_netware(["nw1", "NW2"], ["NW1", "NT1", "NW2"]) == {"NW1", "NW2"}
    assert config.parse_netware([], []) == frozenset()
    with pytest.raises(ConfigError, match="no server 'LOGN1'; did you mean 'LOGON1'"):
        config.parse_netware(["LOGN1"], ["LOGON1"])
    with pytest.raises(ConfigError, match="is not a machine name"):
        config.parse_netware(["a b"], ["LOGON1"])


def test_another_site() -> None:
    assert config.parse_address("par=PARSRV=http://h:1") == SiteAddress(
        "PAR", "PARSRV", "http://h:1"
    )


@pytest.mark.parametrize("text", ["Very Fast", "very-fast", "VERY_FAST"])
def test_a_response_setting_however_it_is_spelt(text: str) -> None:
    assert config.parse_response(text) is Response.VERY_FAST


def test_a_profile_with_a_behaviour_changed() -> None:
    overrides = config.parse_overrides(["attempts_max=7", "use_forced_disconnect = yes"])
    profile = config.parse_profile("1.2", overrides)
    assert profile.attempts_max == 7 and profile.use_forced_disconnect


@pytest.mark.parametrize(
    ("call", "text", "says"),
    [
        (
            lambda t: config.parse_listen(t, 8801),
            "host:port",
            "is not host:port, such as 127.0.0.1:8801",
        ),
        (lambda t: config.parse_listen(t, 8801), "1.2.3.4:70000", "is not host:port"),
        (lambda t: config.parse_listen(t, 8801), "::1:80", "is not host:port"),
        (lambda t: config.parse_listen(t, 8801), "a..b:80", "'a..b' can be no host's name"),
        (lambda t: config.parse_listen(t, 8801), "a..b", "'a..b' can be no host's name"),
        (config.parse_named_server, "http://h:1", "is not NAME=URL"),
        (config.parse_named_server, "L=ftp://h", "is not a server's URL"),
        (config.parse_named_server, "L=http://h/path", "is not a server's URL"),
        (config.parse_named_server, "L=http://h:x", "is not a server's URL"),
        (config.parse_named_server, "L=http://h,distributor", "is none of distribution, nologon"),
        (
            config.parse_named_server,
            "L=http://h,nologon",
            "neither a logon nor a distribution server",
        ),
        (config.parse_address, "PAR=http://h", "is not SITE=SERVER=URL"),
        (config.parse_code, "CON", "device name"),
        (config.parse_code, "ABCD", "three of"),
        (config.parse_machine, "A NAME", "is not a machine name"),
        (config.parse_machine, "A" * 16, "is not a machine name"),
        (config.parse_response, "Quick", "there are Very Fast, Fast, Medium, Slow"),
        (config.parse_pace, "virtual", "real or scaled time"),
        (config.parse_pace, "x0", "is not real, virtual or xN"),
        (config.parse_span, "soon", "is not a span of time"),
        (config.parse_span, "0s", "must be longer than 0 s"),
        (config.parse_roles, "logon,printer", "is not logon, distribution"),
        (lambda t: config.parse_overrides([t]), "attempts_max", "is not field=value"),
        (lambda t: config.parse_profile(t, {}), "1.3", "no SMS version '1.3'"),
        (
            lambda t: config.parse_profile("1.2", {t: "1"}),
            "attempt_max",
            "did you mean 'attempts_max'",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_says_what_would_be_right(
    call: Callable[[str], Any], text: str, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        call(text)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("3s", 3.0), ("30s", 30.0), ("1h", 3600.0)])
def test_a_lease_of_fleets_is_a_span_of_real_time(text: str, seconds: float) -> None:
    assert config.parse_fleet_lease(text) == seconds


@pytest.mark.parametrize("text", ["2s", "2h", "", "0s", "-5s", "x"])
def test_a_lease_of_fleets_is_neither_too_short_nor_too_long(text: str) -> None:
    with pytest.raises(ConfigError):
        config.parse_fleet_lease(text)
