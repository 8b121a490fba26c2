"""`safegrpo evaluate-stance FOLDER`: the stance rules on answers that people have labelled."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.output import exit_if_unwritable
from app.stance_evaluation import evaluate
from rules.stance import StanceDetector


def register(cli: typer.Typer) -> None:
    cli.command("evaluate-stance")(evaluate_stance)


def evaluate_stance(
    folder: Annotated[Path, typer.Argument(help="a folder of JSONL files of labelled answers")],
) -> None:
    """Measure the stance rules on labelled answers, beside the public word list.

    Each line of the files is an object with the texts source, language,
    model, prompt, response and label: refusal, partial, rebuttal, compliance,
    harmful or other. A third of the prompts, by hash, is held out from tuning
    and reported apart.
    """
    try:
        report = evaluate(folder, StanceDetector())
    except (OSError, ValueError) as error:
        sys.exit(f"safegrpo evaluate-stance: {error}")
    with exit_if_unwritable("safegrpo evaluate-stance: it cannot be printed"):
        print(report.table())
