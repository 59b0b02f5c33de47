"""`despoolr top` on a terminal: the site is asked twice a second, and only lines that are to be
seen and differ are drawn anew.

The law: a question is asked in a thread and never waited for; while there is no answer, the last
one stands, and the heading says since when. Nothing is closed before `y`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input, Static

from despoolr_app.site_client.errors import SiteError
from despoolr_app.top.answer import PANES, PANES_WATCHED, TopAnswer, TopTarget
from despoolr_app.top.history import history_lines
from despoolr_app.top.lines import by_hand_lines, head_lines, release_lines, why_lines
from despoolr_app.top.orders import USUAL, arranged, next_order
from despoolr_app.top.panes import pane_lines
from despoolr_app.top.table import TopLine, texts
from despoolr_core.rules.text import escaped

EVERY_S: Final = 0.5
COLOURS: Final = {
    "hold": "magenta",
    "refused": "red",
    "right": "green",
    "retry": "yellow",
    "dim": "bright_black",
}
KEYS: Final = "tab pane  enter open  r release  w why  h history  s sort  / filter  q quit"


class TopSite(Protocol):
    """Whom to ask. Both calls block, and raise `SiteError`."""

    def look(self, word: str) -> TopAnswer:
        """The page as it is now, narrowed to what has `word`."""

    def release(self, server: str, open_: str) -> None:
        """Close an open by force."""


class TopRows(ScrollView):
    """Lines with one that is chosen. A new answer draws the lines that changed and are seen."""

    DEFAULT_CSS = "TopRows { height: 1fr; scrollbar-size: 1 1; }"
    can_focus = True

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[TopLine] = []
        self.drawn_count = 0
        """How many lines were drawn so far."""
        self.chosen = 1

    def put(self, lines: Sequence[TopLine], width: int) -> None:
        """Show these lines; the choice stays with what it was about."""
        before, target = self.lines, self.target
        self.lines = list(lines)
        same = (n for n, line in enumerate(lines) if target is not None and line.target == target)
        self._choose(next(same, min(self.chosen, len(lines) - 1)))
        self.virtual_size = Size(width, len(lines))
        top = self.scroll_offset.y
        for y in range(top, top + self.size.height + 1):
            if _at(before, y) != _at(self.lines, y):
                self.refresh_lines(y, 1)

    @property
    def target(self) -> TopTarget | None:
        """What the chosen line is about."""
        line = _at(self.lines, self.chosen)
        return line.target if line is not None else None

    def move(self, by: int) -> None:
        """Choose the line so many below the chosen one, if there is one."""
        self._choose(max(1, min(len(self.lines) - 1, self.chosen + by)))

    def _choose(self, number: int) -> None:
        if number != self.chosen:
            for y in (self.chosen, number):
                self.refresh_lines(y, 1)
            self.chosen = number
            self.scroll_to_region(Region(0, number, 1, 1), animate=False)

    def render_line(self, y: int) -> Strip:
        """One line of the window, as Textual asks for it."""
        number = y + self.scroll_offset.y
        line = _at(self.lines, number)
        if line is None:
            return Strip.blank(self.size.width)
        self.drawn_count += 1
        is_chosen = number == self.chosen and line.target is not None
        style = Style(reverse=True) if is_chosen else Style()
        parts = [
            Segment(part.text, Style(color=COLOURS.get(part.colour)) + style) for part in line.parts
        ]
        return Strip(parts).adjust_cell_length(self.size.width, style)


def _at(lines: Sequence[TopLine], number: int) -> TopLine | None:
    return lines[number] if 0 <= number < len(lines) else None


class MessageScreen(ModalScreen[bool]):
    """A few lines over the page. With a question, `y` answers it; any other key leaves it."""

    DEFAULT_CSS = """
    MessageScreen { align: center middle; }
    MessageScreen > Vertical { width: 90%; max-width: 100; height: auto; max-height: 90%;
      border: round $foreground; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "yes", show=False)]

    def __init__(self, lines: Sequence[str], asks: bool = False) -> None:
        super().__init__()
        self._asks = asks
        self._text = "\n\n".join(lines) + ("\n\ny close   esc leave" if asks else "\n\nesc leave")

    def compose(self) -> ComposeResult:
        """The lines in a frame, over the page."""
        with Vertical():
            yield Static(self._text, markup=False)

    def action_yes(self) -> None:
        """Answer the question, if there was one, and leave."""
        self.dismiss(self._asks)

    def key_escape(self) -> None:
        """Leave it: nothing is closed."""
        self.dismiss(False)

    key_enter = key_q = key_n = key_escape


