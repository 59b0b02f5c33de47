"""`despoolr completion SHELL`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from despoolr_app.cli.base.output import EXIT_OK, put_prose


@click.command(
    "completion",
    epilog='In ~/.bashrc: eval "$(despoolr completion bash)". In ~/.zshrc the same with zsh. '
    "For fish: despoolr completion fish > ~/.config/fish/completions/despoolr.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print a script that completes commands and options in a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    put_prose(kind(click.Group(), {}, "despoolr", "_DESPOOLR_COMPLETE").source())
    return EXIT_OK
