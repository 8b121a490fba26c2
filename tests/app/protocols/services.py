"""Servers for the protocols' tests: a plain one, and one whose judge is never there, so that an
answer of unclear stance cannot be scored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.app.serving import server
from tests.rules.completions import completion

UNSCORABLE = completion("qzx vbn wrtp lkjh", combined="unsafe")
"""Its answer's stance is unclear."""


@contextmanager
def client(*flags: str) -> Iterator[httpx.Client]:
    with server(*flags) as (address, _), httpx.Client(base_url=address) as client:
        yield client


@contextmanager
def without_judge(folder: Path) -> Iterator[httpx.Client]:
    path = folder / "judged.yaml"
    path.write_text(
        "name: judged\nrelease: 1.0.0\nstructure: strict\ndialect: tags\ninstruction: tags.txt\n"
        "stance: {detector: rules}\n"
        "judge: {url: 'http://127.0.0.1:9/v1', model: m, format: rubric, ask: unclear, "
        "retries: 0, timeout: 5}\n"
    )
    with client("--profile", str(path)) as made:
        yield made
