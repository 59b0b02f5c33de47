"""`--watch`: an answer shown again and again, until Ctrl-C.

The law: what stands on a terminal is replaced by each new answer; into a pipe an answer goes only
when it differs from the last one. A server that does not answer meanwhile is a line, and is asked
again: whoever watches wants to see it come back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import Failure, fail, put, put_prose, put_screen

if TYPE_CHECKING:
    from despoolr_app.site_client.queries import Source

EVERY_S = 2.0
"""Seconds between two looks."""


def watch_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--watch`, which a command gets as `is_watched`."""
    return option(
        "--watch", "is_watched", is_flag=True, help="Show it again every 2 s, until Ctrl-C."
    )(command)


def show(
    source: Source,
    look: Callable[[Source], None],
    *,
    is_watched: bool,
    as_json: bool,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Show what `look` prints of a source: once, or until Ctrl-C."""
    if not is_watched:
        look(source)
        return
    from despoolr_app.site_client.live import LiveSource

    if as_json:
        fail("--json prints one object: ask again for another, or leave --watch out")
    if not isinstance(source, LiveSource):
        fail("a finished run does not change: leave --watch out, or name a running site (--url)")
    last = ""
    while True:
        fresh = LiveSource(source.servers)
        if sys.stdout.isatty():
            put_screen(lambda fresh=fresh: _tried(look, fresh))  # type: ignore[misc]
        else:
            with redirect_stdout(StringIO()) as told:
                _tried(look, fresh)
            if (text := told.getvalue()) != last:
                put_prose(text, nl=False)
                put("")
                last = text
        wait(EVERY_S)


def _tried(look: Callable[[Source], None], source: Source) -> None:
    try:
        look(source)
    except Failure as failure:
        put(f"no answer: {failure.format_message()}")
