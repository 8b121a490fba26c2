"""YAML as people write settings, of the service and of the training client alike."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would drop the first without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                problem = f"the key {name!r} is given twice"
                raise ConstructorError(problem=problem, problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """What the YAML says.

    Raises:
        yaml.YAMLError: it is none, or gives a key twice.
        ValueError: it has a date that there is not.
    """
    return yaml.load(text, _Loader)
