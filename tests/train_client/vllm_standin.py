"""A small vLLM that runs here: the part of its interface that the engine uses, and its rules.

It has a model and a processor of its own, loaded from the path that it is given, samples with them,
and is strict where vLLM is: asleep it samples nothing, awake it has the weights it was last given.
`contracts/test_vllm.py` compares the signatures here with vLLM's own source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor

from train_client.data.prompts import Prompts
from train_client.rollout.rollout import LocalEngine
from train_client.rollout.sampling import Sampling


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprobs: int | None = None
    detokenize: bool = True


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: Sequence[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


@dataclass
class RequestOutput:
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]


class Worker:
    """What `collective_rpc` reaches."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def reload_weights(self, weights_iterator: Iterable[tuple[str, Tensor]]) -> None:
        """All of them, by the names that a checkpoint has."""
        expected = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, tensor in weights_iterator:
                expected.pop(name).copy_(tensor)
        assert not expected, f"left as they were: {sorted(expected)}"


class LLM:
    made: ClassVar[list[LLM]] = []

    def __init__(
        self,
        model: str,
        *,
        dtype: str = "auto",
        seed: int = 0,
        gpu_memory_utilization: float = 0.92,
        **kwargs: Any,
    ) -> None:
        self.options = {"dtype": dtype, "memory": gpu_memory_utilization, **kwargs}
        self.worker = Worker(AutoModelForImageTextToText.from_pretrained(model))
        self.processor = AutoProcessor.from_pretrained(model)
        self.generator = torch.Generator().manual_seed(seed)
        self.asleep: set[str] = set()
        self.calls: list[str] = []
        self.asked: list[tuple[list[dict[str, Any]], SamplingParams]] = []
        self.made.append(self)

    def sleep(self, level: int = 1) -> None:
        assert self.options["enable_sleep_mode"]
        self.asleep = {"weights", "kv_cache"}
        self.calls.append(f"sleep {level}")

    def wake_up(self, tags: list[str] | None = None) -> bool:
        woken = set(self.asleep if tags is None else tags)
        assert woken <= self.asleep
        self.asleep -= woken
        self.calls.append(f"wake {' '.join(sorted(woken))}")
        return not self.asleep

    def collective_rpc(
        self,
        method: str | Callable[..., Any],
        timeout: float | None = None,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> list[Any]:
        assert "weights" not in self.asleep
        self.calls.append(str(method))
        return [getattr(self.worker, str(method))(*args, **(kwargs or {}))]

    def generate(
        self,
        prompts: Sequence[dict[str, Any]],
        sampling_params: SamplingParams,
        *,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        assert not self.asleep
        self.calls.append("generate")
        self.asked.append((list(prompts), sampling_params))
        return [self._answered(prompt, sampling_params) for prompt in prompts]

    def _answered(self, prompt: dict[str, Any], params: SamplingParams) -> RequestOutput:
        images = prompt.get("multi_modal_data", {}).get("image")
        inputs = dict(self.processor(text=[prompt["prompt"]], images=images, return_tensors="pt"))
        stop = tuple(params.stop_token_ids or ())
        engine = LocalEngine(self.worker.model, stop, pad_id=0)
        assert params.max_tokens is not None
        sampling = Sampling(max_tokens=params.max_tokens, temperature=params.temperature)
        found = engine.generate(Prompts([], [], inputs), params.n, sampling, self.generator)
        outputs = [
            CompletionOutput(
                index,
                "",
                tuple(row),
                None,
                None if params.logprobs is None else _positions(row, logprobs[: len(row)]),
                "stop" if finished else "length",
                row[-1] if finished else None,
            )
            for index, (row, logprobs, finished) in enumerate(
                zip(
                    found.rows(),
                    found.logprobs_RT.tolist(),
                    found.finished_R.tolist(),
                    strict=True,
                )
            )
        ]
        return RequestOutput(inputs["input_ids"][0].tolist(), outputs)


def _positions(tokens: list[int], logprobs: list[float]) -> list[dict[int, Logprob]]:
    """A dictionary for each token: what was sampled is in it, whatever else is."""
    return [{token: Logprob(value, rank=1)} for token, value in zip(tokens, logprobs, strict=True)]


MODULE = ModuleType("vllm")
vars(MODULE).update(LLM=LLM, SamplingParams=SamplingParams)
