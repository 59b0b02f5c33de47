"""A package's one compressed file."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_server.site.state import packages
from despoolr_server.site.state.packages import PackageError, compress, decompress

NAMES = st.text("abcXYZ019_$-", min_size=1, max_size=8)
FILES = st.dictionaries(
    st.one_of(NAMES, st.tuples(NAMES, NAMES).map("/".join)), st.binary(max_size=200), max_size=8
)


@pytest.mark.slow
@given(FILES)
def test_what_was_compressed_comes_out_again(files: dict[str, bytes]) -> None:
    assert decompress(compress(files)) == files


@pytest.mark.slow
@given(FILES, st.randoms(use_true_random=False))
def test_equal_files_give_equal_bytes_in_whatever_order_they_came(
    files: dict[str, bytes], random: object
) -> None:
    names = list(files)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert compress({name: files[name] for name in names}) == compress(files)


def test_files_come_out_in_the_order_of_their_names() -> None:
    assert list(decompress(compress({"c": b"", "a/z": b"", "b": b""}))) == ["a/z", "b", "c"]


@pytest.mark.parametrize(
    "data", [b"", b"garbage", compress({"a": b"x" * 5000})[:-30], b"PK\x03\x04" + bytes(60)]
)
def test_a_damaged_package_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError, match="damaged"):
        decompress(data)


def test_a_flipped_byte_is_found() -> None:
    data = bytearray(compress({"a.dat": b"hello, package" * 50}))
    data[40] ^= 0xFF
    with pytest.raises(PackageError, match="damaged"):
        decompress(bytes(data))


def test_a_package_that_would_fill_memory_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "UNPACKED_SIZE_MAX", 1000)
    assert decompress(compress({"a": bytes(1000)}))
    with pytest.raises(PackageError, match="more than 1,000 bytes"):
        decompress(compress({"a": bytes(1001)}))


def test_a_package_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "FILE_COUNT_MAX", 3)
    assert decompress(compress(dict.fromkeys("abc", b"")))
    with pytest.raises(PackageError, match="4 files; 3 at most"):
        decompress(compress(dict.fromkeys("abcd", b"")))


def test_a_header_that_lies_about_its_size_is_refused() -> None:
    """The sum of the sizes is what the archive says; a member that unpacks to more must not get
    through.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100_000))
    data = buffer.getvalue().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(PackageError):
        decompress(data)


def test_directories_in_the_archive_are_no_files() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("sub/", b"")
        archive.writestr("sub/a", b"x")
    assert decompress(buffer.getvalue()) == {"sub/a": b"x"}
