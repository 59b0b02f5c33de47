"""How a PCM behaves: by the site's profile, and by the machine's own SMS.INI."""

from __future__ import annotations

from typing import cast

import pytest

from despoolr_client.pcm.behaviour import OF_PROFILE, PcmBehaviour, PcmVariant, ServerChoice
from despoolr_core.formats.sms_ini import parse_sms_ini
from despoolr_core.profile import Profile, profile_of


@pytest.mark.parametrize(
    ("version", "random", "skips"),
    [("1.0", True, False), ("1.1", True, False), ("1.2", True, True), ("1.2 SP2", False, False)],
)
def test_the_profile_of_a_version_gives_the_clients_faults(
    version: str, random: bool, skips: bool
) -> None:
    behaviour = PcmBehaviour.of(profile_of(version))
    assert (behaviour.random_server_bug, behaviour.skip_unchanged_instruction_file) == (
        random,
        skips,
    )


def test_a_desktop_counts_down_five_minutes_and_the_service_not_at_all() -> None:
    assert PcmBehaviour().countdown == 300
    assert PcmBehaviour(variant=PcmVariant.SERVICE).countdown == 0


def test_sms_ini_disables_the_countdown_where_pcm_honours_the_key() -> None:
    ini = parse_sms_ini("[Local]\nDisablePCMCountdown=TRUE")
    assert PcmBehaviour().with_sms_ini(ini).countdown == 0
    assert PcmBehaviour(honours_disabled_countdown=False).with_sms_ini(ini).countdown == 300


def test_sms_ini_chooses_how_servers_are_chosen_and_nonsense_changes_nothing() -> None:
    ini = parse_sms_ini("[Local]\nDisableRandomPCMServers=LocalOnly")
    assert PcmBehaviour().with_sms_ini(ini).server_choice is ServerChoice.LOCAL_ONLY
    ini = parse_sms_ini("[Local]\nDisableRandomPCMServers=PERHAPS")
    assert PcmBehaviour().with_sms_ini(ini).server_choice is ServerChoice.DOCUMENTED


def test_the_fields_that_are_said_to_be_the_clients_are_those_it_takes() -> None:
    asked: set[str] = set()

    class Asked:
        """A profile that remembers what it is asked for."""

        def __getattr__(self, name: str) -> object:
            asked.add(name)
            return getattr(profile_of("1.2"), name)

    PcmBehaviour.of(cast(Profile, Asked()))
    assert asked == OF_PROFILE
