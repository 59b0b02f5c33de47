"""What a command line does on a client, as a scenario declares it."""

from __future__ import annotations

from despoolr_client.agent.machine.programs import ClientProgram, MifToWrite, Programs, first_word
from despoolr_core.formats.reports.status_mif import read_status_mif


def test_the_program_is_found_by_its_first_word() -> None:
    assert first_word(r'"Bin\Setup.exe" /q /x') == "SETUP.EXE"
    assert first_word("acmewkst.exe smsproxy\\complete.stf /I:C") == "ACMEWKST.EXE"
    assert first_word("") == ""
    programs = Programs().with_program("setup.exe", ClientProgram(exit_code=1))
    assert (programs.of("SETUP /q").exit_code, programs.of("setup.EXE /q").exit_code) == (0, 1)


def test_a_status_mif_is_written_as_sms_reads_it_or_as_the_scenario_says() -> None:
    status = read_status_mif(MifToWrite("Failed", "ErrorJamalz").render())
    assert (status.status, status.description) == ("Failed", "ErrorJamalz")
    assert MifToWrite(data=b"START COMPONENT").render() == b"START COMPONENT"
