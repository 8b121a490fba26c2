"""The prompts of each step, in an order that a resumed run continues exactly.

The order depends only on (seed, cursor); the cursor counts the examples consumed so far, over all
epochs. The next batch is encoded in a thread while the current step computes.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from train_client.config import DataConfig
from train_client.data import Example
from train_client.prompts import Prompts, encode_prompts
from train_client.screening import screened
from train_client.sources import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PromptBatch:
    examples: list[Example]
    parts: list[Prompts]
    """Their encoded prompts: one part for each sampling pass."""
    cursor: int
    """Examples consumed, over all epochs, up to and including this batch."""
    too_long: int
    """Examples that were left out because of their length."""


class PromptFeed:
    def __init__(
        self,
        examples: Sequence[Example],
        processor: Any,
        config: DataConfig,
        *,
        instruction: str,
        seed: int,
        repeat: int = 1,
        prompts_per_pass: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """`repeat`: rows of each prompt, for models whose prompts must be duplicated.

        `prompts_per_pass`: prompts of a batch that are encoded, and sampled, together; 0: all.

        `share` (r, n): this is feed r of n over the same examples, and yields every n-th.
        """
        if not examples:
            raise DataError("There are no training examples.")
        self.cursor = 0
        self._examples = examples
        # A copy of its own: a fast tokenizer is not safe to use from two threads.
        self._processor = copy.deepcopy(processor)
        self._config = config
        self._instruction = instruction
        self._seed = seed
        self._repeat = repeat
        self._prompts_per_pass = prompts_per_pass
        self._share = share
        self._order: tuple[int, list[int]] = (-1, [])
        self._warned = False
        """Whether it has been logged that prompts are left out."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._ahead: tuple[int, int, Future[PromptBatch]] | None = None
        """The batch that is being prepared: its first cursor, its size, and its future."""

    def take(self, count: int) -> PromptBatch:
        """The next `count` examples, encoded; advances the cursor and starts to encode the next."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[:2] == (self.cursor, count):
            batch = ahead[2].result()
        else:
            batch = self._thread.submit(self._fetch, self.cursor, count).result()
        self.cursor = batch.cursor
        later = self._thread.submit(self._fetch, self.cursor, count)
        self._ahead = (self.cursor, count, later)
        return batch

    def encode(self, examples: Sequence[Example], repeat: int = 1) -> Future[dict[str, Any]]:
        """Encode examples of a batch again, for a pass that has only some of them.

        This happens in the thread, so that the first passes run while later ones are encoded. The
        future raises DataError if an image has become unreadable meanwhile.
        """
        repeated = [example for example in examples for _ in range(repeat)]
        return self._thread.submit(lambda: self._encode(repeated).inputs)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _encode(self, examples: Sequence[Example]) -> Prompts:
        template_kwargs = self._config.chat_template_kwargs
        return encode_prompts(self._processor, examples, self._instruction, template_kwargs)

    def _fetch(self, cursor: int, count: int) -> PromptBatch:
        """The next `count` usable examples from `cursor` on, encoded.

        Raises DataError as `screened` does, and if a whole epoch has no usable example.
        """
        chosen: list[Example] = []
        left_out = too_long = 0
        while len(chosen) < count:
            wanted = count - len(chosen)
            fresh = [self._at(cursor + offset) for offset in range(wanted)]
            cursor += wanted
            result = screened(self._encode, fresh, self._config)
            for problem in result.refused:
                log.warning("%s The row is left out (data.bad_rows=drop).", problem)
            if result.too_long and not self._warned:
                self._warned = True
                log.warning(
                    "%s It is left out, as all such prompts will be; prompts/too_long counts them.",
                    result.too_long[0],
                )
            chosen += result.examples
            too_long += len(result.too_long)
            left_out += len(result.problems)
            if not chosen and left_out >= len(self._examples):
                raise DataError(f"No training prompt can be used. {result.problems[0]}")
        size = self._prompts_per_pass or count
        if result.prompts is not None and not left_out and self._repeat == 1 and size >= count:
            parts = [result.prompts]
        else:
            rows = [e for e in chosen for _ in range(self._repeat)]
            steps = range(0, len(rows), size * self._repeat)
            parts = [self._encode(rows[at : at + steps.step]) for at in steps]
        return PromptBatch(chosen, parts, cursor, too_long)

    def _at(self, cursor: int) -> Example:
        first, step = self._share
        epoch, offset = divmod(first + cursor * step, len(self._examples))
        if not self._config.shuffle:
            return self._examples[offset]
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            order = torch.randperm(len(self._examples), generator=generator).tolist()
            self._order = (epoch, order)
        return self._examples[self._order[1][offset]]
