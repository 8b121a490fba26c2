"""`safegrpo serve`: the reward service. Every setting is a flag, a variable and a file's key."""

import os
import sys

import typer
from pydantic import ValidationError
from pydantic_settings import CliSettingsSource, SettingsError

from app.processes import run
from app.settings import CONFIG_VARIABLE, Settings


def register(cli: typer.Typer) -> None:
    cli.command(
        "serve",
        help="Start the reward service (its flags: safegrpo serve --help).",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(serve)


def serve(context: typer.Context) -> None:
    """Start the reward service."""
    run(_settings(context.args))


def _settings(arguments: list[str]) -> Settings:
    source: CliSettingsSource[Settings] = CliSettingsSource(
        Settings, cli_prog_name="safegrpo serve", cli_parse_args=arguments
    )
    if file := source().get("config"):
        os.environ[CONFIG_VARIABLE] = file
    try:
        return Settings(_cli_settings_source=source)
    except (ValidationError, SettingsError) as error:
        sys.exit(f"safegrpo serve: {_sentences(error)}")


def _sentences(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        ": ".join([*map(str, item["loc"]), item["msg"].removeprefix("Value error, ")])
        for item in error.errors(include_url=False)
    )
