"""Settings in YAML are read as the rules' own files are: a key that is given twice is refused.

The trainer's, too; it knows no rules, but what it shares with the service.
"""

from rules.yaml_model import load_yaml

__all__ = ["load_yaml"]
