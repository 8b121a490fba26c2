"""Request bodies for the service: batches of well-formed completions, as JSON."""

import random

import orjson

from benchmarks.corpus import well_formed
from rules.labels import Labels

Samples = list[tuple[str, Labels]]

_SUFFIXES = {"official": "_safe", "paper": "_safe", "safegrpo": ""}


def samples(size: int, characters: int, profile: str) -> Samples:
    """Completions of about `characters` each in the profile's dialect, with their labels."""
    suffix = _SUFFIXES[profile]
    return [well_formed(random.Random(seed), characters, suffix) for seed in range(size)]


def request(profile: str, batch: Samples) -> bytes:
    """The body of `POST /reward` for a batch."""
    return orjson.dumps(
        {
            "profile": profile,
            "samples": [{"completion": text, "labels": labels._asdict()} for text, labels in batch],
        }
    )
