"""The XML that WebDAV requests carry, read into values; and dead properties as the text in which
they are kept.

The law: what comes in is parsed without a DTD, without entities and without looking anywhere else
(defusedxml refuses them), is at most `XML_SIZE_MAX` bytes long and `DEPTH_MAX` elements deep.
Elements nobody knows are passed over, as RFC 4918, 17 asks. A property is kept as its whole
element, which stands alone: it declares its namespaces and carries the `xml:lang` that was in
scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING, Final

import msgspec

from despoolr_core.rules.memory import remembered

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element, TreeBuilder

XML_SIZE_MAX: Final = 64 * 1024
"""Bytes in an XML body."""

DEPTH_MAX: Final = 64
"""Elements within elements."""

NAMES_MAX: Final = 256
"""Properties that one request may name."""

NAMESPACE_MAX: Final = 1024
"""Characters of the name of a namespace: each element in it has it, in memory and in an answer."""

NAMES_SIZE_MAX: Final = 16 * 1024
"""Bytes of all the properties that one request names, as they are written in an answer."""

OWNER_SIZE_MAX: Final = 4096
"""Characters of a lock's owner, which is shown for every resource in the lock's reach."""

RENDERED_MAX: Final = 128 * 1024
"""Characters of all the elements of one request that are kept, each with its namespaces
declared.
"""

DAV: Final = "{DAV:}"
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_ATTRIBUTE: Final = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


class XmlRefused(ValueError):
    """The body is no XML this server takes. `is_attack`: it has a document type or entities. Who
    must act: the client.
    """

    def __init__(self, reason: str, *, is_attack: bool = False) -> None:
        super().__init__(reason)
        self.is_attack = is_attack


class PropertyQuery(msgspec.Struct, frozen=True):
    """What a PROPFIND asks for: `prop` (those named), `allprop` (with those named besides) or
    `propname`.
    """

    kind: str
    names: tuple[str, ...]


class PropertyChange(msgspec.Struct, frozen=True):
    """One step of a PROPPATCH: the property's name, and its element to keep, or None to forget
    it.
    """

    name: str
    xml: str | None


class LockInfo(msgspec.Struct, frozen=True):
    """What a LOCK asks for: the scope, and the owner's element as text (`""`: none)."""

    exclusive: bool
    owner: str


ALL: Final = PropertyQuery("allprop", ())


class _Elements:
    """Elements as they come, of namespaces whose names are no longer than they need to be."""

    def __init__(self, builder: TreeBuilder) -> None:
        self.start, self.end = builder.start, builder.end
        self.data, self.close = builder.data, builder.close

    def start_ns(self, _prefix: str, uri: str) -> None:
        """A namespace is declared. Raises `XmlRefused` for one with more than `NAMESPACE_MAX`
        characters.
        """
        if len(uri or "") > NAMESPACE_MAX:
            raise XmlRefused(f"the name of a namespace has at most {NAMESPACE_MAX} characters")


def parse_xml(body: bytes) -> Element:
    """The root element. Raises `XmlRefused`."""
    if len(body) > XML_SIZE_MAX:
        raise XmlRefused(f"an XML body has at most {XML_SIZE_MAX} bytes")
    # imported by the first request that has such a body: a run in virtual time has none
    from xml.etree.ElementTree import ParseError, TreeBuilder  # noqa: PLC0415

    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    try:
        parser = DefusedXMLParser(target=_Elements(TreeBuilder()), forbid_dtd=True)
        parser.feed(body)
        root: Element = parser.close()
    except XmlRefused:
        raise
    except DefusedXmlException:
        reason = "document types and entities are not read here. Send the XML without a <!DOCTYPE>"
        raise XmlRefused(reason, is_attack=True) from None
    except (ParseError, ValueError, LookupError) as error:
        raise XmlRefused(f"the body is not XML: {error}") from None
    level = [root]
    for _ in range(DEPTH_MAX):
        level = [child for element in level for child in element]
        if not level:
            return root
    raise XmlRefused(f"elements stand more than {DEPTH_MAX} deep in each other")


@remembered(256, 2048, len)
def parse_propfind(body: bytes) -> PropertyQuery:
    """The body of a PROPFIND; none asks for everything. Raises `XmlRefused`."""
    if not body.strip():
        return ALL
    root = _root(body, "propfind")
    kinds = [
        child for child in root if child.tag in (DAV + "prop", DAV + "allprop", DAV + "propname")
    ]
    if len(kinds) != 1:
        raise XmlRefused("a propfind asks for one of prop, allprop and propname")
    kind = kinds[0].tag.removeprefix(DAV)
    named = (
        kinds[0] if kind == "prop" else root.find(DAV + "include") if kind == "allprop" else None
    )
    names = tuple(dict.fromkeys(child.tag for child in named)) if named is not None else ()
    if len(names) > NAMES_MAX:
        raise XmlRefused(f"a propfind names at most {NAMES_MAX} properties")
    _check_names(names)
    return PropertyQuery(kind, names)


