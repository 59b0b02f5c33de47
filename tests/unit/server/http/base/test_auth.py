"""Tokens prove who calls; nothing else does."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from despoolr_core.rules.text import why_unfit
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth, is_loopback
from despoolr_server.shares.base.principal import Principal

SECRET = b"sixteen bytes!!!"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def auth() -> Auth:
    return Auth(SECRET)


def test_a_token_says_who_it_was_issued_to(auth: Auth) -> None:
    token = auth.issue("PC07", "anna", Role.CLIENT)
    assert auth.check(f"Bearer {token}") == Principal("PC07", "anna", Role.CLIENT)
    assert auth.check(f"bearer  {token}") == Principal("PC07", "anna", Role.CLIENT)


names = st.text(max_size=40).filter(lambda text: not why_unfit(text))


@given(machine=names, user=names, role=st.sampled_from(list(Role)))
def test_any_names_survive_the_token(machine: str, user: str, role: Role) -> None:
    token = Auth(SECRET).issue(machine, user, role)
    assert Auth(SECRET).check(f"Bearer {token}") == Principal(machine, user, role)


def test_another_secret_does_not_vouch_for_a_token(auth: Auth) -> None:
    assert (
        Auth(b"another sixteen!").check(f"Bearer {auth.issue('PC07', 'anna', Role.CLIENT)}") is None
    )


@given(place=st.integers(0, 200), to=st.sampled_from("ABCxyz019-_."))
def test_a_token_changed_in_one_character_proves_nothing(place: int, to: str) -> None:
    auth = Auth(SECRET)
    token = auth.issue("PC07", "anna", Role.CLIENT)
    place %= len(token)
    if token[place] != to:
        assert auth.check("Bearer " + token[:place] + to + token[place + 1 :]) is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer .",
        "Bearer x.y",
        "Bearer ä.ö",
        "Basic",
        "Basic %%%",
        "Basic /w==",
        "Digest x",
    ],
)
def test_what_is_no_token_proves_nothing(auth: Auth, header: str | None) -> None:
    assert auth.check(header) is None


def test_basic_carries_the_token_as_password(auth: Auth) -> None:
    token = auth.issue("PC07", "anna", Role.CLIENT)
    for name in ("", "PC07", "pc07", "anna"):
        assert auth.check(basic(name, token)) == Principal("PC07", "anna", Role.CLIENT)


def test_basic_refuses_a_name_the_token_does_not_speak_of(auth: Auth) -> None:
    assert auth.check(basic("PC08", auth.issue("PC07", "anna", Role.CLIENT))) is None


def test_basic_with_a_name_alone_proves_nothing(auth: Auth) -> None:
    assert auth.check(basic("PC07", "")) is None


def test_remembered_headers_are_bounded(auth: Auth) -> None:
    auth._remembered.count_max = 3
    headers = ["Bearer " + auth.issue(f"PC{n}", "", Role.CLIENT) for n in range(5)]
    for header in headers + headers:
        assert auth.check(header) is not None
    assert len(auth._remembered) == 3


def test_a_wrong_token_is_not_remembered(auth: Auth) -> None:
    auth.check("Bearer x.y")
    assert not auth._remembered


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Auth(b"fifteen bytes!!")


def test_names_too_long_for_a_token_are_refused_when_it_is_issued(auth: Auth) -> None:
    with pytest.raises(ValueError, match="longer than 256"):
        auth.issue("P" * 257, "", Role.CLIENT)


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "\x9b", "a\u202eb", "x" * 257])
def test_a_name_that_none_may_have_gets_no_token_and_an_old_one_proves_nothing(
    auth: Auth, name: str
) -> None:
    for machine, user in ((name, ""), ("PC1", name)):
        with pytest.raises(ValueError, match="cannot be a name in a token"):
            auth.issue(machine, user, Role.CLIENT)
        payload = (
            base64.urlsafe_b64encode(msgspec.json.encode([machine, user, "client"]))
            .rstrip(b"=")
            .decode()
        )
        # from before there was a rule
        signature = base64.urlsafe_b64encode(auth._signature(payload)).rstrip(b"=").decode()
        assert auth.check(f"Bearer {payload}.{signature}") is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost", "LOCALHOST"]
)
def test_loopback_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.1.2.3", "example.org", "127.0.0.1.example.org"]
)
def test_elsewhere_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.slow
@given(st.sampled_from(["Basic", "basic", "Bearer", "Digest", ""]), st.text())
@example("Basic", "\u00e9")
@example("Basic", "\udcff")
@example("Bearer", "\u00e9.\u00e9")
def test_any_text_after_a_scheme_proves_nothing(scheme: str, text: str) -> None:
    assert Auth(b"sixteen bytes!!!").check(f"{scheme} {text}") is None
