"""What a run is: one YAML file, checked before anything is loaded, and saved beside its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from train_client.config.checks import check
from train_client.config.errors import ConfigError, sentences
from train_client.config.sections import Sections


class TrainConfig(Sections):
    """Every section, with keys that go together."""

    @model_validator(mode="after")
    def _can_be_meant(self) -> TrainConfig:
        check(self)
        return self

    def save(self, path: Path) -> None:
        """Write the whole configuration, defaults included, as YAML."""
        path.write_text(self.as_yaml())

    def as_yaml(self) -> str:
        """The text that `save` writes."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_config(tree: dict[str, Any], source: str = "the configuration") -> TrainConfig:
    """Validate a nested mapping.

    Raises ConfigError with a sentence that names `source`, the key and what is allowed.
    """
    try:
        return TrainConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{source} cannot be used:\n  {sentences(error, TrainConfig)}") from error
