"""Places of nodes and comments, and that a read tree stands on its own."""

from __future__ import annotations

import pytest

from despoolr_core.formats.mif.codec import parse
from despoolr_core.formats.mif.language.findings import Places
from despoolr_core.formats.mif.language.model import Block, Statement, locate, scan_comments
from worlds.mif_samples import attribute, group, mif


def test_every_node_is_located_where_it_stands() -> None:
    data = mif(
        group(attribute(), attribute("2", extra="// c\n")),
        before='// y\nLANGUAGE="a|b|c" // x\n',
        after="\x1a",
    )
    tree = parse(data)
    assert tree.text == data.decode("latin-1")
    places = locate(tree)
    assert tree.text[places[(-1, 0)] :].startswith("LANGUAGE")
    assert tree.text[places[()] :].startswith("START COMPONENT")

    def walk(block: Block, path: tuple[int, ...]) -> int:
        count = 0
        for n, item in enumerate(block.items):
            written = item.start if isinstance(item, Block) else item.text
            assert tree.text[places[(*path, n)] :].startswith(written)
            count += 1 + (walk(item, (*path, n)) if isinstance(item, Block) else 0)
        return count

    assert walk(tree.component, ()) + 2 == len(places)


def test_lines_and_columns_count_from_one_and_only_lf_ends_a_line() -> None:
    assert [Places("a\r\nb\rc").of(n) for n in (0, 2, 3, 5)] == [(1, 1), (1, 3), (2, 1), (2, 3)]


def test_a_comment_is_no_comment_inside_a_literal_or_after_the_end_of_file() -> None:
    assert [text for _, text in scan_comments('"//no" // yes "x\r\n"\\"//" //\x1a// no')] == [
        ' yes "x',
        "",
    ]


def test_nodes_are_frozen_and_compare_by_content() -> None:
    first, second = parse(mif()), parse(mif())
    assert first == second and first.component.groups[0] == second.component.groups[0]
    with pytest.raises(AttributeError):
        first.component.items[0].text = "x"  # type: ignore[misc, union-attr]
    assert isinstance(first.component.items[0], Statement)
