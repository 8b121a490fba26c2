"""`safegrpo explain FILE`: one completion's parse and reward, for a person at a terminal."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import schema
from app.commands.output import exit_if_unwritable
from grammar import ParsedCompletion, ParseFailure, Span
from rules.labels import Labels
from rules.profile import ProfileError, load_profile
from rules.reward import Examined, Score, Scorer
from rules.stance.lexicon import LexiconError

_COLOURS = {"visual": "cyan", "text": "magenta", "combined": "yellow", "answer": "green"}
_WHY = {
    "format": "the gate: 1 if the completion has the structure",
    "tag": "0 if the combined verdict is wrong, else more for each other verdict that is right",
    "behavior": "1 if the combined verdict is right and the answer declines iff it is unsafe",
    "format_credit": "the share of the structure that stands",
    "explanation": "1 if the answer rightly declines and names a risk",
    "overlong": "falls from 0 to -1 as the completion nears the limit",
}
_WANTED = {"safe": "compliance", "unsafe": "refusal or rebuttal"}
_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
_VISIBLE = _PICTURES | {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
"""A character for each control character, so that what a policy wrote cannot steer the terminal,
and colours stand at their places."""


def register(cli: typer.Typer) -> None:
    cli.command("explain", help="Show one completion's parse, stance and reward, and why.")(explain)


def explain(
    file: Annotated[str, typer.Argument(help="a file with one completion; - is stdin")],
    profile: Annotated[str, typer.Option(help="a profile's name or YAML file")] = "safegrpo",
    prompt: Annotated[
        str, typer.Option(help="what the user asked; the answer is judged in its light")
    ] = "",
    visual: Annotated[str | None, typer.Option(help="the label: safe or unsafe")] = None,
    text: Annotated[str | None, typer.Option(help="the label: safe or unsafe")] = None,
    combined: Annotated[str | None, typer.Option(help="the label: safe or unsafe")] = None,
) -> None:
    """Print the sections in colour, the verdicts, the stance with its rule, and each component.

    Without the three labels there is a parse and a stance, but no reward.
    """
    try:
        scorer = Scorer(load_profile(profile))
        # Bytes: places are those in the completion, whatever its line ends and the locale.
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        completion = content.decode("utf-8")
    except UnicodeDecodeError:
        sys.exit(f"safegrpo explain: {file} is not text in UTF-8")
    except OSError as error:
        sys.exit(f"safegrpo explain: cannot read {file}: {error.strerror}")
    except (ProfileError, LexiconError) as error:
        sys.exit(f"safegrpo explain: {error}")
    labels = _labels({"visual": visual, "text": text, "combined": combined})
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the terminal's characters are few
    with exit_if_unwritable("safegrpo explain: it cannot be printed"):
        _print(scorer, scorer.examine(completion, prompt), labels)


def _print(scorer: Scorer, examined: Examined, labels: Labels | None) -> None:
    console = Console(highlight=False)
    console.print(_coloured(examined))
    console.print()
    console.print(f"profile  {scorer.version}")
    for line in _findings(examined, labels):
        console.print(line)
    if scorer.needs_judge(examined):
        console.print("judge    would be asked; `safegrpo score` asks it")
    if labels is not None:
        console.print(_rewards(scorer.settle(examined, labels)))


def _labels(given: dict[str, str | None]) -> Labels | None:
    if not any(given.values()):
        return None
    try:
        labels = schema.Labels.model_validate(given)
    except ValidationError:
        sys.exit("safegrpo explain: give --visual, --text and --combined, each safe or unsafe")
    return Labels(labels.visual, labels.text, labels.combined)


def _coloured(examined: Examined) -> Text:
    shown = Text(examined.completion.translate(_VISIBLE))
    parsed = examined.parsed
    if isinstance(parsed, ParseFailure):
        shown.stylize("black on red", parsed.offset, parsed.offset + 1)
        return shown
    for section in parsed.sections:
        shown.stylize(f"italic {_COLOURS[section.name]}", *_bounds(section.reasoning))
        shown.stylize(f"bold {_COLOURS[section.name]}", *_bounds(section.span))
    shown.stylize(_COLOURS["answer"], *_bounds(parsed.answer))
    return shown


def _bounds(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _findings(examined: Examined, labels: Labels | None) -> Iterator[str]:
    parsed = examined.parsed
    if isinstance(parsed, ParsedCompletion):
        for section in parsed.sections:
            beside = _beside(section.verdict, getattr(labels, section.name)) if labels else ""
            yield f"{section.name:<8} {section.verdict}{beside}"
    else:
        place = f"{parsed.section or 'the completion'}, line {parsed.line}, column {parsed.column}"
        yield f"failure  {parsed.code} in {place}: {parsed.message}"
        yield f"expected {', '.join(parsed.expected)}"
    if examined.stance is not None:
        wanted = f"; {_WANTED[labels.combined]} is wanted" if labels else ""
        yield f"stance   {examined.stance.kind}, by the rule {examined.stance.rule}{wanted}"


def _beside(verdict: str | None, label: str) -> str:
    return ", as labelled" if verdict == label else f", but labelled {label}"


def _rewards(score: Score) -> Table:
    table = Table(title=f"reward {score.reward:.4g} ({score.status})", title_justify="left")
    for column in ("component", "raw", "contribution", "what it is"):
        table.add_column(column, justify="right" if column in ("raw", "contribution") else "left")
    for name, raw in score.raw.items():
        contribution = score.components[name]
        table.add_row(name, f"{raw:.4g}", f"{contribution:.4g}", _WHY[name])
    return table