def parse_proppatch(body: bytes) -> list[PropertyChange]:
    """The steps of a PROPPATCH, in their order. Raises `XmlRefused`."""
    root = _root(body, "propertyupdate")
    elements = [
        (element, lang, step.tag == DAV + "set")
        for step in root
        if step.tag in (DAV + "set", DAV + "remove")
        for prop in step
        if prop.tag == DAV + "prop"
        for lang in [prop.get(_LANG) or step.get(_LANG) or root.get(_LANG) or ""]
        for element in prop
    ]
    if not elements:
        raise XmlRefused("a propertyupdate sets or removes at least one property")
    if len(elements) > NAMES_MAX:
        raise XmlRefused(f"a propertyupdate changes at most {NAMES_MAX} properties")
    _check_names(element.tag for element, _, _ in elements)
    left = RENDERED_MAX
    changes: list[PropertyChange] = []
    for element, lang, is_set in elements:
        xml = render(element, lang, left) if is_set else None
        left -= len(xml or "")
        changes.append(PropertyChange(element.tag, xml))
    return changes


@remembered(1024, 512, len)
def parse_lockinfo(body: bytes) -> LockInfo:
    """The body of a LOCK. Raises `XmlRefused`."""
    root = _root(body, "lockinfo")
    if root.find(f"{DAV}locktype/{DAV}write") is None:
        raise XmlRefused("a lockinfo has a locktype, and this server's is write")
    exclusive = root.find(f"{DAV}lockscope/{DAV}exclusive") is not None
    if not exclusive and root.find(f"{DAV}lockscope/{DAV}shared") is None:
        raise XmlRefused("a lockinfo has a lockscope: exclusive or shared")
    owner = root.find(DAV + "owner")
    return LockInfo(
        exclusive, "" if owner is None else render(owner, root.get(_LANG) or "", OWNER_SIZE_MAX)
    )


def render(element: Element, lang: str = "", size_max: int = RENDERED_MAX) -> str:
    """An element and all in it as text that stands alone; `lang` is the `xml:lang` in scope around
    it.

    Raises `XmlRefused` past `size_max` characters: a namespace that is declared once is written at
    each element that needs it.
    """
    pieces: list[str] = []
    left = size_max
    for piece in _pieces(element, "", lang):
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise XmlRefused(
                f"{split_name(element.tag)[1][:80]}, written with its namespaces, has over "
                f"{size_max} characters"
            )
    return "".join(pieces)


def _pieces(element: Element, around: str, lang: str = "") -> Iterator[str]:
    namespace, name = split_name(element.tag)
    declared = "" if namespace == around else f" xmlns={_quoted(namespace)}"
    attributes = dict(element.attrib)
    if lang:
        attributes.setdefault(_LANG, lang)
    yield f"<{name}{declared}{''.join(_attributes(attributes))}"
    if element.text or len(element):
        yield ">"
        yield _text(element.text or "")
        for child in element:
            yield from _pieces(child, namespace)
            yield _text(child.tail or "")
        yield f"</{name}>"
    else:
        yield "/>"


def _attributes(attributes: dict[str, str]) -> Iterator[str]:
    for number, (tag, value) in enumerate(attributes.items()):
        namespace, name = split_name(tag)
        if tag == _LANG:
            yield f" xml:lang={_quoted(value)}"
        elif namespace:
            yield f" xmlns:a{number}={_quoted(namespace)} a{number}:{name}={_quoted(value)}"
        else:
            yield f" {name}={_quoted(value)}"


@remembered(4096, 128, len)
def empty_element(tag: str) -> str:
    """A property's name alone, as an element."""
    namespace, name = split_name(tag)
    return f"<{name} xmlns={_quoted(namespace)}/>" if namespace else f'<{name} xmlns=""/>'


def byte_size(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def names_size(names: Iterable[str]) -> int:
    """The bytes of the names of properties, as they are written in an answer."""
    return sum(byte_size(empty_element(name)) for name in names)


def _check_names(names: Iterable[str]) -> None:
    if names_size(names) > NAMES_SIZE_MAX:
        raise XmlRefused(
            f"the names of properties have at most {NAMES_SIZE_MAX} bytes, with their namespaces"
        )


def split_name(tag: str) -> tuple[str, str]:
    """Namespace and name of `{namespace}name`."""
    if not tag.startswith("{"):
        return "", tag
    namespace, _, name = tag[1:].rpartition("}")
    return namespace, name


def escaped(text: str) -> str:
    """A text as it stands between two tags."""
    return escape(text, quote=False)


def _text(value: str) -> str:
    return escaped(value).replace("\r", "&#13;")


def _quoted(value: str) -> str:
    from xml.sax.saxutils import quoteattr  # noqa: PLC0415 - as the parser

    return quoteattr(value, _ATTRIBUTE)


def _root(body: bytes, name: str) -> Element:
    root = parse_xml(body)
    if root.tag != DAV + name:
        raise XmlRefused(
            f"the body's element must be {name} of the namespace DAV:, not {root.tag[:80]}"
        )
    return root
