"""`safegrpo score FILE.jsonl`: the same scoring without a server, a line in, a line out."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import orjson
import typer

from app.body import parse_body
from app.errors import RequestError
from app.reply import result
from app.schema import Sample
from app.scoring import Scoring, at_once
from rules.judge import JudgeError
from rules.profile import ProfileError

BATCH = 256


def register(cli: typer.Typer) -> None:
    cli.command("score", help="Score a JSONL file of samples without a server.")(score)


def score(
    file: Annotated[
        str, typer.Argument(help="JSONL, each line a sample as in POST /reward; - is stdin")
    ],
    profile: Annotated[str, typer.Option(help="a profile's name or YAML file")] = "safegrpo",
) -> None:
    """Write each line's result, with the reward's version, to standard output.

    A line that is no sample is reported with its number; the others are scored all the same, and
    the exit code is then 1, as it is when the judge failed for a sample.
    """
    try:
        wrong, unscored = asyncio.run(_score(file, profile))
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # typer ends quietly: nobody reads on
    except OSError as error:
        sys.exit(f"safegrpo score: the results cannot be written: {error.strerror}")
    if wrong:
        print(f"safegrpo score: {wrong} lines are no samples: no result", file=sys.stderr)
    if unscored:
        print(f"safegrpo score: {unscored} samples could not be scored: null", file=sys.stderr)
    sys.exit(1 if wrong or unscored else 0)


async def _score(file: str, profile: str) -> tuple[int, int]:
    """Score the file in batches; returns how many lines are no samples, and how many unscored."""
    try:
        scoring = Scoring(profile)
    except (ProfileError, JudgeError) as error:
        sys.exit(f"safegrpo score: {error}")
    scorer = scoring.scorer(None)
    lines, wrong, unscored = _lines(file), 0, 0
    while batch := list(islice(lines, BATCH)):
        samples: list[Sample] = []
        for number, line in batch:
            try:
                samples.append(parse_body(Sample, line))
            except RequestError as error:
                print(f"{file}, line {number}: {error}", file=sys.stderr)
                wrong += 1
        scores = await scoring.score(scorer, samples, at_once)
        unscored += sum(scored.status == "service_error" for scored in scores)
        for sample, scored in zip(samples, scores, strict=True):
            content = {**result(sample.id, scored), "version": scorer.version}
            sys.stdout.buffer.write(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE))
    await scoring.close()
    return wrong, unscored


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, numbered from 1."""
    try:
        with open(0 if file == "-" else file, "rb") as stream:
            yield from ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    except OSError as error:
        sys.exit(f"safegrpo score: cannot read {file}: {error.strerror}")
