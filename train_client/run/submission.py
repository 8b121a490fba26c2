"""Groups of completions sent to the service while others are still being sampled.

A group is sent once all of its completions have ended, in one request, because the service reports
on groups too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

from app.schema import Result
from train_client.data.examples import Example
from train_client.learning.experience import Completion, Group
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.rollout.rollout import Ended, Rollout


class Submission:
    """The groups of one rollout batch, `size` completions each, and their rewards as they come."""

    def __init__(
        self,
        examples: Sequence[Example],
        size: int,
        policy: Policy,
        rewards: RewardClient,
        step: int,
        round_: int,
        *,
        inputs: dict[str, Any] | None,
        too_long: int,
    ) -> None:
        self.inputs = inputs
        """The encoded prompts, if they were encoded as one batch."""
        self.too_long = too_long
        """Prompts that were skipped because of their length."""
        self._examples = examples
        self._size = size
        self._policy = policy
        self._rewards = rewards
        self._step, self._round = step, round_
        self._rows: list[Completion | None] = [None] * (len(examples) * size)
        self._pending: list[tuple[list[Completion], Future[list[Result]]]] = []
        self._sent: set[int] = set()

    def add_ended(self, rows: Sequence[Ended], first: int) -> None:
        """Add completions that have ended, and send the groups that are whole by now.

        `first`: the row of the batch that is row 0 of the rollout.
        """
        for row in rows:
            self._add(first + row.row, row.tokens, row.logprobs, finished=True)
        self._send_whole_groups()

    def add_rest(self, rollout: Rollout, first: int) -> None:
        """Add what was not added yet, the completions cut at the token limit included."""
        logprobs, finished = rollout.logprobs_RT.tolist(), rollout.finished_R.tolist()
        for place, tokens in enumerate(rollout.rows()):
            if self._rows[first + place] is None:
                own = logprobs[place][: len(tokens)]
                self._add(first + place, tokens, own, finished=finished[place])
        self._send_whole_groups()

    @property
    def groups(self) -> list[Group]:
        """All groups, once all completions have been added."""
        return [self._group(place) for place in range(len(self._examples))]

    def wait(self, seconds: float) -> bool:
        """Wait so long for the rewards; whether all are there.

        Raises RewardError when a request has failed for good.
        """
        deadline = time.monotonic() + seconds
        while self._pending:
            completions, future = self._pending[0]
            if not wait([future], timeout=max(0.0, deadline - time.monotonic())).done:
                return False
            try:
                results = future.result()
            except BaseException:
                self.cancel()
                raise
            for completion, result in zip(completions, results, strict=True):
                completion.result = result
            self._pending.pop(0)
        return True

    def cancel(self) -> None:
        """Give up the requests that are still open."""
        for _, future in self._pending:
            future.cancel()

    def _add(self, row: int, tokens: list[int], logprobs: list[float], *, finished: bool) -> None:
        text = self._policy.decode(tokens)
        self._rows[row] = Completion(tokens, logprobs, finished, text)

    def _group(self, place: int) -> Group:
        rows = self._rows[place * self._size : (place + 1) * self._size]
        return Group(self._examples[place], [row for row in rows if row is not None])

    def _send_whole_groups(self) -> None:
        samples, completions = [], []
        for place in range(len(self._examples)):
            group = self._group(place)
            if place not in self._sent and len(group.completions) == self._size:
                self._sent.add(place)
                samples += group.samples(f"{self._step}.{self._round}.{place}")
                completions += group.completions
        if samples:
            self._pending.append((completions, self._rewards.submit(samples, self._step)))
