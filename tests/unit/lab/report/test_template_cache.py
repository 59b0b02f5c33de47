"""A compiled template is kept beside its text, and made anew when anything is otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest
from jinja2 import Environment, FileSystemLoader

from despoolr_lab.report.template_cache import SUFFIX, CompiledBeside


def said(templates: Path) -> str:
    """What a process that has just started makes of the template."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        bytecode_cache=CompiledBeside(templates),
    )
    return environment.get_template("a.j2").render(name="x")


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "a.j2").write_text("Hello {{ name }}")
    return tmp_path


def kept(templates: Path) -> list[Path]:
    return sorted((templates / "__pycache__").glob("*"))


def test_it_is_kept_once_and_used_again(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(templates) == "Hello x"
    (file,) = kept(templates)
    assert file.name.endswith(SUFFIX)
    monkeypatch.setattr(Environment, "compile", None)  # nobody asks it
    assert said(templates) == "Hello x"


def test_another_text_is_compiled_anew_in_the_place_of_the_first(templates: Path) -> None:
    said(templates)
    (templates / "a.j2").write_text("Good day, {{ name }}")
    assert said(templates) == "Good day, x"
    assert len(kept(templates)) == 1


def test_what_another_jinja_made_is_made_anew(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(templates)
    (file,) = kept(templates)
    before = file.read_bytes()
    monkeypatch.setattr(jinja2, "__version__", "3.0.0")
    assert said(templates) == "Hello x"
    assert kept(templates) == [file]
    assert file.read_bytes() != before


def test_it_is_kept_elsewhere_where_python_keeps_modules_elsewhere(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    assert said(templates) == "Hello x"
    assert not (templates / "__pycache__").exists()
    assert len(list((tmp_path / "elsewhere").rglob(f"*{SUFFIX}"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", [b"", b"j2", b"no such thing" * 20], ids=["empty", "cut", "other"]
)
def test_a_damaged_one_is_made_anew(templates: Path, damage: bytes) -> None:
    said(templates)
    (file,) = kept(templates)
    whole = file.read_bytes()
    file.write_bytes(damage)
    assert said(templates) == "Hello x"
    assert file.read_bytes() == whole
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        assert said(templates) == "Hello x", end


def test_nothing_is_kept_where_python_keeps_nothing_or_nothing_can_be(
    templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (templates / "__pycache__").write_text("a file in the way")
    assert said(templates) == "Hello x"
    (templates / "__pycache__").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert said(templates) == "Hello x"
    assert kept(templates) == []
