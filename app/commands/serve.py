"""`safegrpo serve`: every setting is a flag, an environment variable and a key of a file."""

import os
import re
import sys
from argparse import Action, RawDescriptionHelpFormatter
from collections.abc import Iterable
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import CliSettingsSource, SettingsError

from app.settings import Settings
from app.shared_counts import MULTIPROCESS_VARIABLE
from rules.stance.lexicon import LexiconError

_MESSAGES = {
    "extra_forbidden": "is no setting; safegrpo serve --help lists them",
    "path_not_file": "is not there, or no file",
    "tuple_type": "must be a list, or a text with commas",
}
"""Replaces messages of pydantic that speak of Python."""

_METAVARS = {
    "SecretStr": "str",
    "tuple[SecretStr,...]": "str,...",
    "tuple[str,...]": "Path,...",
}
"""Replaces types that the help would show in Python's notation."""
_NO_DEFAULT = re.compile(r" \(default: (?:null|\(\))\)")


class _Help(RawDescriptionHelpFormatter):
    """Help in an operator's terms rather than Python's."""

    def add_usage(self, usage: str | None, actions: Iterable[Action], *more: Any) -> None:
        super().add_usage(usage, _reworded(actions), *more)

    def add_arguments(self, actions: Iterable[Action]) -> None:
        super().add_arguments(_reworded(actions))


def _reworded(actions: Iterable[Action]) -> list[Action]:
    flags = list(actions)
    for flag in flags:
        if isinstance(flag.metavar, str):
            flag.metavar = _METAVARS.get(flag.metavar, flag.metavar)
        flag.help = _NO_DEFAULT.sub("", flag.help or "")
    return flags


def register(cli: typer.Typer) -> None:
    cli.command(
        "serve",
        help="Start the reward service (its flags: safegrpo serve --help).",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(serve)


def serve(context: typer.Context) -> None:
    """Start the reward service."""
    settings = _settings(context.args)
    # An inherited value is another program's; prometheus-client reads it on import.
    os.environ.pop(MULTIPROCESS_VARIABLE, None)
    from app.processes import run
    from app.server import scoring_of

    try:  # once, before workers start and each reports it
        scoring_of(settings)
    except LexiconError as error:
        sys.exit(f"safegrpo serve: {error}")
    run(settings)


def _settings(arguments: list[str]) -> Settings:
    source: CliSettingsSource[Settings] = CliSettingsSource(
        Settings,
        cli_prog_name="safegrpo serve",
        cli_parse_args=arguments,
        formatter_class=_Help,
    )
    try:
        return Settings(_cli_settings_source=source)
    except (ValidationError, SettingsError) as error:
        sys.exit(f"safegrpo serve: {_sentences(error)}")


def _sentences(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        ": ".join([*map(str, one["loc"]), _message(one)]) for one in error.errors(include_url=False)
    )


def _message(error: ErrorDetails) -> str:
    return _MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
