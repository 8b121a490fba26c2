"""Which prompts a step gets, in an order that a resumed run continues exactly.

The order depends only on (seed, cursor); the cursor counts the examples used so far, over all
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
    """Their prompts, encoded: a part for each pass of sampling."""
    cursor: int
    """Examples used up, over all epochs, once this batch has been taken."""
    too_long: int
    """Examples that were passed over because of their length."""


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

        `share` (r, n): of n feeds over the same examples this is the r-th, which gives every n-th.
        """
        if not examples:
            raise DataError("There are no training examples.")
        self.cursor = 0
        self._examples = examples
        # Its own copy: a fast tokenizer must not be used by two threads at once.
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
        """The batch that is being prepared: from which cursor, how many examples, and itself."""

    def take(self, count: int) -> PromptBatch:
        """The next `count` examples, encoded; moves the cursor and starts on the batch after."""
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
        """Encode examples of a batch again, for a pass that carries only some of them.

        Done in the thread, so that the first passes run while those of later ones are encoded. The
        future raises DataError where an image has become unreadable meanwhile.
        """
        repeated = [example for example in examples for _ in range(repeat)]
        return self._thread.submit(lambda: self._encode(repeated).inputs)

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _encode(self, examples: Sequence[Example]) -> Prompts:
        template_kwargs = self._config.chat_template_kwargs
        return encode_prompts(self._processor, examples, self._instruction, template_kwargs)

    def _fetch(self, cursor: int, count: int) -> PromptBatch:
        """The next `count` examples from `cursor` on that can be used, encoded.

        Raises DataError as `screened` does, and if of a whole epoch no example can be used.
        """
        chosen: list[Example] = []
        passed_over = too_long = 0
        while len(chosen) < count:
            wanted = count - len(chosen)
            fresh = [self._at(cursor + offset) for offset in range(wanted)]
            cursor += wanted
            found = screened(self._encode, fresh, self._config)
            for problem in found.refused:
                log.warning("%s The row is left out (data.bad_rows=drop).", problem)
            if found.too_long and not self._warned:
                self._warned = True
                log.warning(
                    "%s It is left out, as all such prompts will be; prompts/too_long counts them.",
                    found.too_long[0],
                )
            chosen += found.examples
            too_long += len(found.too_long)
            passed_over += len(found.problems)
            if not chosen and passed_over >= len(self._examples):
                raise DataError(f"No training prompt can be used. {found.problems[0]}")
        size = self._prompts_per_pass or count
        if found.prompts is not None and not passed_over and self._repeat == 1 and size >= count:
            parts = [found.prompts]
        else:
            rows = [e for e in chosen for _ in range(self._repeat)]
            steps = range(0, len(rows), size * self._repeat)
            parts = [self._encode(rows[at : at + steps.step]) for at in steps]
        return PromptBatch(chosen, parts, cursor, too_long)

    def _at(self, place: int) -> Example:
        first, step = self._share
        epoch, offset = divmod(first + place * step, len(self._examples))
        if not self._config.shuffle:
            return self._examples[offset]
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            order = torch.randperm(len(self._examples), generator=generator).tolist()
            self._order = (epoch, order)
        return self._examples[self._order[1][offset]]
