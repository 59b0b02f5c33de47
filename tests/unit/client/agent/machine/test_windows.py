"""The client's own machine."""

from __future__ import annotations

import pytest

from despoolr_client.agent.machine.windows import Windows, WindowsFile


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
