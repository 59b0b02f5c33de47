"""Where names lie on disk: found in any case, a known directory at the price of one look, nothing
trusted that changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, found_name, parse_name
from despoolr_server.files import path_index as places
from despoolr_server.files.path_index import PathIndex
from despoolr_server.files.protocol import StoreError

DEEP = "SITE.SRV/DATALOAD.BOX/DELTAMIF.COL"


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / DEEP).mkdir(parents=True)
    (tmp_path / DEEP / "X1.Mif").write_bytes(b"x")
    return tmp_path


@pytest.fixture
def looks(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was looked at since the last question."""
    seen: list[str] = []
    lstat = os.lstat

    def counted(path: str) -> os.stat_result:
        seen.append(str(path).removeprefix(str(root)).lstrip("/"))
        return lstat(path)

    monkeypatch.setattr(os, "lstat", counted)

    def since() -> list[str]:
        found = list(seen)
        seen.clear()
        return found

    return since


def test_a_name_in_a_directory_seen_before_costs_two_looks_however_deep(
    root: Path, looks: Callable[[], list[str]]
) -> None:
    where = PathIndex(str(root))
    found = where.resolve(n(f"{DEEP}/x1.mif".lower()))
    assert found is not None and found.stored == f"{DEEP}/X1.Mif"
    looks()
    assert where.resolve(n(f"{DEEP}/X1.MIF")) is not None
    assert looks() == [DEEP, f"{DEEP}/X1.Mif"]


def test_a_name_that_is_not_there_is_not_scanned_for_twice(
    root: Path, looks: Callable[[], list[str]]
) -> None:
    where = PathIndex(str(root))
    assert where.target(n(f"{DEEP}/NEW.MIF")).status is None
    looks()
    assert where.target(n(f"{DEEP}/OTHER.MIF")).status is None
    assert looks() == [DEEP, f"{DEEP}/OTHER.MIF"]


def test_a_directory_replaced_by_a_link_to_elsewhere_is_not_followed(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where = PathIndex(str(root))
    assert where.resolve(n(f"{DEEP}/X1.MIF")) is not None
    outside = tmp_path_factory.mktemp("outside")
    (outside / "DATALOAD.BOX/DELTAMIF.COL").mkdir(parents=True)
    (outside / "DATALOAD.BOX/DELTAMIF.COL/X1.Mif").write_bytes(b"secret")
    (root / "SITE.SRV").rename(root / "MOVED")
    (root / "SITE.SRV").symlink_to(outside)
    assert where.resolve(n(f"{DEEP}/X1.MIF")) is None
    assert not where.has_folder(n(DEEP))
    with pytest.raises(StoreError) as refused:
        where.target(n(f"{DEEP}/NEW.MIF"))
    assert refused.value.status is NtStatus.OBJECT_PATH_NOT_FOUND


def test_a_directory_made_anew_under_its_old_name_is_looked_into_anew(root: Path) -> None:
    where = PathIndex(str(root))
    assert where.has_folder(n(DEEP))
    (root / DEEP).rename(root / "ASIDE")
    assert not where.has_folder(n(DEEP))
    (root / DEEP).mkdir()
    (root / DEEP / "y2.MIF").write_bytes(b"y")
    assert where.resolve(n(f"{DEEP}/X1.MIF")) is None
    found = where.resolve(n(f"{DEEP}/Y2.MIF"))
    assert found is not None and found.actual == "y2.MIF"


def test_the_stores_own_directory_is_no_place(root: Path) -> None:
    (root / ".despoolr" / "tmp").mkdir(parents=True)
    where = PathIndex(str(root))
    assert where.resolve(n(".despoolr/tmp")) is None
    assert ".DESPOOLR" not in where.names_in(where.folder(n("")))
    for path in (".despoolr", ".DESPOOLR/x"):
        with pytest.raises(StoreError) as refused:
            where.target(n(path))
        assert refused.value.status is NtStatus.ACCESS_DENIED


def test_directories_remembered_are_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "FOLDERS_MAX", 2)
    where = PathIndex(str(root))
    for name in ("A", "B", "C"):
        (root / name).mkdir()
        assert where.has_folder(n(name))
    assert len(where._folders) == 2
    assert where.has_folder(n("A"))


@pytest.mark.slow
def test_a_name_a_thousand_directories_down_is_found_without_recursion(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 1000)
    bottom = tmp_path
    for _ in range(1000):
        bottom /= "d"
        bottom.mkdir()
    try:
        where = PathIndex(str(tmp_path))
        assert where.resolve(found_name(f"{deep}/x".upper())) is None
        found = where.resolve(found_name(deep.upper()))
        assert found is not None and found.stored == deep
        assert where.resolve(found_name(deep.replace("d", "e"))) is None
    finally:
        while bottom != tmp_path:  # what sweeps after tests goes down by recursion
            bottom.rmdir()
            bottom = bottom.parent


def test_who_is_put_beside_few_is_not_looked_for_and_who_is_there_is_found_in_any_case(
    root: Path, looks: Callable[[], list[str]]
) -> None:
    where = PathIndex(str(root))
    where.resolve(n(f"{DEEP}/X1.MIF"))
    (root / DEEP / "a.Mif").write_bytes(b"x")  # past the server
    (root / DEEP / "Link").symlink_to("nowhere")
    looks()
    look = where.look_in(n(DEEP))
    assert looks() == [DEEP]
    new = look(n(f"{DEEP}/x2.mif"))
    assert new is not None and new.status is None and new.stored == f"{DEEP}/x2.mif"
    assert looks() == []
    for name, stored in (("x1.mif", "X1.Mif"), ("A.MIF", "a.Mif"), ("Link", "Link")):
        found = look(n(f"{DEEP}/{name}"))
        assert found is not None and found.status is not None
        assert found.stored == f"{DEEP}/{stored}"


@pytest.mark.parametrize(("count", "looked"), [(places.NAMES_MAX, 0), (places.NAMES_MAX + 1, 1)])
def test_a_directory_is_read_for_those_who_are_put_into_it_if_it_has_so_many_names_at_most(
    root: Path, looks: Callable[[], list[str]], count: int, looked: int
) -> None:
    for number in range(1, count):
        (root / DEEP / f"Y{number}.MIF").write_bytes(b"")
    where = PathIndex(str(root))
    look = where.look_in(n(DEEP))
    looks()
    new = look(n(f"{DEEP}/X2.MIF"))
    assert new is not None and new.status is None
    assert looks().count(f"{DEEP}/X2.MIF") == looked
