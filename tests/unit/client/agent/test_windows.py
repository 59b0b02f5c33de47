"""The client's own machine in memory, and in a real directory and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_client.agent.windows import Windows, WindowsFile, set_up, unc
from despoolr_client.pcm.history import HistoryState
from despoolr_core.errors import FormatError
from despoolr_core.formats.sms_ini import SmsIni


def test_names_are_compared_without_regard_to_case() -> None:
    windows = Windows()
    windows.write("ins_note.mif", b"1", 5.0)
    windows.write("INS_NOTE.MIF", b"2", 6.0)
    assert windows.files == {"INS_NOTE.MIF": WindowsFile(b"2", 6.0)}
    windows.delete("Ins_Note.Mif")
    assert windows.files == {}


def test_the_directory_changes_by_its_methods_only() -> None:
    windows = Windows()
    windows.files["X"] = WindowsFile(b"", 0.0)
    assert windows.files == {}


@pytest.mark.parametrize("name", ["", "..", "dir/"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        Windows().write(name, b"", 0.0)


def test_a_noidmif_is_news_only_when_its_content_changes() -> None:
    windows = Windows()
    windows.write_noidmif("A.MIF", b"1", 1.0)
    assert windows.noidmifs_changed
    windows.noidmifs_changed = False
    windows.write_noidmif("A.MIF", b"1", 2.0)
    assert not windows.noidmifs_changed
    windows.write_noidmif("A.MIF", b"2", 3.0)
    assert windows.noidmifs_changed


def test_a_machine_is_the_same_after_it_was_saved_and_loaded(tmp_path: Path) -> None:
    windows = Windows()
    windows.write("OLD.MIF", b"old", 1.0)
    windows.save(tmp_path)
    windows.delete("OLD.MIF")
    windows.write("INS_NOTE.MIF", b"mif", 800_000_000.0)
    windows.write_noidmif("PATCH.MIF", b"noid", 800_000_001.0)
    windows.history = {"BPC0001": HistoryState.EXECUTED}
    windows.sms_ini = SmsIni().with_value("Local", "DisablePCMCountdown", "TRUE")
    windows.save(tmp_path)
    loaded = Windows.load(tmp_path)
    assert (loaded.files, loaded.noidmifs, loaded.history) == (
        windows.files,
        windows.noidmifs,
        windows.history,
    )
    assert loaded.sms_ini == windows.sms_ini


def test_a_machine_that_was_never_saved_is_empty(tmp_path: Path) -> None:
    loaded = Windows.load(tmp_path)
    assert (loaded.files, loaded.noidmifs, loaded.history, loaded.sms_ini) == ({}, {}, None, None)


def test_a_broken_history_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "PCMHIST.REG").write_text("nonsense")
    with pytest.raises(FormatError, match="line 1"):
        Windows.load(tmp_path)


def test_client_setup_keeps_what_is_in_sms_ini() -> None:
    ini = SmsIni().with_value("Local", "ShowPCMIntroDialog", "False")
    ini = set_up(
        ini, {"SMS Unique ID": "BPC00001"}, ["SRV1", "SRV2"], unc("SRV1", "SMS_SHR", "despoolr.box")
    )
    assert ini.get("Local", "ShowPCMIntroDialog") == "False"
    assert (ini.sms_id, ini.servers) == ("BPC00001", ("SRV1", "SRV2"))
    assert ini.result_share_point == r"\\SRV1\SMS_SHR\despoolr.box"
