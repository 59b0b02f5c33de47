"""The page of a measured run: one file, no script, texts that stay texts."""

from __future__ import annotations

import re

from despoolr_lab.measured.charts import Series, draw, mark
from despoolr_lab.measured.page import (
    MeasuredPage,
    PageFigure,
    PageLegend,
    PageRow,
    PageTable,
    render_page,
)

EVIL = '<script>alert("1")</script>\x1b[2J\u202e'


def page(text: str) -> MeasuredPage:
    table = PageTable(text, (text, text), [PageRow(text, "bad", (text, ""))], text, 7)
    return MeasuredPage(
        title=text,
        kicker=(text,),
        verdict=text,
        reasons=(text,),
        figures=[PageFigure(text, text, text)],
        checks=[table],
        course=text,
        legend=[PageLegend("broken", text)],
        marks=[mark(1, None, 9, text)],
        charts=[draw(text, [Series(text, "c0", {0: 1.0, 9: 2.0})], 9, 3, note=text)],
        nothing=text,
        tables=[table],
        facts=[(text, text)],
        notes=[text],
    )


def test_names_are_text_and_never_markup_and_no_control_character_gets_through() -> None:
    html = render_page(page(EVIL))
    assert "<script" not in html and "\x1b" not in html and "\u202e" not in html
    shown = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;\\x1b[2J\\u202e"
    assert html.count(shown) >= 20


def test_the_page_asks_nobody_for_anything_and_its_policy_allows_no_script() -> None:
    html = render_page(page("a"))
    assert "default-src &#39;none&#39;" in html and "script-src" not in html
    assert not re.search(r"\b(src|href)=|@import|url\((?!#)", html)


def test_a_table_says_how_many_rows_it_does_not_show() -> None:
    assert render_page(page("a")).count("And 7 more.") == 2


def test_a_page_without_charts_says_why() -> None:
    html = render_page(MeasuredPage("t", (), "v", nothing="no sample was taken"))
    assert "no sample was taken" in html and "<figure" not in html
