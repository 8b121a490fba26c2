"""Which files of a data set belong together: its configurations, as its card names them.

The card is README.md; `configs` in its YAML header lists them, each with patterns of files by split
or a folder (https://huggingface.co/docs/hub/datasets-manual-configuration).
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel

CARD = "README.md"


class _Files(BaseModel):
    split: str
    path: str | list[str]


class Configuration(BaseModel):
    config_name: str
    data_files: str | list[str] | list[_Files] | None = None
    """Patterns, all of the split `train`, or with the split of each; null: names tell."""
    data_dir: str = ""
    """The folder of its files, in the data set's."""
    default: bool = False

    @property
    def is_default(self) -> bool:
        return self.default or self.config_name == "default"

    def patterns(self) -> dict[str, list[str]]:
        """Split -> patterns of its files in the data set's folder; nothing where names tell."""
        found: dict[str, list[str]] = {}
        files = self.data_files or []
        for item in [files] if isinstance(files, str) else files:
            split, paths = (item.split, item.path) if isinstance(item, _Files) else ("train", item)
            for path in [paths] if isinstance(paths, str) else paths:
                found.setdefault(split, []).append(f"{self.data_dir}/{path}".lstrip("/"))
        return found


class _Card(BaseModel):
    configs: list[Configuration] = []


def configurations(folder: Path) -> dict[str, Configuration]:
    """Those of the data set in a folder, by name; none where its README.md is no such card."""
    from huggingface_hub import metadata_load

    try:
        card = _Card.model_validate(metadata_load(folder / CARD) or {})
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {found.config_name: found for found in card.configs}
