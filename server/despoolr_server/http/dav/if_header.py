"""The `If` header of WebDAV (RFC 4918, 10.4), read and held against what is: pure functions of
text.

The law: a header is lists of conditions, each about one resource: that of the request, or of the
tag before it. A condition is a lock token or an ETag, perhaps negated. The request goes on if any
one list holds, and it submits every token that the header names without `Not`, whether or not its
list was the one that held. Tags and no tags are not mixed; what does not fit the grammar is
refused, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.rules.memory import remembered

_PART: Final = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) | (?P<not>not)(?=[\s<\[]) |
        <(?P<coded>[^<>\s]+)> |
        \[\s*(?P<etag>(?:W/)?"[^"]*")\s*\]
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class Condition(msgspec.Struct, frozen=True):
    """One condition: a lock token (`token`) or an ETag (`etag`, quoted); the other is empty."""

    negated: bool
    token: str
    etag: str


class ConditionList(msgspec.Struct, frozen=True):
    """Conditions that must all hold for the resource `tag` (a URL; `""`: the request's own)."""

    tag: str
    conditions: tuple[Condition, ...]


class ResourceState(msgspec.Struct, frozen=True):
    """What is true of a resource: its ETag (`""`: it has none) and the tokens of the locks it is in
    the reach of.
    """

    etag: str
    tokens: frozenset[str]


@remembered(1024, 256, len)
def parse_if(text: str) -> tuple[ConditionList, ...]:  # noqa: C901 - a state machine
    """The lists of a header. Raises `ValueError` that says where it stops making sense."""
    lists: list[ConditionList] = []
    conditions: list[Condition] | None = None
    tag, negated, tagged = "", False, False
    is_list_due = False
    at, end = 0, len(text.rstrip())
    while at < end:
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(
                f"nothing that belongs there at character {at + 1}: {text[at : at + 20]!r}"
            )
        kind = part.lastgroup
        if conditions is None:
            if kind == "open":
                if tagged and not tag:
                    raise ValueError("a list without a resource's tag beside one with it")
                conditions, is_list_due = [], False
            elif kind == "coded":
                if is_list_due or (lists and not tagged):
                    raise ValueError("a resource's tag where a list should stand")
                tag, tagged, is_list_due = part["coded"], True, True
            else:
                raise ValueError(f"no list is open at character {at + 1}")
        elif kind == "not" and not negated:
            negated = True
        elif kind == "coded":
            conditions.append(Condition(negated, part["coded"], ""))
            negated = False
        elif kind == "etag":
            conditions.append(Condition(negated, "", part["etag"]))
            negated = False
        elif kind == "close" and conditions and not negated:
            lists.append(ConditionList(tag, tuple(conditions)))
            conditions = None
        else:
            raise ValueError(f"not a condition at character {at + 1}")
        at = part.end()
    if conditions is not None or is_list_due or not lists:
        raise ValueError("it ends in the middle")
    return tuple(lists)


def submitted(lists: tuple[ConditionList, ...]) -> frozenset[str]:
    """The lock tokens that a header submits."""
    return frozenset(
        one.token for each in lists for one in each.conditions if one.token and not one.negated
    )


def holds(lists: tuple[ConditionList, ...], state_of: Callable[[str], ResourceState]) -> bool:
    """Whether any list holds; `state_of` tells the state of a tag's resource. ETags are compared
    strongly.
    """
    return any(_all_hold(each.conditions, state_of(each.tag)) for each in lists)


def _all_hold(conditions: tuple[Condition, ...], state: ResourceState) -> bool:
    return all(
        (one.token in state.tokens if one.token else bool(state.etag) and one.etag == state.etag)
        is not one.negated
        for one in conditions
    )
