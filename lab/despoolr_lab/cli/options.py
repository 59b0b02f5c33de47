"""The options that `run`, `kb run` and `demo` share, and how they become `RunOptions`."""

from __future__ import annotations

from collections.abc import Callable
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
            self.fail(f"{shown} is no number of {self._of}: {right}", param, ctx)
        return int(text)


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


def log_format_option(function: F) -> F:
    """How a process that stays tells what happens: `log_format` is its form and the layout of its
    services' files.
    """
    return click.option(
        "--log-format",
        envvar="DESPOOLR_LOG_FORMAT",
        show_envvar=True,
        default="plain",
        show_default=True,
        metavar="FORM[,LAYOUT]",
        callback=_log_format,
        help=f"What this process tells: {', '.join(PROCESS_LOG_FORMATS)}. Layout of the services' "
        "files, of a site: "
        f"{', '.join(LOG_FORMATS)}; default: the version's.",
    )(function)


def _log_format(context: click.Context, option: click.Parameter, text: str) -> tuple[str, str]:
    from despoolr_app.process.process_log import LogFormatError, parse_log_format

    try:
        return parse_log_format(text)
    except LogFormatError as error:
        raise click.BadParameter(str(error)) from None


def run_options(function: F) -> F:
    """Add them to a command."""
    for option in reversed(
        [
            click.option(
                "--version",
                "version",
                default="",
                help="SMS version of the first site, e.g. 1.1 or '1.2 SP4'.",
            ),
            click.option(
                "--time",
                "time_",
                default="virtual",
                show_default=True,
                help="real, virtual, or xN (N times faster).",
            ),
            click.option(
                "--seed",
                type=int,
                default=None,
                help="Seed of the run; the same seed gives the same run.",
            ),
            click.option(
                "--set",
                "sets",
                multiple=True,
                metavar="NAME=VALUE",
                help="Override one behaviour of the profile.",
            ),
            click.option(
                "--bug",
                multiple=True,
                metavar="KB",
                help="Put an article's fault in, e.g. Q152229.",
            ),
            click.option(
                "--clients",
                type=int,
                default=None,
                help="How many clients the last counted group has.",
            ),
            click.option(
                "--for", "for_", default="", metavar="SPAN", help="How long the run goes, e.g. 7d."
            ),
            click.option(
                "--out",
                type=click.Path(file_okay=False),
                default="runs",
                show_default=True,
                help="Where runs are kept.",
            ),
            click.option(
                "--log-format",
                type=click.Choice(LOG_FORMATS),
                help="Layout of the run's log files. Default: the version's.",
            ),
            click.option(
                "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
            ),
        ]
    ):
        function = option(function)
    return function


def to_run_options(options: dict[str, Any], fix: tuple[str, ...] = ()) -> Any:
    """`RunOptions` from the parsed options. Raises `click.UsageError` for what cannot be."""
    from despoolr_core.profile import ProfileError, article_of, profile_of, with_overrides
    from despoolr_core.timing import parse_timing
    from despoolr_lab.scenario.model import span_s
    from despoolr_lab.scenario.run import RunOptions

    overrides: dict[str, Any] = {}
    for text in options["sets"]:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
        overrides[name.strip()] = value.strip()
    try:
        if options["version"]:
            profile_of(options["version"])
        with_overrides(profile_of(options["version"] or "1.1"), overrides)
        for kb in (*options["bug"], *fix):
            article_of(kb)
        return RunOptions(
            version=options["version"],
            fix=fix,
            bug=tuple(options["bug"]),
            overrides=overrides,
            seed=options["seed"],
            timing=parse_timing(options["time_"]),
            clients=options["clients"],
            for_s=span_s(options["for_"]) if options["for_"] else 0.0,
        )
    except (ProfileError, ValueError) as error:
        raise click.UsageError(str(error)) from None
