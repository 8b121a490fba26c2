"""Where rows come from: JSONL, parquet, or a dataset on the hub. Rows are not judged here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from train_client.config import DataConfig
from train_client.dataset_card import CARD, Configuration, configurations

SPLITS = ("train", "validation", "val", "dev", "test")
"""Names by which a file belongs to a split."""

SplitKey = Literal["split", "test_split"]
"""Keys of `data` that name the split which is read: of `train`, and of `test`."""


class DataError(ValueError):
    """Data that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Row:
    id: str
    place: str
    """File and row, for messages."""
    values: dict[str, Any]
    images: Path
    """Folder that relative image paths start from."""


def read_rows(config: DataConfig, source: str, split: SplitKey) -> Iterator[Row]:
    """Rows of a .jsonl file, a .parquet file, a folder of parquet files, or a hub dataset; of the
    last two one configuration, as in `OWNER/NAME:CONFIGURATION`."""
    if not source:
        raise DataError("data.train is empty; give a .jsonl or .parquet file or a hub dataset.")
    path = Path(source)
    if path.suffix == ".jsonl":
        return _jsonl(path, config.images or path.parent)
    if path.suffix == ".parquet":
        return _parquet([path], config.images or path.parent)
    place, name = _named(source)
    folder = Path(place)
    if folder.is_dir():
        chosen = _configuration(folder, place, name)
        return _parquet(_files(folder, chosen, config, split, source), config.images or folder)
    if folder.exists() or place.count("/") != 1 or source.startswith((".", "/", "~")):
        raise DataError(
            f"{source} is no .jsonl file, .parquet file, folder or hub dataset (owner/name)."
        )
    return _hub(place, name, config, split)


def _named(source: str) -> tuple[str, str]:
    """The data set, and the configuration of it that is named behind a colon, if one is."""
    if ":" not in source or Path(source).exists():
        return source, ""
    place, _, name = source.rpartition(":")
    return place, name


def _configuration(folder: Path, source: str, name: str) -> Configuration | None:
    """The one that is named, else the default or only one; None where the card tells nothing.

    Raises DataError where there is no such one, or where several are and none is named.
    """
    found = configurations(folder)
    listed = ", ".join(found) or "it names none"
    if name and name not in found:
        raise DataError(f"{source} has no configuration {name} (its README.md: {listed}).")
    if name:
        return found[name]
    default = next((each for each in found.values() if each.is_default), None)
    if default is None and len(found) > 1:
        raise DataError(
            f"{source} has several configurations ({listed}); name one of them behind a colon, as "
            f"in {source}:{next(iter(found))}."
        )
    return default or next(iter(found.values()), None)


def _files(
    folder: Path, chosen: Configuration | None, config: DataConfig, key: SplitKey, source: str
) -> list[Path]:
    """The parquet files of a split of the configuration, by its card or by their names."""
    split = config.split if key == "split" else config.test_split
    files = sorted(folder.rglob("*.parquet"))
    patterns = chosen.patterns() if chosen else {}
    if patterns:
        each = (_matching(folder, pattern) for pattern in patterns.get(split, ()))
        listed = set(chain.from_iterable(each))
        found = [file for file in files if file in listed]
    else:
        base = folder / chosen.data_dir if chosen else folder
        found = _of_split([file for file in files if file.is_relative_to(base)], split)
    if not found:
        raise DataError(
            f"{source} holds no parquet file of split {split}; data.{key} says which one is read."
        )
    return found


def _matching(folder: Path, pattern: str) -> list[Path]:
    """What a pattern of the card stands for. Raises DataError where Python knows no such one."""
    try:
        # Two stars at the end are all files below, to the hub; to Python they are folders.
        return list(folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern))
    except ValueError as error:
        raise DataError(f"{folder / CARD} lists files as {pattern!r}: {error}.") from error


def _of_split(files: list[Path], split: str) -> list[Path]:
    """Hub naming is `train-00000-of-00003.parquet`; files that name no split belong to all."""

    def is_of(file: Path, name: str) -> bool:
        return file.name.startswith(f"{name}-") or name in (file.stem, file.parent.name)

    unnamed = [
        file
        for file in files
        if "-of-" not in file.name and not any(is_of(file, name) for name in SPLITS)
    ]
    return [file for file in files if is_of(file, split)] or unnamed


def _jsonl(path: Path, images: Path) -> Iterator[Row]:
    try:
        # Not splitlines, which would cut at the line separators that a prompt may hold.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}, row {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:  # numbers and nesting without end, too
            raise DataError(f"{place} is not valid JSON: {error}.") from error
        if not isinstance(values, dict):
            raise DataError(f"{place} is not a JSON object.")
        yield Row(_id(values, path, number), place, values, images)


def _id(values: Mapping[str, Any], path: Path, number: int) -> str:
    """The row's own, or else by its place."""
    own = values.get("id")
    return f"{path.stem}-{number}" if own is None or own == "" else str(own)


def _parquet(files: list[Path], images: Path) -> Iterator[Row]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    for path in files:
        try:
            batches = ParquetFile(path).iter_batches(batch_size=64)
            number = 0
            for batch in batches:
                for values in batch.to_pylist():
                    number += 1
                    place = f"{path}, row {number}"
                    yield Row(_id(values, path, number), place, values, images)
        except (OSError, ArrowException) as error:
            raise DataError(f"{path} cannot be read as parquet: {error}.") from error


def _hub(name: str, configuration: str, config: DataConfig, split: SplitKey) -> Iterator[Row]:
    # The card alone first: who has to name a configuration hears of it before gigabytes have come.
    chosen = _configuration(_fetched(name, [CARD]), name, configuration)
    folder = _fetched(name, ["*.parquet", "**/*.parquet"])
    files = _files(folder, chosen, config, split, name)
    yield from _parquet(files, config.images or folder)


def _fetched(name: str, patterns: list[str]) -> Path:
    """The folder with those files of a dataset on the hub. Raises DataError."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=patterns))
    except (
        HFValidationError,
        LocalEntryNotFoundError,
        HfHubHTTPError,
        httpx.HTTPError,
        OSError,
    ) as error:
        raise DataError(
            f"The dataset {name} cannot be fetched from the hub ({type(error).__name__}). "
            "Check the name and the network, or give the path of a local .jsonl or .parquet file."
        ) from error
