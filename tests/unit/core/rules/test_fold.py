"""Which letters NTFS takes for one, and which it does not: a table that no Python changes."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.rules.fold import CAPITALS, NOT_FOLDED, fold

TABLE_SHA256 = "cb0dc65f6cea8b65ec3edb14477198784b3fa72c7725e1c4b7135f35cfa86a23"


def test_the_table_is_frozen() -> None:
    text = "\n".join(f"{letter:04X} {capital:04X}" for letter, capital in sorted(CAPITALS.items()))
    assert len(CAPITALS) == 973
    assert hashlib.sha256(text.encode()).hexdigest() == TABLE_SHA256


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Report.TXT", "rEPORT.txt"),
        ("\u00e4\u00f6\u00fc\u00ff", "\u00c4\u00d6\u00dc\u0178"),
        ("\u03c3\u03ac", "\u03a3\u0386"),
        ("\u0436\u0451", "\u0416\u0401"),
        ("\u0561", "\u0531"),
        ("\u01c6", "\u01c4"),
        ("\u1f80", "\u1f88"),
        ("\u2170", "\u2160"),
        ("\u24d0", "\u24b6"),
        ("\uff53", "\uff33"),
        ("\u2d00", "\u10a0"),
        ("\ua641", "\ua640"),
    ],
)
def test_letters_of_either_case_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0131", "I"),
        ("\u0130", "i"),
        ("\u017f", "s"),
        ("\u00b5", "\u039c"),
        ("\u00df", "SS"),
        ("\u00df", "\u1e9e"),
        ("\u212a", "k"),
        ("\u2126", "\u03c9"),
        ("\u03c2", "\u03a3"),
        ("\u0345", "\u0399"),
        ("\u01c5", "\u01c4"),
        ("\u1e9b", "\u1e60"),
        ("\u1fbe", "\u0399"),
        ("\ufb00", "FF"),
        ("\u0149", "\u02bcN"),
        ("\u10d0", "\u1c90"),
        ("\uab70", "\u13a0"),
        ("\u0525", "\u0524"),
        ("\u0252", "\u2c70"),
        ("\U00010428", "\U00010400"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_what_only_unicode_takes_for_one_are_two_names(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_every_mapping_is_one_of_unicode_and_every_exception_is_left_out() -> None:
    for letter, capital in CAPITALS.items():
        char = chr(letter)
        assert chr(capital) in (char.upper(), char.title()), f"U+{letter:04X}"
        assert capital not in CAPITALS, "a capital has no capital"
    assert not any(ord(letter) in CAPITALS for letter in NOT_FOLDED)
    assert all(unicodedata.category(letter) in ("Ll", "Lt", "Mn") for letter in NOT_FOLDED)


@given(st.text(st.characters(codec=None)))
def test_folding_keeps_the_length_and_folding_again_changes_nothing(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_folded_as_by_the_table(text: str) -> None:
    assert fold(text) == text.translate(CAPITALS)
