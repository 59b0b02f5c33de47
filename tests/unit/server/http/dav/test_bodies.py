"""The XML of requests: read, bounded, and refused where it reaches for more."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from despoolr_server.http.dav.bodies import (
    ALL,
    DEPTH_MAX,
    NAMES_MAX,
    XML_SIZE_MAX,
    LockInfo,
    PropertyQuery,
    XmlRefused,
    empty_element,
    parse_lockinfo,
    parse_propfind,
    parse_proppatch,
    parse_xml,
    render,
    split_name,
)

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<propfind xmlns="DAV:"><prop><x>&c;</x></prop></propfind>"""
EXTERNAL = b"""<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<propfind xmlns="DAV:"><prop><a>&x;</a></prop></propfind>"""
PARAMETER = b"""<!DOCTYPE p [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>
<propfind xmlns="DAV:"><allprop/></propfind>"""
OUTSIDE = b"""<!DOCTYPE propfind SYSTEM "http://127.0.0.1:9/x.dtd">
<propfind xmlns="DAV:"><allprop/></propfind>"""


@pytest.mark.parametrize("body", [BOMB, EXTERNAL, PARAMETER, OUTSIDE, b"<!DOCTYPE a><a/>"])
def test_document_types_and_entities_are_refused_as_such(body: bytes) -> None:
    for parse in (parse_propfind, parse_proppatch, parse_lockinfo):
        with pytest.raises(XmlRefused) as caught:
            parse(body)
        assert caught.value.is_attack


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"<a>",
        b"<a></b>",
        b"<a>&undefined;</a>",
        b"\xff\xfe<",
        b"<a xmlns:x=''/>",
        b'<?xml version="1.0" encoding="none"?><a/>',
    ],
)
def test_what_is_no_xml_is_refused_as_malformed(body: bytes) -> None:
    with pytest.raises(XmlRefused) as caught:
        parse_xml(body)
    assert not caught.value.is_attack


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    body = b"<a>" + b"x" * (XML_SIZE_MAX - 7) + b"</a>"
    assert parse_xml(body).text
    with pytest.raises(XmlRefused, match=str(XML_SIZE_MAX)):
        parse_xml(body + b" ")


def test_elements_may_stand_as_deep_as_the_limit_and_no_deeper() -> None:
    assert parse_xml(b"<a>" * DEPTH_MAX + b"</a>" * DEPTH_MAX) is not None
    with pytest.raises(XmlRefused, match="deep"):
        parse_xml(b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1))
    with pytest.raises(XmlRefused, match="deep"):
        parse_xml(b"<a>" * 9000 + b"</a>" * 9000)


def test_a_propfind_without_a_body_asks_for_everything() -> None:
    assert parse_propfind(b"") == parse_propfind(b" \r\n") == ALL


def test_a_propfind_names_properties_of_any_namespace_once() -> None:
    body = (
        b'<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x '
        b'xmlns="urn:x"/><y/><D:getetag/></D:prop></D:propfind>'
    )
    assert parse_propfind(body) == PropertyQuery("prop", ("{DAV:}getetag", "{urn:x}x", "y"))
    assert parse_propfind(b'<propfind xmlns="DAV:"><propname/></propfind>') == PropertyQuery(
        "propname", ()
    )
    body = (
        b'<propfind xmlns="DAV:"><allprop/><include><a '
        b'xmlns="urn:x"/></include><unknown/></propfind>'
    )
    assert parse_propfind(body) == PropertyQuery("allprop", ("{urn:x}a",))


@pytest.mark.parametrize(
    "body",
    [
        b"<propfind/>",
        b'<propfind xmlns="DAV:"/>',
        b'<propfind xmlns="DAV:"><prop/><allprop/></propfind>',
        b'<propertyupdate xmlns="DAV:"><set><prop><a/></prop></set></propertyupdate>',
        b'<propfind xmlns="DAV:"><prop>'
        + b"".join(b"<p%d/>" % n for n in range(NAMES_MAX + 1))
        + b"</prop></propfind>",
    ],
)
def test_a_propfind_that_asks_for_nothing_known_or_too_much_is_refused(body: bytes) -> None:
    with pytest.raises(XmlRefused):
        parse_propfind(body)


