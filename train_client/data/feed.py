"""The prompts of each step, in an order that a resumed run continues exactly.

The order depends only on the seed; the cursor, saved in checkpoints, counts the examples consumed
over all epochs. The next batch is encoded in a thread while the current step computes.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from train_client.config.sections import DataConfig
from train_client.data.examples import Example
from train_client.data.prompts import Prompts, encode_prompts
from train_client.data.screening import Screened, screened
from train_client.data.sources import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PromptBatch:
    """The prompts of one rollout."""

    examples: list[Example]
    parts: list[Prompts]
    """Their encoded prompts, a part for each sampling pass."""
    cursor: int
    """The feed's cursor after this batch."""
    too_long: int
    """Examples that were skipped because of their length."""


class PromptFeed:
    """Yields batches of encoded prompts, epoch after epoch."""

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
        """Raises DataError if there are no examples.

        Args:
            examples: what to draw from.
            processor: the policy's.
            config: shuffling, limits on prompts, and arguments of the chat template.
            instruction: text appended to every prompt.
            seed: determines the order, if `config.shuffle`.
            repeat: rows of each prompt, for models whose prompts must be duplicated.
            prompts_per_pass: prompts that are encoded, and sampled, together; 0: the whole batch.
            share: (r, n): this is feed r of n over the same examples, and yields every n-th.
        """
        if not examples:
            raise DataError("There are no training examples.")
        self.cursor = 0
        self._examples = examples
        # Copied, because a fast tokenizer is not safe to use from two threads.
        self._processor = copy.deepcopy(processor)
        self._config = config
        self._instruction = instruction
        self._seed = seed
        self._repeat = repeat
        self._prompts_per_pass = prompts_per_pass
        self._share = share
        self._order: tuple[int, list[int]] = (-1, [])
        """An epoch, and the order of the examples in it."""
        self._warned = False
        """Whether it has been logged that a prompt is too long."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._next: tuple[int, int, Future[PromptBatch]] | None = None
        """The batch that is being prepared: the cursor before it, its size, and its future."""

    def take(self, count: int) -> PromptBatch:
        """The next `count` usable examples, encoded.

        Advances the cursor, and starts to prepare the batch that follows. Raises DataError for an
        example that cannot be used, as `screened` does, and if none can.
        """
        prepared, self._next = self._next, None
        if prepared is not None and prepared[:2] == (self.cursor, count):
            batch = prepared[2].result()
        else:
            batch = self._thread.submit(self._fetch, self.cursor, count).result()
        self.cursor = batch.cursor
        self._next = (self.cursor, count, self._thread.submit(self._fetch, self.cursor, count))
        return batch

    def encode(self, examples: Sequence[Example], repeat: int = 1) -> Future[dict[str, Any]]:
        """Encode examples of a batch again, `repeat` rows each, for a pass that has some of them.

        They are encoded in the thread, so that the first passes run while later ones are encoded.
        The future raises DataError if an image has become unreadable.
        """
        repeated = [example for example in examples for _ in range(repeat)]
        return self._thread.submit(lambda: self._encode(repeated).inputs)

    def close(self) -> None:
        """Cancel what is not encoded yet, and stop the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _encode(self, examples: Sequence[Example]) -> Prompts:
        template_kwargs = self._config.chat_template_kwargs
        return encode_prompts(self._processor, examples, self._instruction, template_kwargs)

    def _fetch(self, cursor: int, count: int) -> PromptBatch:
        """The next `count` usable examples after `cursor`, encoded.

        Raises DataError as `screened` does, and if as many examples as an epoch has are unusable.
        """
        chosen: list[Example] = []
        left_out = too_long = 0
        while len(chosen) < count:
            missing = count - len(chosen)
            candidates = [self._at(cursor + offset) for offset in range(missing)]
            cursor += missing
            result = screened(self._encode, candidates, self._config)
            self._warn(result)
            chosen += result.examples
            too_long += len(result.too_long)
            left_out += len(result.problems)
            if not chosen and left_out >= len(self._examples):
                raise DataError(f"No training prompt can be used. {result.problems[0]}")
        per_pass = self._prompts_per_pass or count
        if result.prompts is not None and not left_out and self._repeat == 1 and per_pass >= count:
            parts = [result.prompts]
        else:
            rows = [example for example in chosen for _ in range(self._repeat)]
            size = per_pass * self._repeat
            starts = range(0, len(rows), size)
            parts = [self._encode(rows[start : start + size]) for start in starts]
        return PromptBatch(chosen, parts, cursor, too_long)

    def _warn(self, result: Screened) -> None:
        """Log each row that the processor refuses, and the first prompt that is too long."""
        for problem in result.refused:
            log.warning("%s The row is left out (data.bad_rows=drop).", problem)
        if result.too_long and not self._warned:
            self._warned = True
            log.warning(
                "%s It is left out, as all such prompts will be; prompts/too_long counts them.",
                result.too_long[0],
            )

    def _at(self, cursor: int) -> Example:
        """The example that this feed yields after `cursor` others; each epoch has its own order."""
        first, step = self._share
        epoch, offset = divmod(first + cursor * step, len(self._examples))
        if not self._config.shuffle:
            return self._examples[offset]
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            order = torch.randperm(len(self._examples), generator=generator).tolist()
            self._order = (epoch, order)
        return self._examples[self._order[1][offset]]
