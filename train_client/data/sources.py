"""Where rows come from: JSONL, parquet, or a dataset on the hub. Rows are not validated here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from train_client.config.sections import DataConfig
from train_client.data.dataset_card import CARD, CardError, Configuration, configurations

SPLITS = ("train", "validation", "val", "dev", "test")
"""Split names that are recognised in file and folder names."""

SplitKey = Literal["split", "test_split"]
"""Keys of `data` that select the split: `split` for `train`, `test_split` for `test`."""


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
    """Rows of a .jsonl file, a .parquet file, a folder of parquet files, or a hub dataset.

    The last two may name a configuration, as in `OWNER/NAME:CONFIGURATION`. Raises DataError.
    """
    if not source:
        raise DataError("data.train is empty; give a .jsonl or .parquet file or a hub dataset.")
    path = Path(source)
    if path.suffix == ".jsonl":
        return _jsonl(path, config.images or path.parent)
    if path.suffix == ".parquet":
        return _parquet([path], config.images or path.parent)
    place, name = _split_configuration(source)
    folder = Path(place)
    if folder.is_dir():
        chosen = _configuration(folder, place, name)
        return _parquet(_files(folder, chosen, config, split, source), config.images or folder)
    if folder.exists() or place.count("/") != 1 or source.startswith((".", "/", "~")):
        raise DataError(
            f"{source} is no .jsonl file, .parquet file, folder or hub dataset (owner/name)."
        )
    return _hub(place, name, config, split)


def _split_configuration(source: str) -> tuple[str, str]:
    """The dataset, and its configuration after a colon; an empty string if there is none."""
    if ":" not in source or Path(source).exists():
        return source, ""
    place, _, name = source.rpartition(":")
    return place, name


def _configuration(folder: Path, source: str, name: str) -> Configuration | None:
    """The named configuration, else the default or only one; None if the card lists none.

    Raises DataError if the named one does not exist, if several exist and none is named, or if the
    card lists them in a way that cannot be read.
    """
    try:
        by_name = configurations(folder)
    except CardError as error:
        raise DataError(str(error)) from error
    listed = ", ".join(by_name) or "it names none"
    if name and name not in by_name:
        raise DataError(f"{source} has no configuration {name} (its README.md: {listed}).")
    if name:
        return by_name[name]
    default = next((each for each in by_name.values() if each.is_default), None)
    if default is None and len(by_name) > 1:
        raise DataError(
            f"{source} has several configurations ({listed}); name one of them after a colon, as "
            f"in {source}:{next(iter(by_name))}."
        )
    return default or next(iter(by_name.values()), None)


def _files(
    folder: Path, chosen: Configuration | None, config: DataConfig, key: SplitKey, source: str
) -> list[Path]:
    """The parquet files of the configuration's split, by the card's patterns or by file names."""
    split = config.split if key == "split" else config.test_split
    files = sorted(folder.rglob("*.parquet"))
    patterns = chosen.patterns() if chosen else {}
    if patterns:
        matched = (_matching(folder, pattern) for pattern in patterns.get(split, ()))
        listed = set(chain.from_iterable(matched))
        selected = [file for file in files if file in listed]
    else:
        base = folder / (chosen.data_dir or "") if chosen else folder
        selected = _of_split([file for file in files if file.is_relative_to(base)], split)
    if not selected:
        raise DataError(
            f"{source} holds no parquet file of split {split}; data.{key} selects the split."
        )
    return selected


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The files that match a pattern of the card. Raises DataError if Python cannot glob it."""
    try:
        # The hub takes a trailing `**` as all files below; Python takes it as folders.
        return list(folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern))
    except ValueError as error:
        raise DataError(f"{folder / CARD} lists files as {pattern!r}: {error}.") from error


def _of_split(files: list[Path], split: str) -> list[Path]:
    """Hub naming is `train-00000-of-00003.parquet`; a file that names none is in all."""

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
        # Not splitlines, which also splits at U+2028, which a JSON string may contain.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path}, row {number}"
        try:
            # RecursionError for deep nesting; ValueError also for overlong integers.
            values = json.loads(line)
        except (
            ValueError,
            RecursionError,
        ) as error:
            raise DataError(f"{place} is not valid JSON: {error}.") from error
        if not isinstance(values, dict):
            raise DataError(f"{place} is not a JSON object.")
        yield Row(_id(values, path, number), place, values, images)


def _id(values: Mapping[str, Any], path: Path, number: int) -> str:
    """The row's own id, else one made of file name and row number."""
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
    # The card first: a missing configuration is reported before gigabytes are downloaded.
    chosen = _configuration(_fetched(name, [CARD]), name, configuration)
    folder = _fetched(name, ["*.parquet", "**/*.parquet"])
    files = _files(folder, chosen, config, split, name)
    yield from _parquet(files, config.images or folder)


def _fetched(name: str, patterns: list[str]) -> Path:
    """Download the matching files of a hub dataset; returns their folder. Raises DataError."""
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
