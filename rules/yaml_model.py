"""YAML files as pydantic models, with errors that name the key and what is allowed."""

import difflib
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from yaml.constructor import ConstructorError

try:  # libyaml's, ten times as fast, where PyYAML was built with it
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]  # another class, used alike

_MESSAGES: Final = {
    "missing": "is missing",
    "string_type": "must be text; put a number, yes or no in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "tuple_type": "must be a list",
    "model_attributes_type": "must be a mapping",
    "union_tag_not_found": "has no key {discriminator}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
}
"""Pydantic's words for these speak of Python."""


class _Loader(SafeLoader):
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


class YamlModel(BaseModel):
    """A mapping in a YAML file. A key that it does not have is refused, naming those it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, given: Any) -> Any:
        known = list(cls.model_fields)
        if isinstance(given, Mapping):
            unknown = next((str(key) for key in given if key not in known), None)
            if unknown is not None:
                close = difflib.get_close_matches(unknown, known, n=1)
                hint = f"did you mean {close[0]}? " if close else ""
                raise ValueError(f"there is no key {unknown!r}; {hint}known: {', '.join(known)}")
        elif not isinstance(given, cls):
            raise ValueError(f"must be a mapping; its keys: {', '.join(known)}")
        return given


Model = TypeVar("Model", bound=YamlModel)


def parse_yaml(model: type[Model], text: str, origin: str, unions: Set[str] = frozenset()) -> Model:
    """The `text` of a YAML file as a `model`.

    `origin`: what to call the file in errors. `unions`: keys that hold one of several models.
    Raises ValueError, with a sentence for each key that is wrong.
    """
    try:
        content = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{origin} is not valid YAML: {error}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A default that waits for keys which are wrong is not wrong itself.
        wrong = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
        said = "; ".join(f"{_place(item['loc'], unions, content)}: {_why(item)}" for item in wrong)
        raise ValueError(f"{origin}: {said}") from error


def _place(keys: tuple[int | str, ...], unions: Set[str], content: Any) -> str:
    # Behind the key of a union pydantic names the model it took, which is no key.
    own = [key for before, key in pairwise(("", *keys)) if before not in unions]
    return ".".join(_named(own, content)) or "the file"


def _named(keys: Sequence[int | str], content: Any) -> Iterator[str]:
    """The keys; what has a name in a list is called by it."""
    for key in keys:
        try:
            content = content[key]
        except (LookupError, TypeError):  # a key that is missing, or no mapping
            content = None
        name = content.get("name") if isinstance(content, Mapping) else None
        yield name if isinstance(key, int) and isinstance(name, str) else str(key)


def _why(item: Any) -> str:
    said = _MESSAGES.get(item["type"])
    if said is not None:
        return said.format(**item.get("ctx", {}))
    return str(item["msg"]).removeprefix("Value error, ")
