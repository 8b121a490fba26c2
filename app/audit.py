"""What the audit of a run looks at: groups that teach nothing, verdicts that never change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import orjson

from grammar import SECTION_NAMES
from rules.reward import Score

GroupKind = Literal["all", "equal", "zero", "one", "constant_verdicts"]

NO_RUN = "none"
OTHER_RUNS = "other"


class Runs:
    """The names of runs as label values: so many by their name, all later ones `other`.

    Args:
        most: names that are kept.
        file: where workers that count together write the names, in the order in which they came.
    """

    def __init__(self, most: int, file: Path | None = None) -> None:
        self._most = most
        self._file = file
        self._known: set[str] = set()

    def label(self, run: str | None) -> str:
        if not run:
            return NO_RUN
        if run not in self._known and len(self._known) < self._most:
            self._learn(run)
        return run if run in self._known else OTHER_RUNS

    def _learn(self, run: str) -> None:
        names = [*self._known, run]
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(orjson.dumps(run, option=orjson.OPT_APPEND_NEWLINE))
            # Each worker reads the same order, so all keep the same names.
            names = [orjson.loads(line) for line in self._file.read_bytes().splitlines()]
        self._known = set(list(dict.fromkeys(names))[: self._most])


def group_kinds(scores: Sequence[Score]) -> Iterator[GroupKind]:
    """What is true of a group of scored samples; nothing of one that has less than two."""
    if len(scores) < 2:
        return
    yield "all"
    rewards = {score.reward for score in scores}
    if len(rewards) == 1:
        yield "equal"
    if rewards == {0.0}:
        yield "zero"
    if rewards == {1.0}:
        yield "one"
    triples = {_verdicts(score) for score in scores}
    if len(triples) == 1 and None not in triples:
        yield "constant_verdicts"


def _verdicts(score: Score) -> tuple[str | None, ...] | None:
    found = score.verdicts
    return None if found is None else tuple(found[name] for name in SECTION_NAMES)


def triple(verdicts: Sequence[str | None]) -> str:
    """`safe/safe/unsafe`; `none` where the completion has no verdicts."""
    given = [verdict or "none" for verdict in verdicts]
    return "none" if set(given) == {"none"} else "/".join(given)
