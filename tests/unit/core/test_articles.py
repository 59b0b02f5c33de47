"""Articles are switches: each puts its fault in and takes it out, and a mistyped number is told the
one it was meant to be, if one is near.
"""

from __future__ import annotations

import pytest

from despoolr_core.articles import ARTICLES, article_of
from despoolr_core.profile import FIELDS, PROFILES, ProfileError, profile_of, with_overrides


@pytest.mark.parametrize("typed", ["Q147818", "Q14781", "147891", "Q1478199"])
def test_one_wrong_digit_names_the_article_that_was_meant(typed: str) -> None:
    with pytest.raises(ProfileError, match="did you mean 'Q147819'"):
        article_of(typed)


@pytest.mark.parametrize("typed", ["Q1", "Q999999", "Q148918", "update", ""])
def test_where_no_number_is_near_none_is_guessed(typed: str) -> None:
    with pytest.raises(ProfileError) as refused:
        article_of(typed)
    assert str(refused.value) == f"no article {typed!r} (despoolr kb list shows them)"


@pytest.mark.parametrize("spelled", ["Q147819", "q147819", "147819"])
def test_an_article_is_found_however_it_is_spelled(spelled: str) -> None:
    assert article_of(spelled).kb == "Q147819"


@pytest.mark.parametrize("kb", ARTICLES)
@pytest.mark.parametrize("version", PROFILES)
def test_a_switch_puts_the_fault_in_and_takes_it_out(kb: str, version: str) -> None:
    article, profile = ARTICLES[kb], profile_of(version)
    assert article.has_fault(with_overrides(profile, article.bug))
    assert not article.has_fault(with_overrides(profile, article.fix))


@pytest.mark.parametrize("kb", ARTICLES)
def test_a_fix_leaves_every_other_behaviour_as_it_was(kb: str) -> None:
    article, profile = ARTICLES[kb], profile_of("1.1")
    fixed = with_overrides(profile, article.fix)
    assert {name for name in FIELDS if getattr(fixed, name) != getattr(profile, name)} <= set(
        article.fix
    )


@pytest.mark.parametrize("kb", ARTICLES)
def test_an_article_speaks_of_versions_there_are_and_says_what_to_do(kb: str) -> None:
    article = ARTICLES[kb]
    assert article.kb == kb and article.cure and not article.cure.endswith(".")
    assert set(article.versions) <= set(PROFILES)
    assert any(article.has_fault(profile_of(version)) for version in article.versions)
    assert set(article.bug) <= set(article.fix)
    assert set(article.also) <= set(article.bug)


@pytest.mark.parametrize("kb", ARTICLES)
@pytest.mark.parametrize("version", PROFILES)
def test_what_cures_a_version_is_what_its_fix_sets_anew(kb: str, version: str) -> None:
    article, profile = ARTICLES[kb], profile_of(version)
    cured = article.cured_by(profile)
    assert bool(cured) == article.has_fault(profile)
    assert all(getattr(profile, name) != value for name, value in cured.items())
    if cured:
        assert with_overrides(profile, cured) == with_overrides(profile, article.fix)


def test_the_articles_come_by_number() -> None:
    assert list(ARTICLES) == sorted(ARTICLES)
