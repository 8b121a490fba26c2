"""The `safegrpo` command. Other packages add commands through the entry points named below."""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from app.commands import evaluate_stance, explain, score, serve

COMMANDS_GROUP = "safegrpo.commands"


def build() -> typer.Typer:
    """The command line: the service's commands, and those registered in `COMMANDS_GROUP`."""
    cli = typer.Typer(
        name="safegrpo",
        help="Verifiable safety rewards for multimodal GRPO.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    cli.callback()(_options)
    for command in (serve, score, explain, evaluate_stance):
        command.register(cli)
    for entry_point in sorted(entry_points(group=COMMANDS_GROUP), key=lambda found: found.name):
        cli.command(entry_point.name)(entry_point.load())
    return cli


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"safegrpo {version('safegrpo')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Of the package."),
    ] = False,
) -> None:
    """Options of `safegrpo` itself."""


def main() -> None:
    """Run the command line."""
    build()()
