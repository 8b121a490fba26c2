"""One case is a drawing and a question about it; a sequence of cases is a data set that draws when
asked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from train_client.data import Example
from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, Scene
from train_client.world.split import Pair


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
    """``each`` cases of every pair: counts and wordings in turn, drawings by ``seed``."""
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
    """The cases in random order, safe and unsafe combinations in turn; the rarer label repeats.

    In a batch with more of one label, always saying that label pays: the gradient of small batches
    then swings between refusing everything and nothing.
    """
    shuffled = list(cases)
    random.Random(f"balanced/{seed}").shuffle(shuffled)
    sides: dict[str, list[Case]] = {"safe": [], "unsafe": []}
    for case in shuffled:
        sides[rules.labels(case.scene.thing, case.instruction).combined].append(case)
    turns = range(max(map(len, sides.values())))
    return [side[turn % len(side)] for turn in turns for side in sides.values()]


class Drawn(Sequence[Example]):
    """Cases as examples; a picture is drawn when its example is asked for, and not kept."""

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
