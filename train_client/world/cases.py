"""Cases of the drawn world, a scene and a question about it each; and the dataset they make, which
draws lazily."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from train_client.data import Example
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene
from train_client.world.split import Pair

Cell = tuple[str, str]
"""(kind, instruction): where the rule table has one entry."""


@dataclass(frozen=True)
class Case:
    """A scene and one wording of an instruction."""

    scene: Scene
    instruction: str
    wording: int

    def example(self, rules: Rules) -> Example:
        """The case as the trainer sees it: picture, user's text, labels."""
        thing = self.scene.thing
        return Example(
            id=f"{thing}-{self.scene.count}-{self.scene.seed}/{self.instruction}-{self.wording}",
            instruction=rules.instructions[self.instruction].wordings[self.wording],
            labels=rules.labels(thing, self.instruction),
            pictures=(self.scene.draw(),),
        )


def draw_cases(rules: Rules, pairs: Sequence[Pair], each: int, seed: int) -> list[Case]:
    """`each` cases of every pair, cycling through counts and wordings; `seed` varies drawings."""
    rng = random.Random(f"cases/{seed}")
    return [
        Case(
            scene=Scene(thing, COUNTS[turn % len(COUNTS)], rng.randrange(2**31)),
            instruction=name,
            wording=turn % len(rules.instructions[name].wordings),
        )
        for thing, name in pairs
        for turn in range(each)
    ]


def balanced(rules: Rules, cases: Sequence[Case], seed: int) -> list[Case]:
    """The cases in an order in which every short stretch is a balanced sample of the rule table.

    Safe and unsafe combinations alternate, and within each label all (kind, instruction) cells are
    equally frequent; rarer ones repeat. In a batch with more of one label, always saying that label
    pays, and the gradient of small batches would swing between refusing everything and nothing.
    """
    rng = random.Random(f"balanced/{seed}")
    sides: dict[str, dict[Cell, list[Case]]] = {"safe": {}, "unsafe": {}}
    for case in rng.sample(cases, len(cases)):
        thing, name = case.scene.thing, case.instruction
        side = sides[rules.labels(thing, name).combined]
        side.setdefault((rules.kind_of[thing], name), []).append(case)
    rounds = max(len(cell) for side in sides.values() for cell in side.values())
    orders = [_in_rounds(side, rounds, rng) for side in sides.values() if side]
    turns = range(max(map(len, orders)))
    return [order[turn % len(order)] for turn in turns for order in orders]


def _in_rounds(cells: Mapping[Cell, Sequence[Case]], rounds: int, rng: random.Random) -> list[Case]:
    """`rounds` rounds of one case from each cell, the cells shuffled anew in each round."""
    return [
        cells[cell][turn % len(cells[cell])]
        for turn in range(rounds)
        for cell in rng.sample(list(cells), len(cells))
    ]


class Drawn(Sequence[Example]):
    """Cases as examples; pictures are drawn on access and not cached."""

    def __init__(self, rules: Rules, cases: Sequence[Case]) -> None:
        self._rules = rules
        self._cases = cases

    def __len__(self) -> int:
        return len(self._cases)

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...

    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        if isinstance(place, slice):
            return [case.example(self._rules) for case in self._cases[place]]
        return self._cases[place].example(self._rules)
