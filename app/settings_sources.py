"""Sources of settings besides flags: a YAML file, environment variables, and a file of keys.

Errors never quote a value, which may be a key.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import InitSettingsSource, SettingsError

from app.yaml_text import load_yaml


class ConfigFile(InitSettingsSource):
    """The YAML file that a flag or variable names. Raises SettingsError if it is invalid."""

    def __call__(self) -> dict[str, Any]:
        path = self.current_state.get("config")
        if not path or not Path(path).is_file():  # the setting's own validation reports it
            return {}
        try:
            content = load_yaml(Path(path).read_text(encoding="utf-8")) or {}
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else "?"
            raise SettingsError(f"{path}, line {line}: {error.problem}") from None
        except (yaml.YAMLError, OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise SettingsError(f"{path} must hold YAML, a line `name: value` a setting")
        return content


def refuse_misspelt(prefix: str, variables: Iterable[str], settings: Iterable[str]) -> None:
    """Refuse a variable whose name is nearly that of a setting. Raises SettingsError.

    With SAFEGRPO_API_KEY instead of SAFEGRPO_API_KEYS the service would silently be open. Less
    similar names belong to other programs.
    """
    known = [prefix + setting.upper() for setting in settings]
    for variable in variables:
        name = variable.upper()  # pydantic-settings ignores case
        if name.startswith(prefix) and name not in known:
            for near in get_close_matches(name, known, n=1, cutoff=0.9):
                raise SettingsError(f"{variable} is no setting; {near} is")


def keys_of(file: Path) -> tuple[str, ...]:
    """The keys in a file, one per line; lines that begin with `#` are comments.

    Raises:
        ValueError: there are none, or the file cannot be read as UTF-8.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")  # as some editors write it
    except OSError as error:
        raise ValueError(f"api_keys_file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("api_keys_file is not text in UTF-8") from None
    lines = (line.strip() for line in text.splitlines())
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise ValueError("api_keys_file has no keys; write one on a line of its own")
    return keys
