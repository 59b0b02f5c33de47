"""Options that several commands have, and the kinds of value they take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

LOG_FORMATS: Final = ("cmtrace", "sms1", "sms2", "jsonl")
"""The layouts of log files; `tracer.RENDERERS` by name, so that help imports nothing."""
WHOLE_SIZE_MAX: Final = 18
"""Digits of a number that is given."""
SHOWN_MAX: Final = 40
"""Characters of a wrong one that are shown."""
PROCESS_LOG_FORMATS: Final = ("plain", "text", "json")
"""The forms of a process's own log; `process_log.FORMATS`, so that help imports nothing."""


def option(*names: str, **said: Any) -> Callable[[F], F]:
    """An option whose help shows its default, where it has one, and its variable."""
    return click.option(*names, show_default=bool(said.get("default")), show_envvar=True, **said)


def variable_option(*names: str, **said: Any) -> Callable[[F], F]:
    """An option with its variable: `--secret-file` reads `DESPOOLR_SECRET_FILE`."""
    longest = next(name for name in names if name.startswith("--"))
    variable = f"DESPOOLR_{longest[2:].upper().replace('-', '_')}"
    return option(*names, **{"envvar": variable, **said})


def options(*chosen: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help shows them."""

    def decorate(function: F) -> F:
        for one in reversed(chosen):
            function = one(function)
        return function

    return decorate


class Whole(click.ParamType[int]):
    """A whole number of something, from `least` to `most`, in the digits of this language and
    nothing else.
    """

    name = "number"

    def __init__(self, of: str, least: int, most: int) -> None:
        self._of = of
        self._least = least
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Fails with one line that says what is right; click names the option and its
        variable.
        """
        text = str(value).strip()
        digits = text.removeprefix("-")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= WHOLE_SIZE_MAX
        if not is_number or not self._least <= int(text) <= self._most:
            shown = ascii(text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "...")
            right = f"give a whole number from {self._least:,} to {self._most:,}"
            self.fail(f"{shown} is not {self._of}: {right}", param, ctx)
        return int(text)


SEED: Final = Whole("a seed", 1 - 10**WHOLE_SIZE_MAX, 10**WHOLE_SIZE_MAX - 1)
"""What `--seed` takes."""


class Text(click.ParamType[str]):
    """A text that a function of `despoolr_app.process.settings` can read: what it refuses is
    refused with the option's name.
    """

    name = "text"

    def __init__(self, parser: str) -> None:
        self._parser = parser

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text; empty where it may be left out."""
        from despoolr_app.process import settings as config

        try:
            if value:
                getattr(config, self._parser)(value)
        except config.ConfigError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def urls_option(told: str, *, show_envvar: bool = False) -> Callable[[F], F]:
    """`--url`: the servers to ask; `told` is its help."""
    return click.option(
        "--url",
        "urls",
        envvar="DESPOOLR_URL",
        multiple=True,
        metavar="URL",
        help=told,
        show_envvar=show_envvar,
    )


def token_option(function: F) -> F:
    """`--token`: by what a server knows an administrator."""
    return variable_option(
        "--token", default="", metavar="TOKEN", help="An administrator's token."
    )(function)


def site_option(function: F) -> F:
    """`--site`, as `site_url`: whose clients these are."""
    return variable_option(
        "--site",
        "site_url",
        default="",
        metavar="URL",
        help="The site server. Default: the one started here.",
    )(function)


def runs_option(function: F) -> F:
    """`--runs`, as `root`: the directory that the runs are in."""
    return _kept("--runs", "root")(function)


def out_option(function: F) -> F:
    """`--out`, as `out`: the directory that a run goes to. `--runs` is the same option."""
    return _kept("--out", "--runs", "out")(function)


def _kept(*names: str) -> Callable[[F], F]:
    return option(
        *names,
        envvar="DESPOOLR_RUNS",
        default="runs",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where runs are kept.",
    )


def log_format_option(*, has_services: bool) -> Callable[[F], F]:
    """How a process that stays tells what happens: `log_format` is its form and the layout of its
    services' files. One without services passes over a layout: all processes share the variable.
    """
    layouts = (
        f" Layout of the services' files, of a site: {', '.join(LOG_FORMATS)}; default: the "
        "version's."
    )
    return variable_option(
        "--log-format",
        default="plain",
        metavar="FORM[,LAYOUT]" if has_services else "FORM",
        callback=_log_format,
        help=f"What this process tells: {', '.join(PROCESS_LOG_FORMATS)}."
        + (layouts if has_services else ""),
    )


def _log_format(_context: click.Context, _option: click.Parameter, text: str) -> tuple[str, str]:
    from despoolr_app.process.logs.process_log import LogFormatError, parse_log_format

    try:
        return parse_log_format(text)
    except LogFormatError as error:
        raise click.BadParameter(str(error)) from None
