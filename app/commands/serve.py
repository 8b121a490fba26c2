"""`safegrpo serve`: the reward service. Every setting is a flag, a variable and a file's key."""

import os
import shutil
import socket
import sys
import tempfile

import typer
import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliSettingsSource, SettingsError

from app.metrics import MULTIPROCESS_VARIABLE
from app.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the connection pools of HTTP clients keep an idle connection (a minute at most)."""


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
    os.environ.update(_as_environment(settings))
    directory = tempfile.mkdtemp(prefix="safegrpo-metrics-") if settings.workers > 1 else None
    if directory:
        os.environ[MULTIPROCESS_VARIABLE] = directory
    try:
        uvicorn.run(
            "app.server:create_app",
            factory=True,
            host=settings.host,
            port=settings.port or _free_port(settings.host),
            workers=settings.workers,
            log_level=settings.log_level,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    finally:
        if directory:
            shutil.rmtree(directory, ignore_errors=True)


def _settings(arguments: list[str]) -> Settings:
    source: CliSettingsSource[Settings] = CliSettingsSource(
        Settings, cli_prog_name="safegrpo serve", cli_parse_args=arguments
    )
    try:
        return Settings(_cli_settings_source=source)
    except (ValidationError, SettingsError) as error:
        sys.exit(f"safegrpo serve: {_sentences(error)}")


def _sentences(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
        for item in error.errors(include_url=False)
    )


def _as_environment(settings: Settings) -> dict[str, str]:
    """The settings as variables: worker processes read them from there."""
    values = settings.model_dump()
    values["profiles"] = ",".join(values["profiles"])
    return {f"SAFEGRPO_{name.upper()}": str(value) for name, value in values.items()}


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
