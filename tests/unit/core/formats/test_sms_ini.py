"""SMS.INI: found in any case."""

from __future__ import annotations

import pytest

from despoolr_core.formats.sms_ini import (
    FILE_SIZE_MAX,
    SERVERS_MAX,
    SmsIni,
    SmsIniError,
    parse_sms_ini,
)

TEXT = r"""; written by Client Setup
[SMS]
OS=5

[Local]
SetupPhase = installed
DisablePCMCountdown=TRUE
ShowPCMIntroDialog=False
PCMPackageReminderInterval=90
SMS Unique ID=BPC00005
SiteCode=BPC
Domain=SALES
CurrentLogonServer=LOGON1
Something=nobody knows

[AppleServers]
CurrentLogonServer=zone@MAC1

[Servers]
Server2=LOGON2
Server1=LOGON1

[Package Command Manager]
ResultSharePoint=\\LOGON1\SMS_SHR\despoolr.box
"""
INI = parse_sms_ini(TEXT)


def error_of(text: bytes | str) -> SmsIniError:
    with pytest.raises(SmsIniError) as caught:
        parse_sms_ini(text)
    return caught.value


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_comments_are_passed_over_and_lines_end_in_either_way(line_end: str) -> None:
    read = parse_sms_ini(TEXT.replace("\n", line_end).encode())
    assert read == INI
    assert len(read.values) == 14 and "WRITTEN" not in str(read).upper()


def test_a_line_that_is_no_key_says_nothing() -> None:
    assert parse_sms_ini("[User Name]\r\nJane Doe\r\n") == SmsIni()


def test_sections_and_keys_are_found_in_any_case_and_without_blanks() -> None:
    assert INI.get("LOCAL", "setupphase") == "installed"
    assert INI.get("Local", "NoSuchKey") == ""


def test_the_settings_have_their_names() -> None:
    assert INI.find("SMS Unique ID") == "BPC00005"
    assert INI.local_flag("DisablePCMCountdown", False) is True
    assert INI.local_flag("ShowPCMIntroDialog", True) is False
    assert INI.local_flag("ShowPCMCantReachServersDialog", True) is True


def test_the_logon_server_of_a_macintosh_is_another_thing() -> None:
    """Q127929."""
    assert INI.current_logon_server == "LOGON1"
    mac_only = parse_sms_ini("[AppleServers]\nCurrentLogonServer=zone@MAC1\n")
    assert mac_only.current_logon_server == ""
    assert mac_only.get("AppleServers", "CurrentLogonServer") == "zone@MAC1"


@pytest.mark.parametrize("key", ["ResultSharePoint", "ResultsSharePoint"])
def test_both_spellings_of_the_results_key_are_read(key: str) -> None:
    """Q135768, Q166833."""
    ini = parse_sms_ini(f"[Package Command Manager]\n{key}=\\\\A\\SMS_SHR\\despoolr.box\n")
    assert ini.result_share_point == "\\\\A\\SMS_SHR\\despoolr.box"


def test_the_right_spelling_wins_where_both_stand() -> None:
    assert (
        parse_sms_ini(
            "[Package Command Manager]\nResultsSharePoint=a\nResultSharePoint=b\n"
        ).result_share_point
        == "b"
    )


def test_servers_come_in_the_order_of_their_numbers() -> None:
    assert INI.servers == ("LOGON1", "LOGON2")


def test_only_the_first_eight_servers_are_read() -> None:
    """Q140145."""
    by_hand = parse_sms_ini(
        "[Servers]\n" + "".join(f"Server{number}=S{number}\n" for number in range(1, 11))
    )
    assert by_hand.servers == tuple(f"S{number}" for number in range(1, SERVERS_MAX + 1))


def test_the_first_of_two_equal_keys_counts() -> None:
    ini = parse_sms_ini("[Local]\nA=1\na=2\n")
    assert ini.get("Local", "A") == "1"
    assert parse_sms_ini("[Servers]\nServer1=X\nServer1=Y\n").servers == ("X",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[Local\n", (1, 1)),
        ("\n  []\n", (2, 3)),
        ("[Local]\n =5\n", (2, 2)),
        ("A=1\n", (1, 1)),
        ("[Local]\nA=1\x00\n", (2, 4)),
        (b"[Local]\nA=\xff\n", (2, 3)),
    ],
)
def test_what_is_no_ini_file_is_refused_with_its_place(
    text: bytes | str, place: tuple[int, int]
) -> None:
    error = error_of(text)
    assert (error.line, error.column) == place


def test_a_file_has_a_largest_size() -> None:
    assert "are more than" in error_of(b";" * (FILE_SIZE_MAX + 1)).reason
