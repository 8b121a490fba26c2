"""Cases of the drawn world, each a scene and an instruction, and the data set that they make."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from train_client.data.examples import Example
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene
from train_client.world.split import Pair

Cell = tuple[str, str]
"""(kind, instruction): an entry of the rule table."""


@dataclass(frozen=True)
class Case:
    """A scene and one wording of an instruction."""

    scene: Scene
    instruction: str
    wording: int

    def example(self, rules: Rules) -> Example:
        """The picture, the user's text and the labels, as the trainer takes them."""
        thing = self.scene.thing
        return Example(
            id=f"{thing}-{self.scene.count}-{self.scene.seed}/{self.instruction}-{self.wording}",
            instruction=rules.instructions[self.instruction].wordings[self.wording],
            labels=rules.labels(thing, self.instruction),
            pictures=(self.scene.draw(),),
        )


def draw_cases(rules: Rules, pairs: Sequence[Pair], each: int, seed: int) -> list[Case]:
    """`each` cases of every pair, which cycle through counts and wordings; `seed` determines the
    drawings.
    """
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
    """The cases in an order in which every short run is a balanced sample of the rule table.

    Safe and unsafe pairs alternate, and within each label all cells are equally frequent; cases of
    small cells repeat. In an unbalanced batch the more frequent label earns more whatever is shown,
    so the gradient of small batches would swing between refusing everything and nothing.
    """
    rng = random.Random(f"balanced/{seed}")
    by_label: dict[str, dict[Cell, list[Case]]] = {"safe": {}, "unsafe": {}}
    for case in rng.sample(cases, len(cases)):
        thing, name = case.scene.thing, case.instruction
        cells = by_label[rules.labels(thing, name).combined]
        cells.setdefault((rules.kind_of[thing], name), []).append(case)
    rounds = max(len(cell) for cells in by_label.values() for cell in cells.values())
    orders = [_in_rounds(cells, rounds, rng) for cells in by_label.values() if cells]
    turns = range(max(map(len, orders)))
    return [order[turn % len(order)] for turn in turns for order in orders]


def _in_rounds(cells: Mapping[Cell, Sequence[Case]], rounds: int, rng: random.Random) -> list[Case]:
    """`rounds` rounds of one case from each cell; each round shuffles the cells."""
    return [
        cells[cell][turn % len(cells[cell])]
        for turn in range(rounds)
        for cell in rng.sample(list(cells), len(cells))
    ]


class Drawn(Sequence[Example]):
    """Cases as a data set; pictures are drawn on access and not cached."""

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
