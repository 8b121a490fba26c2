"""Rows of SafeTag's form (prompt, images, and three labels) as training examples.

Three sources, one set of checks: a .jsonl file with an image folder, parquet with embedded images,
or a dataset name on the hub. A row that cannot be used is never skipped in silence.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from app.rows import LabelError, row_labels
from app.schema import Labels
from train_client.config.sections import DataConfig
from train_client.data.pictures import UNREADABLE, Picture
from train_client.data.sources import DataError, Row, SplitKey, read_rows

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Example:
    """A prompt with its true labels. `instruction` is the user's text alone, without the format."""

    id: str
    instruction: str
    labels: Labels
    pictures: tuple[Picture | Image.Image, ...] = field(default=(), repr=False)
    segments: tuple[str, ...] = ()
    """The instruction split at its pictures, one more than there are pictures; empty: they come
    first."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text before each picture, and after the last."""
        return self.segments or ("",) * len(self.pictures) + (self.instruction,)

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """Decoded on each access. Raises DataError if one has become unreadable."""
        try:
            return tuple(p.open() if isinstance(p, Picture) else p for p in self.pictures)
        except UNREADABLE as error:
            raise DataError(
                f"An image of the row {self.id} can no longer be read: {error}. Is it gone?"
            ) from error


LONGEST_ID = 1000
"""The service takes 1,024 characters, and the position in the batch is appended."""

PLACEHOLDER = "<image>"
"""Marks the position of an image in a prompt."""

NO_JUDGEMENT = Labels(visual="safe", text="safe", combined="safe")
"""Placeholder labels of examples whose labels are not used."""


@dataclass(frozen=True)
class ExampleWithResponse:
    """A prompt and the response that its row holds."""

    example: Example
    response: str


def load_examples(
    config: DataConfig, source: str | None = None, split: SplitKey = "split"
) -> list[Example]:
    """Read `source` (default: `data.train`) and check every row, images included. `split` is the
    key of `data` that names its split.

    Raises DataError naming file and row of the first bad rows, unless `data.bad_rows` is `drop`;
    then they are left out, and a warning names and counts them.
    """
    return _load(config, source or config.train, split, _example)


def load_both(config: DataConfig, *, seed: int) -> tuple[list[Example], list[Example]]:
    """The rows to train on, and the held-out ones to evaluate on, if there are any.

    `data.hold_out` of the training rows are chosen by the seed, whatever else changes in a run.
    Raises DataError as `load_examples`, and when nothing would be left to train on.
    """
    examples = load_examples(config)
    if config.test:
        return examples, load_examples(config, config.test, "test_split")
    if config.hold_out >= len(examples):
        raise DataError(
            f"data.hold_out={config.hold_out} leaves nothing of {len(examples)} rows to train on."
        )
    chosen = set(random.Random(f"hold out/{seed}").sample(range(len(examples)), config.hold_out))
    return (
        [example for place, example in enumerate(examples) if place not in chosen],
        [example for place, example in enumerate(examples) if place in chosen],
    )


def load_responses(config: DataConfig, source: str) -> list[ExampleWithResponse]:
    """General rows (prompt, images, response) for `retention.data`; errors as `load_examples`."""
    return _load(config, source, "split", _with_response)


def _load(
    config: DataConfig, source: str, split: SplitKey, read: Callable[[Row, int], T]
) -> list[T]:
    loaded: list[T] = []
    problems: list[str] = []
    for row in read_rows(config, source, split):
        try:
            loaded.append(read(row, config.max_pixels))
        except DataError as error:
            problems.append(f"{row.place}: {error}")
        if config.limit and len(loaded) == config.limit:
            break
    if problems:
        _report(problems, len(loaded), config.bad_rows == "drop")
    if not loaded:
        raise DataError(f"{source} holds no usable row.")
    return loaded


def _report(problems: list[str], good: int, drop: bool) -> None:
    shown = "\n".join(f"  {problem}" for problem in problems[:10])
    more = f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else ""
    text = f"{len(problems)} of {good + len(problems)} rows cannot be used:\n{shown}{more}"
    if not drop:
        raise DataError(f"{text}\nRepair them, or set data.bad_rows=drop to leave them out.")
    log.warning("%s\nThey are left out.", text)


def _example(row: Row, max_pixels: int) -> Example:
    try:
        labels = row_labels(row.values)
    except LabelError as error:
        raise DataError(f"{error}.") from None
    return _example_of(row, labels, max_pixels)


def _with_response(row: Row, max_pixels: int) -> ExampleWithResponse:
    response = _text(row, "response")
    return ExampleWithResponse(_example_of(row, NO_JUDGEMENT, max_pixels), response)


def _example_of(row: Row, labels: Labels, max_pixels: int) -> Example:
    prompt = _text(row, "prompt")
    pictures = tuple(_picture(image, row.images, max_pixels) for image in _images(row.values))
    if len(row.id) > LONGEST_ID:
        raise DataError(f"`id` has {len(row.id)} characters; at most {LONGEST_ID} can be.")
    return make_example(row.id, prompt, labels, pictures)


def make_example(name: str, prompt: str, labels: Labels, pictures: tuple[Picture, ...]) -> Example:
    """An example with its pictures at the prompt's placeholders, or first if it has none.

    Raises DataError if the numbers of placeholders and pictures differ.
    """
    segments = _segments(prompt.strip(), len(pictures))
    text = " ".join(filter(None, map(str.strip, segments)))
    # If the pictures come first, the chat template decides the white space before the text.
    kept = segments if any(map(str.strip, segments[:-1])) else ()
    return Example(id=name, instruction=text, labels=labels, pictures=pictures, segments=kept)


def _text(row: Row, column: str) -> str:
    text = row.values.get(column)
    if text is None or (isinstance(text, str) and not text.strip()):
        raise DataError(f"`{column}` is missing or empty.")
    if not isinstance(text, str):
        raise DataError(
            f"`{column}` must be text, and is a {type(text).__name__}; of a conversation give the "
            "one message's text."
        )
    return text


def _segments(prompt: str, pictures: int) -> tuple[str, ...]:
    """The prompt split at its placeholders; without pictures they are ordinary text."""
    places = prompt.count(PLACEHOLDER)
    if not pictures or not places:
        return ("",) * pictures + (prompt,)
    if places != pictures:
        raise DataError(
            f"`prompt` has {places} times {PLACEHOLDER}, and `images` has {pictures}; give as many "
            "of the one as of the other, or no placeholder, and the images come first."
        )
    return tuple(prompt.split(PLACEHOLDER))


def _images(values: Mapping[str, Any]) -> Iterator[Any]:
    images = values.get("images")
    if images is None:
        raise DataError('the column `images` is missing; a row of text alone wants "images": [].')
    yield from images if isinstance(images, list) else [images]


def _picture(image: Any, folder: Path, max_pixels: int) -> Picture:
    """Check that the image can be decoded, then forget its pixels."""
    held = image.get("bytes") if isinstance(image, Mapping) else image
    if isinstance(held, bytes) and held:
        picture, name = Picture(held, max_pixels), "an embedded image"
    else:
        path = image.get("path") if isinstance(image, Mapping) else image
        if not isinstance(path, str) or not path:
            raise DataError("an entry of `images` is neither a path nor embedded bytes.")
        picture, name = Picture(folder / path, max_pixels), f"the image {folder / path}"
    try:
        picture.open()
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist.") from error
    except UNREADABLE as error:
        raise DataError(f"{name} cannot be read as an image ({type(error).__name__}).") from error
    return picture
