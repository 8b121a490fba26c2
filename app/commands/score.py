"""`safegrpo score FILE.jsonl`: the same scoring without a server, a line in, a line out."""

import sys
from collections.abc import Iterator
from typing import Annotated

import orjson
import typer

from app.body import parse_body
from app.errors import RequestError
from app.reply import result
from app.schema import Sample
from app.scoring import Scoring, score_sample
from rules.profile import ProfileError


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
    the exit code is then 1.
    """
    try:
        scoring = Scoring(profile)
    except ProfileError as error:
        sys.exit(f"safegrpo score: {error}")
    scorer = scoring.scorer(None)
    wrong = 0
    for number, line in _lines(file):
        try:
            sample = parse_body(Sample, line)
        except RequestError as error:
            print(f"{file}, line {number}: {error}", file=sys.stderr)
            wrong += 1
            continue
        scored = {**result(sample.id, score_sample(scorer, sample)), "version": scorer.version}
        sys.stdout.buffer.write(orjson.dumps(scored, option=orjson.OPT_APPEND_NEWLINE))
    if wrong:
        sys.exit(f"safegrpo score: {wrong} of the lines are no samples and have no result")


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, numbered from 1."""
    try:
        with open(0 if file == "-" else file, "rb") as stream:
            yield from ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    except OSError as error:
        sys.exit(f"safegrpo score: cannot read {file}: {error.strerror}")
