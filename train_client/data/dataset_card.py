"""The configurations of a dataset, as its card declares them.

The card is README.md; `configs` in its YAML header lists them, each with file patterns by split or
with a folder (https://huggingface.co/docs/hub/datasets-manual-configuration).
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from train_client.config.errors import sentences

CARD = "README.md"


class CardError(ValueError):
    """A card whose configurations cannot be read; the message names the file and the key."""


class _Files(BaseModel):
    split: str
    path: str | list[str]


class Configuration(BaseModel):
    config_name: str
    data_files: str | list[str] | list[_Files] | None = None
    """File patterns, all of split `train` or each with its split; null: file names tell."""
    data_dir: str | None = None
    """The folder of its files, relative to the dataset's."""
    default: bool = False

    @property
    def is_default(self) -> bool:
        return self.default or self.config_name == "default"

    def patterns(self) -> dict[str, list[str]]:
        """Split -> file patterns relative to the dataset's folder; empty if file names tell."""
        by_split: dict[str, list[str]] = {}
        files = self.data_files or []
        for item in [files] if isinstance(files, str) else files:
            split, paths = (item.split, item.path) if isinstance(item, _Files) else ("train", item)
            for path in [paths] if isinstance(paths, str) else paths:
                by_split.setdefault(split, []).append(f"{self.data_dir or ''}/{path}".lstrip("/"))
        return by_split


class _Card(BaseModel):
    configs: list[Configuration] = []


def configurations(folder: Path) -> dict[str, Configuration]:
    """The configurations of the dataset in a folder, by name; empty if its README.md is no card.

    Raises CardError if it is a card whose `configs` are malformed.
    """
    from huggingface_hub import metadata_load

    try:
        header = metadata_load(folder / CARD) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    try:
        card = _Card.model_validate(header)
    except ValidationError as error:
        raise CardError(f"{folder / CARD}: {sentences(error, _Card)}") from error
    return {configuration.config_name: configuration for configuration in card.configs}
