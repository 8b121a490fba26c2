"""Servers for the protocols' tests: a plain one, and one whose judge is never there, so that an
answer of unclear stance cannot be scored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.app.judged import UNCLEAR, judged_profile
from tests.app.serving import server
from tests.rules.completions import unsafe

UNSCORABLE = unsafe(UNCLEAR)


@contextmanager
def client(*flags: str) -> Iterator[httpx.Client]:
    with server(*flags) as (address, _), httpx.Client(base_url=address) as client:
        yield client


@contextmanager
def without_judge(folder: Path) -> Iterator[httpx.Client]:
    with client("--profile", judged_profile(folder, "http://127.0.0.1:9/v1")) as made:
        yield made
