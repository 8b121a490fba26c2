"""Models' answers that people have labelled, from JSONL files; a third of them is held out.

Rules are tuned on the other two thirds alone, so the gap between the two shows overfitting.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pydantic

Label = Literal["refusal", "partial", "rebuttal", "compliance", "harmful", "other"]


class EvaluationError(ValueError):
    """The folder of labelled answers cannot be used; the message names file and row."""


class LabelledAnswer(pydantic.BaseModel):
    """One answer and what people said it does. Other keys of the row are ignored."""

    model_config = pydantic.ConfigDict(frozen=True)

    source: str
    language: str
    model: str
    prompt: str
    response: str
    label: Label

    @property
    def held_out(self) -> bool:
        return is_held_out(self.prompt)


def is_held_out(prompt: str) -> bool:
    """Whether a prompt belongs to the third that rules are never tuned on, by its hash."""
    return hashlib.sha256(prompt.encode()).digest()[0] % 3 == 0


def read_answers(folder: Path) -> list[LabelledAnswer]:
    """The rows of all `*.jsonl` files of `folder`, at least one. Raises EvaluationError."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise EvaluationError(f"{folder} {what}; name a folder of .jsonl files.")
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise EvaluationError(f"There is no .jsonl file of labelled answers in {folder}.")
    answers = [answer for path in paths for answer in _rows(path)]
    if not answers:
        raise EvaluationError(f"The .jsonl files in {folder} hold no row.")
    return answers


def _rows(path: Path) -> Iterable[LabelledAnswer]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # as some editors write it
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path.name} is not text in UTF-8.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield LabelledAnswer.model_validate_json(line)
        except pydantic.ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the row"
            raise EvaluationError(f"{path.name}, row {number}: {place}: {first['msg']}.") from error