class TopApp(App[None]):
    """The screen of one site."""

    CSS = "Screen { background: $background; } #word { display: none; height: 1; border: none; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", show=False),
        Binding("tab", "pane(1)", show=False, priority=True),
        Binding("shift+tab", "pane(-1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("enter", "open", show=False),
        Binding("r", "release", show=False),
        Binding("w", "why", show=False),
        Binding("h", "history", show=False),
        Binding("s", "sort", show=False),
        Binding("slash", "filter", show=False),
    ]

    def __init__(self, site: TopSite, every_s: float = EVERY_S) -> None:
        super().__init__()
        self._site = site
        self._every_s = every_s
        self.pane = PANES[0]
        self.answer: TopAnswer | None = None
        self.word = ""
        self.orders: dict[str, str] = {}
        """By pane, where it is not the usual one."""
        self._state = "asking ..."
        self._opened: set[str] = set()
        self._is_asking = False

    def compose(self) -> ComposeResult:
        """Two lines above, the rows, the filter, the keys."""
        yield Static(id="head", markup=False)
        yield Static(id="panes", markup=False)
        yield TopRows()
        yield Input(placeholder="filter: file, program, machine, user, job", id="word")
        yield Static(KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Look at once, then again and again."""
        self.query_one(TopRows).focus()
        self.look()
        self.set_interval(self._every_s, self.look)

    def on_resize(self) -> None:
        """The columns that fit are others."""
        self.call_after_refresh(self.draw)

    def look(self) -> None:
        """Ask, unless the last question is still unanswered."""
        if not self._is_asking:
            self._is_asking = True
            self.run_worker(self._look, thread=True)

    def _look(self) -> None:
        answer, state = self.answer, "live"
        try:
            answer = self._site.look(self.word)
        except SiteError as error:
            state = f"~ no answer: {escaped(str(error))}"
        self.call_from_thread(self._take, answer, state)

    def _take(self, answer: TopAnswer | None, state: str) -> None:
        self._is_asking = False
        self.answer, self._state = answer, state
        if self.pane not in self._panes():  # chosen before it was known what there is
            self.pane = PANES[0]
        self.draw()

    def draw(self) -> None:
        """Show the last answer as wide as the terminal is now."""
        width = self.size.width
        if self.answer is None:
            self.query_one("#head", Static).update(f"despoolr top  {self._state}")
            return
        head = texts(head_lines(self.answer, width, self._state))
        self.query_one("#head", Static).update("\n".join(head))
        names = [f"[{pane}]" if pane == self.pane else f" {pane} " for pane in self._panes()]
        narrowed = f"   with {self.word!r}" if self.word else ""
        order = self.orders.get(self.pane, USUAL)
        sorted_by = f"   by {order}" if order != USUAL else ""
        self.query_one("#panes", Static).update(f"{' '.join(names)}{sorted_by}{narrowed}")
        shown = arranged(self.answer, self.pane, order)
        lines = pane_lines(self.pane, shown, width - 1, self._opened)
        self.query_one(TopRows).put(lines, width - 1)

    def _panes(self) -> Sequence[str]:
        is_watched = self.answer is not None and self.answer.watched is not None
        return PANES_WATCHED if is_watched else PANES

    def action_pane(self, by: int) -> None:
        """Show the pane so many to the right, round and round."""
        panes = self._panes()
        self.pane = panes[(panes.index(self.pane) + by) % len(panes)]
        self.query_one(TopRows).chosen = 1
        self.draw()

    def action_move(self, by: int) -> None:
        """Choose the line so many below, as the arrow keys do."""
        self.query_one(TopRows).move(by)

    def action_open(self) -> None:
        """Show or hide who holds what in the chosen block."""
        target = self.query_one(TopRows).target
        if target is not None and self.pane == PANES[0]:
            self._opened ^= {target.block}
            self.draw()

    def action_why(self) -> None:
        """Say why the chosen block waits, and what to type."""
        target = self.query_one(TopRows).target
        if target is not None and self.answer is not None:
            self.push_screen(MessageScreen(why_lines(self.answer, target)))

    def action_history(self) -> None:
        """Say what happened to the chosen block so far."""
        target = self.query_one(TopRows).target
        if target is not None and self.answer is not None:
            self.push_screen(MessageScreen(history_lines(self.answer, target)))

    def action_sort(self) -> None:
        """Order the pane by its next column."""
        self.orders[self.pane] = next_order(self.pane, self.orders.get(self.pane, USUAL))
        self.draw()

    def action_release(self) -> None:
        """Ask whether the chosen open is to be closed; close it after a yes."""
        target = self.query_one(TopRows).target
        if target is None or self.answer is None:
            return
        if by_hand := by_hand_lines(self.answer, target):
            self.push_screen(MessageScreen(by_hand))
            return
        lines = release_lines(self.answer, target)
        if not lines:
            self.push_screen(
                MessageScreen(["Several opens are in the way: press enter, and choose one."])
            )
            return
        server = self.answer.page.blocks[target.block].server

        def close(is_sure: bool | None) -> None:
            if is_sure:
                self.run_worker(lambda: self._release(server, target.open), thread=True)

        self.push_screen(MessageScreen(lines, asks=True), close)

    def _release(self, server: str, open_: str) -> None:
        try:
            self._site.release(server, open_)
        except SiteError as error:
            self.call_from_thread(
                self.push_screen, MessageScreen([f"It was not closed: {escaped(str(error))}"])
            )
        self.call_from_thread(self.look)

    def action_filter(self) -> None:
        """Open the line in which a word is typed that narrows the page."""
        word = self.query_one("#word", Input)
        word.styles.display = "block"
        word.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Narrow the page to what was typed, and look at once."""
        self.word = event.value.strip()
        event.input.styles.display = "none"
        self.query_one(TopRows).focus()
        self.look()
