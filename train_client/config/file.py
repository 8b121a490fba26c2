"""A run's configuration from its YAML file and the command line's `section.key=value` overrides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from app.yaml_text import load_yaml
from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig, parse_config


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML file and apply `section.key=value` overrides (values are YAML).

    Raises ConfigError with a sentence that names the file, the key and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The configuration {path} is not text in UTF-8; save it in that encoding."
        ) from error
    try:
        tree = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold sections ({', '.join(TrainConfig.model_fields)}).")
    # A section of which every key is commented out.
    tree = {name: {} if section is None else section for name, section in tree.items()}
    for override in overrides:
        _apply(tree, override)
    return parse_config(tree, source=str(path))


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"The override {override!r} must look like section.key=value.")
    *sections, name = key.split(".")
    node = tree
    for section in sections:
        child = node.setdefault(section, {})
        if not isinstance(child, dict):
            raise ConfigError(
                f"The override {override!r} goes into {section}, which is no section."
            )
        node = child
    try:
        node[name] = load_yaml(text) if text else ""
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"The value in {override!r} is not valid YAML: {error}") from error
