"""Addresses, read by one decoder: what is not readable is refused and never another file."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from despoolr_server.http.base.addresses import (
    BadAddress,
    NoPlace,
    Place,
    check_target,
    decode,
    is_same_authority,
    parse_url,
)
from worlds.share_server import Site

BAD = [
    "%",
    "a%",
    "a%2",
    "a%zz",
    "%DF",
    "%df",
    "%C3",
    "%ED%A0%80",
    "%C0%AF",
    "%F8%88%80%80%80",
    "\udcdf",
    "%u00df",
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_percent_encoded_utf8_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        decode(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_encoded_is_read_back(text: str) -> None:
    assert decode(quote(text, safe="")) == text
    assert decode(text.replace("%", "%25")) == text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/S/a%20b/c", Place("", "", "S", "a b/c")),
        ("/S/a/", Place("", "", "S", "a/")),
        ("/S", Place("", "", "S", "")),
        ("http://h:8/S/%C3%A4", Place("http", "h:8", "S", "ä")),
        ("HTTPS://u:p@h/S/ä b", Place("https", "u:p@h", "S", "ä b")),
        ("//h/S/a", Place("", "h", "S", "a")),
        ("/S/a%23b%3Fc%2Fd%5Ce", Place("", "", "S", "a#b?c/d\\e")),
    ],
)
def test_an_address_leads_to_a_share_and_a_path(text: str, place: Place) -> None:
    assert parse_url(text) == place


@pytest.mark.parametrize(
    "text",
    [
        *(f"/S/{bad}" for bad in BAD),
        "/S/a#b",
        "/S/a?b",
        "/S/a?",
        "/S/a#",
        "/S/a\tb",
        "http://[",
        "http://[x]/S/a",
        "http://h:99999/S/a",
        "http://h:x:y/S/a",
        "http://\u2100/S/a",
        "http:///S/a",
    ],
)
def test_an_address_that_cannot_be_read_is_no_file(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_url(text)


@pytest.mark.parametrize("text", ["", "a", "urn:x", "mailto:a@b", "*", "http:a", "./S/a"])
def test_some_addresses_lead_nowhere(text: str) -> None:
    with pytest.raises(NoPlace):
        parse_url(text)


@given(st.text() | st.text("htps:/[]@%#?abS.0123456789\udcff").map(lambda rest: f"http://{rest}"))
def test_any_text_leads_to_a_place_or_is_refused(text: str) -> None:
    try:
        place = parse_url(text)
    except BadAddress as error:
        assert str(error)
    else:
        assert is_same_authority(place, "h") in (True, False)


@pytest.mark.parametrize(
    ("url", "host", "same"),
    [
        ("/S/a", "anything", True),
        ("http://site.example:80/S/a", "site.example", True),
        ("http://site.example/S/a", "site.example:80", True),
        ("http://site.example:/S/a", "site.example", True),
        ("http://site.example:080/S/a", "site.example", True),
        ("https://site.example/S/a", "site.example", True),
        ("https://site.example/S/a", "site.example:443", True),
        ("https://site.example/S/a", "site.example:80", False),
        ("http://anna:secret@SITE.example./S/a", "Site.Example", True),
        ("http://site.example:81/S/a", "site.example", False),
        ("http://site.example:8802/S/a", "site.example:8802", True),
        ("http://other.example/S/a", "site.example", False),
        ("http://[::1]:8802/S/a", "[0:0::1]:8802", True),
        ("http://[::1]/S/a", "[::2]", False),
        ("//site.example/S/a", "site.example", True),
        ("ftp://site.example/S/a", "site.example", False),
        ("http://site.example/S/a", "", False),
        ("http://site.example/S/a", "a b", False),
    ],
)
def test_one_server_has_several_spellings(url: str, host: str, same: bool) -> None:
    assert is_same_authority(parse_url(url), host) is same


@pytest.mark.parametrize("bad", ["/S/a#b", "/S/%ff", "/S/a?x=%", "/S/\udcff"])
def test_the_address_of_a_request_is_held_to_the_same(bad: str) -> None:
    with pytest.raises(BadAddress):
        check_target(bad)
    check_target("/S/%C3%A4%23?path=100%25&x=a+b")


METHODS = [
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "MKCOL",
    "COPY",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
]


async def said(site: Site, method: str, target: str, **headers: str) -> int:
    """The status of a request whose address is sent as it is."""
    url = URL(site.base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
        f"{site.token}\r\nConnection: close\r\n"
    )
    writer.write(f"{head}Content-Length: 0\r\n{more}\r\n".encode("utf-8", "surrogateescape"))
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "bad",
    [
        "report#1.txt",
        "report%DF",
        "report%",
        "report%zz",
        "report?1.txt",
        "report?",
        "report\udcdf",
    ],
)
async def test_no_method_takes_an_address_for_another_file(
    site: Site, method: str, bad: str
) -> None:
    for name in ("report", "report%25zz"):
        await site.ask("PUT", f"/SMS_SHR/{name}", b"ORIGINAL")
    assert await said(site, method, f"/SMS_SHR/{bad}", Destination="/SMS_SHR/new") == 400
    assert await said(site, method, f"http://h/SMS_SHR/{bad}", Destination="/SMS_SHR/new") == 400
    assert (await site.ask("GET", "/SMS_SHR/report")).body == b"ORIGINAL"
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "report",
        "report%zz",
    ]


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    "bad",
    ["report#2.txt", "report?2", "Stra%DFe", "Stra%", "Stra%zz", "http://[", "%ED%A0%80", "\udcff"],
)
async def test_no_destination_means_another_file(site: Site, method: str, bad: str) -> None:
    await site.ask("PUT", "/SMS_SHR/report", b"ORIGINAL")
    await site.ask("PUT", "/SMS_SHR/new", b"NEW")
    destination = bad if ":" in bad else f"/SMS_SHR/{bad}"
    assert await said(site, method, "/SMS_SHR/new", Destination=destination) == 400
    assert (
        await said(site, "PUT", "/SMS_SHR/report", If=f"<{destination}> (<opaquelocktoken:x>)")
        == 400
    )
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "new",
        "report",
    ]


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/api/v1/opens/%ff"), ("GET", "/api/v1/opens?path=%DF"), ("GET", "/%")],
)
async def test_every_other_call_has_the_same_decoder(site: Site, method: str, target: str) -> None:
    assert await said(site, method, target) == 400


async def test_a_server_is_known_by_every_spelling_of_its_name(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/f", b"x")
    for number, host in enumerate(
        ["site.example:80", "anna@site.example", "SITE.example.", "anna:pw@site.EXAMPLE:80"]
    ):
        destination = f"http://{host}/SMS_SHR/g{number}"
        assert (
            await site.ask("COPY", "/SMS_SHR/f", Host="site.example", Destination=destination)
        ).status == 201
        tag = f'<http://{host}/SMS_SHR/f> (["x"]) (Not <urn:x>)'
        assert (
            await site.ask("PUT", "/SMS_SHR/f", b"x", Host="site.example", If=tag)
        ).status == 204
    elsewhere = await site.ask(
        "COPY", "/SMS_SHR/f", Host="site.example", Destination="http://site.example:81/SMS_SHR/h"
    )
    assert elsewhere.status == 502
