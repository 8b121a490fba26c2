"""The split into training and held-out pairs, by a hash, independently of the labels.

Of each (kind, instruction) at most one object is held out, and only if the kind has others. So
every instruction is trained on with every kind, and what a held-out pair needs is learned from
other objects of its kind.
"""

import hashlib

from train_client.world.rules import Rules

HELD_OUT_SHARE = 0.4
"""Share of the (kind, instruction) cells of which an object is held out."""

Pair = tuple[str, str]
"""(object, instruction)."""


def split_pairs(rules: Rules) -> tuple[list[Pair], list[Pair]]:
    """(training pairs, held-out pairs), the same in every run and for every seed."""
    held_out = set()
    for kind in rules.kinds:
        things = [thing for thing, its_kind in rules.kind_of.items() if its_kind == kind]
        for name in rules.instructions:
            if len(things) > 1 and _fraction(f"{kind}/{name}") < HELD_OUT_SHARE:
                held_out.add((_held_out_thing(things, name), name))
    pairs = rules.pairs()
    return [p for p in pairs if p not in held_out], [p for p in pairs if p in held_out]


def _fraction(text: str) -> float:
    """A hash of `text`, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def _held_out_thing(things: list[str], name: str) -> str:
    return min(things, key=lambda thing: _fraction(f"{thing}/{name}"))
