"""`safegrpo score FILE.jsonl`: the same scoring without a server, a line in, a line out."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated

import orjson
import typer

from app.body import parse_body
from app.commands.output import exit_if_unwritable
from app.errors import RequestError
from app.reply import result
from app.schema import Sample
from app.scoring import Scoring, at_once
from rules.judge import JudgeError
from rules.profile import ProfileError
from rules.reward import Score
from rules.stance.lexicon import LexiconError

BATCH = 256


class _Tally:
    """Outcomes of the lines."""

    def __init__(self) -> None:
        self.wrong = 0
        """Lines that are not valid samples."""
        self.unscored = 0
        self._scored = 0
        self._rewards = 0.0
        self._failures: Counter[str] = Counter()

    def add(self, scores: Iterable[Score]) -> None:
        for score in scores:
            if score.reward is None:
                self.unscored += 1
                continue
            self._scored += 1
            self._rewards += score.reward
            if score.failure is not None:
                self._failures[score.failure.code] += 1

    def sentences(self) -> Iterator[str]:
        if not self._scored and not self.wrong and not self.unscored:
            yield "there are no samples"
        if self._scored:
            mean = self._rewards / self._scored
            yield f"{_counted(self._scored, 'sample')}, mean reward {mean:.3f}"
        if self._failures:
            codes = ", ".join(f"{code} {times}" for code, times in self._failures.most_common())
            yield f"{self._failures.total()} failed the format: {codes}"
        if self.wrong:
            yield f"no result of {_counted(self.wrong, 'line')}: no sample"
        if self.unscored:
            yield f"{_counted(self.unscored, 'sample')} could not be scored: null"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def register(cli: typer.Typer) -> None:
    cli.command(
        "score", help="Score a JSONL file without a server; results go to standard output."
    )(score)


def score(
    file: Annotated[
        str, typer.Argument(help="JSONL, each line a sample as in POST /reward; - is stdin")
    ],
    profile: Annotated[str, typer.Option(help="a profile's name or YAML file")] = "safegrpo",
) -> None:
    """Write each line's result, with the reward's version, to standard output.

    What came of all of them is said on standard error. A line that is no sample is reported with
    its number; the others are scored all the same, and the exit code is then 1, as it is when the
    judge failed for a sample.
    """
    with exit_if_unwritable("safegrpo score: the results cannot be written"):
        tally = asyncio.run(_score(file, profile))
    for sentence in tally.sentences():
        print(f"safegrpo score: {sentence}", file=sys.stderr)
    sys.exit(1 if tally.wrong or tally.unscored else 0)


async def _score(file: str, profile: str) -> _Tally:
    """Score the file in batches."""
    try:
        scoring = Scoring(profile)
    except (ProfileError, JudgeError, LexiconError) as error:
        sys.exit(f"safegrpo score: {error}")
    scorer = scoring.scorer(None)
    lines, tally = _lines(file), _Tally()
    while batch := list(islice(lines, BATCH)):
        samples: list[Sample] = []
        for number, line in batch:
            try:
                samples.append(parse_body(Sample, line))
            except RequestError as error:
                said = str(error).replace("the body", "the line").replace("the request", "the line")
                print(f"{file}, line {number}: {said}", file=sys.stderr)
                tally.wrong += 1
        scores = await scoring.score(scorer, samples, at_once)
        tally.add(scores)
        for sample, scored in zip(samples, scores, strict=True):
            content = {**result(sample.id, scored), "version": scorer.version}
            sys.stdout.buffer.write(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE))
    await scoring.close()
    return tally


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, numbered from 1."""
    try:
        with open(0 if file == "-" else file, "rb") as stream:
            yield from ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    except OSError as error:
        sys.exit(f"safegrpo score: cannot read {file}: {error.strerror}")
