"""YAML settings are parsed like the files of the rules: a duplicate key is an error.

Here because the training client may not import `rules`.
"""

from rules.yaml_model import load_yaml

__all__ = ["load_yaml"]
