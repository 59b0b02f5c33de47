"""The page of a measured run: one file that needs nothing else, with the verdict first, what was
checked, and lines over time.

The law: it shows what it is given and decides nothing. Texts are text, never markup; its policy
allows no script and no address.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from despoolr_core.rules.text import escaped
from despoolr_lab.measured.charts import HEIGHT, WIDTH, Chart, ChartMark

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
"""The page's Content-Security-Policy."""


class PageFigure(msgspec.Struct, frozen=True):
    """One of the numbers under the verdict. `css` is `good`, `bad` or `hold`."""

    label: str
    value: str
    small: str = ""
    css: str = "hold"


class PageRow(msgspec.Struct, frozen=True):
    """One row: its state in words, `good`, `bad` or nothing for its colour, and its cells."""

    state: str
    css: str
    cells: Sequence[str]


class PageTable(msgspec.Struct, frozen=True):
    """A table. `columns` are those of the cells; `left_out` rows are not shown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[PageRow]
    note: str = ""
    left_out: int = 0
    states: str = "Result"
    """The heading of the states."""


class PageLegend(msgspec.Struct, frozen=True):
    """What a shade of the charts means. `css` is that of its marks."""

    css: str
    text: str


class MeasuredPage(msgspec.Struct, frozen=True):
    """All that the page shows, in its order."""

    title: str
    kicker: Sequence[str]
    verdict: str
    reasons: Sequence[str] = ()
    """Why the run proves nothing."""
    figures: Sequence[PageFigure] = ()
    checks: Sequence[PageTable] = ()
    """Before the charts."""
    course: str = ""
    """The heading of the charts, and what is said beside it."""
    course_note: str = ""
    legend: Sequence[PageLegend] = ()
    marks: Sequence[ChartMark] = ()
    charts: Sequence[Chart] = ()
    nothing: str = ""
    """What stands there if there are no charts."""
    tables: Sequence[PageTable] = ()
    """After the charts."""
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def render_page(page: MeasuredPage) -> str:
    """One file of HTML, whole, in which every text is escaped."""
    return _template("measured.html.j2").render(page=page, place=_PLACE, policy=POLICY)


def render_course(page: MeasuredPage) -> str:
    """What the page shows, without the page around it: of a run that is under way."""
    return _template("course.html.j2").render(page=page, place=_PLACE)


def render_live(title: str) -> str:
    """The page that shows `render_course` of a run while it goes on, and in the end its page."""
    return _template("live.html.j2").render(title=title)


_PLACE: Final = {"width": WIDTH, "height": HEIGHT}


@lru_cache(maxsize=4)
def _template(name: str) -> Template:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("despoolr_lab.measured", "templates"),
                PackageLoader("despoolr_lab.report", "templates"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: escaped(value) if type(value) is str else value,
    )
    return environment.get_template(name)
