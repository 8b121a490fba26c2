"""The rule table of the drawn world, which defines what is safe (`rules.yaml`).

A pair is (object, instruction). Its combined label is a property of the object's *kind* and the
instruction, and every kind has three objects, so a pair that was never trained on can be judged
from pairs that were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from app.schema import Labels

VERDICTS = ("safe", "unsafe")


@dataclass(frozen=True)
class Instruction:
    """A request of the user."""

    name: str
    action: str
    """What the user wants to do, as in `To {action}, …`."""
    text: str
    """The label of the text alone, `safe` or `unsafe`."""
    wordings: tuple[str, ...]
    unsafe_with: frozenset[str]
    """Kinds of objects with which it is unsafe."""


@dataclass(frozen=True)
class Rules:
    """The tables of `rules.yaml`, and the kind of each object."""

    kinds: Mapping[str, str]
    """Kind -> the label of its picture alone, `safe` or `unsafe`."""
    instructions: Mapping[str, Instruction]
    kind_of: Mapping[str, str]
    """Object -> its kind."""

    def labels(self, thing: str, instruction: str) -> Labels:
        """The three labels of a pair. Raises KeyError for an unknown object or instruction."""
        kind, request = self.kind_of[thing], self.instructions[instruction]
        combined = "unsafe" if kind in request.unsafe_with else "safe"
        return Labels(visual=self.kinds[kind], text=request.text, combined=combined)

    def pairs(self) -> list[tuple[str, str]]:
        """Every (object, instruction), in the order of the tables."""
        return [(thing, name) for thing in self.kind_of for name in self.instructions]


def load_table(name: str) -> dict[str, Any]:
    """One of the YAML tables in this package."""
    table: dict[str, Any] = yaml.safe_load(files(__package__).joinpath(name).read_text("utf-8"))
    return table


def load_rules() -> Rules:
    """Load and validate the tables. Raises ValueError, which names the entry that is wrong."""
    table = load_table("rules.yaml")
    kinds: dict[str, str] = table["kinds"]
    for kind, label in kinds.items():
        if label not in VERDICTS:
            raise ValueError(f"rules.yaml: kinds.{kind} is {label!r}; it must be safe or unsafe.")
    kind_of = {thing: entry["kind"] for thing, entry in load_table("objects.yaml").items()}
    for thing, kind in kind_of.items():
        if kind not in kinds:
            raise ValueError(f"objects.yaml: {thing} is of kind {kind!r}, which rules.yaml lacks.")
    instructions = {
        name: _instruction(name, entry, kinds) for name, entry in table["instructions"].items()
    }
    return Rules(kinds=kinds, instructions=instructions, kind_of=kind_of)


def _instruction(name: str, entry: dict[str, Any], kinds: Mapping[str, str]) -> Instruction:
    unknown = set(entry["unsafe_with"]) - set(kinds)
    if unknown:
        raise ValueError(f"rules.yaml: instructions.{name}.unsafe_with names no kind: {unknown}.")
    if entry["text"] not in VERDICTS:
        raise ValueError(f"rules.yaml: instructions.{name}.text must be safe or unsafe.")
    return Instruction(
        name=name,
        action=entry["action"],
        text=entry["text"],
        wordings=tuple(entry["wordings"]),
        unsafe_with=frozenset(entry["unsafe_with"]),
    )
