"""The `If` header: its grammar, and what it means for a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.http.dav.if_header import (
    Condition,
    ConditionList,
    ResourceState,
    holds,
    parse_if,
    submitted,
)

T1, T2 = "opaquelocktoken:one", "opaquelocktoken:two"
LOCKED = ResourceState('"e1"', frozenset([T1]))
FREE = ResourceState('"e1"', frozenset())
MISSING = ResourceState("", frozenset())


@pytest.mark.parametrize(
    ("text", "lists"),
    [
        (f"(<{T1}>)", [("", [(False, T1, "")])]),
        (f'(<{T1}> ["e1"])', [("", [(False, T1, ""), (False, "", '"e1"')])]),
        (f'(Not <{T1}>)(["e1"])', [("", [(True, T1, "")]), ("", [(False, "", '"e1"')])]),
        (f'  ( not\t<{T1}>  NOT ["e1"] ) ', [("", [(True, T1, ""), (True, "", '"e1"')])]),
        (f"</S/a> (<{T1}>) (<{T2}>)", [("/S/a", [(False, T1, "")]), ("/S/a", [(False, T2, "")])]),
        (
            f"<http://h/S/a>(<{T1}>)</S/b>(<{T2}>)",
            [("http://h/S/a", [(False, T1, "")]), ("/S/b", [(False, T2, "")])],
        ),
        ('([W/"weak"])', [("", [(False, "", 'W/"weak"')])]),
        ('(["with ] and ) in it"])', [("", [(False, "", '"with ] and ) in it"')])]),
        ("(<DAV:no-lock>)", [("", [(False, "DAV:no-lock", "")])]),
        ("(Not<DAV:no-lock>)", [("", [(True, "DAV:no-lock", "")])]),
    ],
)
def test_what_fits_the_grammar_is_read(
    text: str, lists: list[tuple[str, list[tuple[bool, str, str]]]]
) -> None:
    expected = tuple(
        ConditionList(tag, tuple(Condition(*one) for one in conditions))
        for tag, conditions in lists
    )
    assert parse_if(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "()",
        "(",
        ")",
        f"<{T1}>",
        f"(<{T1}>",
        f"<{T1}>)",
        f"((<{T1}>))",
        f"(Not Not <{T1}>)",
        "(Not)",
        f"(<{T1}> Not)",
        f"(<{T1}>) </S/a>",
        f"(<{T1}>) </S/a> (<{T2}>)",
        f"</S/a> </S/b> (<{T1}>)",
        f"(<{T1}>), (<{T2}>)",
        "(e1)",
        '("e1")',
        '(["e1)',
        "([e1])",
        "(<>)",
        "(< a>)",
        "(Notx<a:b>)",
    ],
)
def test_what_does_not_fit_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_if(text)


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        (f"(<{T1}>)", LOCKED, True),
        (f"(<{T1}>)", FREE, False),
        (f"(<{T2}>)", LOCKED, False),
        (f'(<{T1}> ["e1"])', LOCKED, True),
        (f'(<{T1}> ["e2"])', LOCKED, False),
        (f'(<{T1}> ["e2"]) (["e1"])', LOCKED, True),
        (f"(Not <{T1}>)", FREE, True),
        (f"(Not <{T1}>)", LOCKED, False),
        (f"(<{T1}>) (Not <DAV:no-lock>)", FREE, True),
        ("(<DAV:no-lock>)", FREE, False),
        ('(["e1"])', MISSING, False),
        ('(Not ["e1"])', MISSING, True),
        ('([W/"e1"])', FREE, False),
    ],
)
def test_a_request_goes_on_if_any_list_holds(
    text: str, state: ResourceState, expected: bool
) -> None:
    assert holds(parse_if(text), lambda tag: state) is expected


def test_each_list_is_held_against_the_resource_it_is_tagged_with() -> None:
    states = {"/S/a": FREE, "/S/b": LOCKED}
    text = f"</S/a> (<{T1}>) </S/b> (<{T1}>)"
    assert holds(parse_if(text), lambda tag: states[tag])
    assert not holds(parse_if(f"</S/a> (<{T1}>)"), lambda tag: states[tag])


def test_every_token_without_not_is_submitted_whichever_list_held() -> None:
    assert submitted(parse_if(f'(<{T1}> ["never"]) (Not <DAV:no-lock>) (<{T2}>)')) == {T1, T2}
    assert submitted(parse_if(f"(Not <{T1}>)")) == frozenset()


TOKENS = st.text(
    st.characters(codec="ascii", exclude_characters="<>\x7f", min_codepoint=33), min_size=1
)
ETAGS = st.builds(
    '{}"{}"'.format,
    st.sampled_from(["", "W/"]),
    st.text(st.characters(codec="ascii", exclude_characters='"')),
)
CONDITIONS = st.one_of(
    st.builds(Condition, st.booleans(), TOKENS, st.just("")),
    st.builds(Condition, st.booleans(), st.just(""), ETAGS),
)
CONDITION_LISTS = st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple)
UNTAGGED = st.lists(CONDITION_LISTS.map(lambda one: ConditionList("", one)), min_size=1, max_size=4)
TAGGED = st.lists(st.builds(ConditionList, TOKENS, CONDITION_LISTS), min_size=1, max_size=4)
BLANKS = st.sampled_from(["", " ", "\t", "  "])


def rendered(lists: list[ConditionList], blank: str) -> str:
    parts = []
    for each in lists:
        parts.append(f"<{each.tag}>" if each.tag else "")
        conditions = [
            f"{'Not ' if one.negated else ''}{f'<{one.token}>' if one.token else f'[{one.etag}]'}"
            for one in each.conditions
        ]
        parts.append(f"({blank}{blank.join(conditions)}{blank})")
    return blank.join(parts)


@pytest.mark.slow
@given(UNTAGGED | TAGGED, BLANKS)
def test_whatever_is_rendered_is_read_back(lists: list[ConditionList], blank: str) -> None:
    assert parse_if(rendered(lists, blank)) == tuple(lists)


@given(st.text(st.sampled_from(list('()<>[]"Not aW/')), max_size=40))
def test_no_text_makes_it_stumble(text: str) -> None:
    try:
        assert parse_if(text)
    except ValueError as error:
        assert str(error)
