"""Commands as a person runs them, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.testing import CliRunner, Result


def invoke(command: Callable[..., Any], *arguments: str) -> Result:
    """The outcome of a command with these arguments."""
    cli = typer.Typer()
    cli.command()(command)
    return CliRunner().invoke(cli, list(arguments))
