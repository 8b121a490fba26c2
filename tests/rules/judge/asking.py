"""Questions to a judge at an endpoint."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from rules.judge import Judge, JudgeSettings, Question
from tests.rules.judge.endpoint import chat

REFUSAL = chat('{"stance": "refusal"}')


def ask(judge: Judge, *answers: str, seconds: float = math.inf) -> Sequence[Any]:
    async def run() -> Sequence[Any]:
        try:
            return await judge.ask([Question("How?", answer) for answer in answers], seconds)
        finally:
            await judge.close()

    return asyncio.run(run())


def judge(url: str, **changes: Any) -> Judge:
    fields = {"url": url, "model": "m", "format": "rubric", "retries": 1, "timeout": 5, **changes}
    return Judge(JudgeSettings.model_validate(fields))