def test_a_proppatch_is_read_in_its_order_with_the_language_in_scope() -> None:
    body = """<D:propertyupdate xmlns:D="DAV:" xml:lang="de">
    <D:set><D:prop><a xmlns="u">ä</a></D:prop></D:set>
    <D:remove><D:prop><b xmlns="u"/></D:prop></D:remove>
    <D:set><D:prop xml:lang="fr"><b xmlns="u" xml:lang="en"/></D:prop></D:set></D:propertyupdate>"""
    assert [astuple(change) for change in parse_proppatch(body.encode())] == [
        ("{u}a", '<a xmlns="u" xml:lang="de">ä</a>'),
        ("{u}b", None),
        ("{u}b", '<b xmlns="u" xml:lang="en"/>'),
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<set/>",
        "<set><prop/></set>",
        "<set><prop>" + "<a/>" * (NAMES_MAX + 1) + "</prop></set>",
    ],
)
def test_a_proppatch_that_changes_nothing_or_too_much_is_refused(inside: str) -> None:
    with pytest.raises(XmlRefused):
        parse_proppatch(f'<propertyupdate xmlns="DAV:">{inside}</propertyupdate>'.encode())


def test_a_lockinfo_has_a_scope_and_perhaps_an_owner() -> None:
    body = b"""<D:lockinfo xmlns:D="DAV:">
    <D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>
    <D:owner><D:href>mailto:a@b</D:href> &amp; co</D:owner></D:lockinfo>"""
    owner = '<owner xmlns="DAV:"><href>mailto:a@b</href> &amp; co</owner>'
    assert parse_lockinfo(body) == LockInfo(True, owner)
    body = (
        b"<lockinfo "
        b'xmlns="DAV:"><locktype><write/></locktype><lockscope><shared/></lockscope></lockinfo>'
    )
    assert parse_lockinfo(body) == LockInfo(False, "")


@pytest.mark.parametrize(
    "inside", ["", "<locktype><write/></locktype>", "<lockscope><exclusive/></lockscope>"]
)
def test_a_lockinfo_without_scope_or_type_is_refused(inside: str) -> None:
    with pytest.raises(XmlRefused):
        parse_lockinfo(f'<lockinfo xmlns="DAV:">{inside}</lockinfo>'.encode())


def test_names_come_apart_and_stand_alone() -> None:
    assert split_name("{urn:x}y") == ("urn:x", "y")
    assert split_name("{a}b}c") == ("a}b", "c")
    assert split_name("y") == ("", "y")
    assert empty_element('{a"&<}b') in (
        "<b xmlns='a\"&amp;&lt;'/>",
        '<b xmlns="a&quot;&amp;&lt;"/>',
    )
    assert fromstring(empty_element("y")).tag == "y"


NAMES = st.from_regex(r"[A-Za-z_ä][A-Za-z0-9_.ä-]{0,8}", fullmatch=True)
CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
)
NAMESPACES = st.text(CHARACTERS.filter(lambda char: char not in "{}"), min_size=1, max_size=8)
TAGS = st.builds("{{{}}}{}".format, NAMESPACES, NAMES) | NAMES
TEXTS = st.text(CHARACTERS | st.sampled_from("\t\n\r"))


def element(
    tag: str, text: str, attributes: dict[str, str], children: list[tuple[Element, str]]
) -> Element:
    made = Element(tag, attributes)
    made.text = text
    for child, tail in children:
        child.tail = tail
        made.append(child)
    return made


ELEMENTS = st.recursive(
    st.builds(element, TAGS, TEXTS, st.dictionaries(TAGS, TEXTS, max_size=3), st.just([])),
    lambda inner: st.builds(
        element,
        TAGS,
        TEXTS,
        st.dictionaries(TAGS, TEXTS, max_size=2),
        st.lists(st.tuples(inner, TEXTS), max_size=3),
    ),
    max_leaves=6,
)


def told(one: Element) -> object:
    return (
        one.tag,
        one.text or "",
        dict(one.attrib),
        [(told(child), child.tail or "") for child in one],
    )


@pytest.mark.slow
@given(ELEMENTS)
def test_any_value_survives_being_kept_and_given_back(value: Element) -> None:
    kept = render(value)
    assert told(fromstring(kept)) == told(value)
    around = fromstring(f'<D:prop xmlns:D="DAV:" xmlns="">{kept}</D:prop>')
    assert told(around[0]) == told(value)
