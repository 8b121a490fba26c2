"""What every integration does: settings, one client a process, and the numbers of a result."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from typing import Any

from app.schema import Result, Sample
from train_client.config import RewardConfig, parse_config
from train_client.integrations.coalescing import CoalescingClient
from train_client.reward_client import RewardUnavailable

PREFIX = "SAFEGRPO_REWARD_"
"""Of the environment variables, e.g. SAFEGRPO_REWARD_URL."""

TRIES = 5
"""Times that a sample is asked for again, by trainers that know no missing reward."""

_clients: dict[tuple[int, str, str], CoalescingClient] = {}
_making = threading.Lock()


class Rewards:
    """The service as a trainer's process sees it. Picklable; usable from any thread and loop.

    Args:
        run: a name for the service's statistics; default: SAFEGRPO_REWARD_RUN.
        settings: the keys of `RewardConfig` (url, profile, api_key_env, batch_size, in_flight,
            timeout, deadline). What is not given comes from SAFEGRPO_REWARD_… variables.

    Raises:
        ConfigError: a key is unknown, or its value cannot be used.
    """

    def __init__(self, run: str = "", **settings: Any) -> None:
        known = {name: PREFIX + name.upper() for name in RewardConfig.model_fields}
        given = {name: os.environ[key] for name, key in known.items() if key in os.environ}
        tree = {"reward": {**given, **settings}}
        self.config = parse_config(tree, source="the reward's settings").reward
        self.run = run or os.environ.get(PREFIX + "RUN", "")

    def maybe(self, samples: Sequence[Sample], *, or_lost: bool = True) -> Future[list[Result]]:
        """For trainers that leave samples out: `reward` is None where there is none.

        Raises RewardUnavailable while the service stays away, unless `or_lost`.
        """
        return self._client.ask(samples, or_lost=or_lost)

    def certain(
        self, samples: Sequence[Sample], fallback: float | None = None
    ) -> Future[list[Result]]:
        """For trainers that know no missing reward: asks again for those; see `settled`."""
        return self._client.ask(samples, again=TRIES, or_lost=fallback is not None)

    @property
    def _client(self) -> CoalescingClient:
        """This process's: a forked process has no threads, and so needs a client of its own."""
        key = (os.getpid(), self.config.model_dump_json(), self.run)
        with _making:
            if key not in _clients:
                _clients[key] = CoalescingClient(self.config, self.run)
            return _clients[key]


def rewards_of(settings: Mapping[str, Any]) -> Rewards:
    """For trainers that pass the settings with every call: they are read once."""
    return _made(tuple(sorted(settings.items())))


@lru_cache(maxsize=8)
def _made(settings: tuple[tuple[str, Any], ...]) -> Rewards:
    return Rewards(**dict(settings))


def numbers(result: Result) -> dict[str, float]:
    """A result for a trainer's logs: components by their names, raw values as `raw_…`, and
    `unscored`. The same keys for every sample; 0 in the place of what could not be scored."""
    raw = {f"raw_{name}": value for name, value in result.raw.items()}
    values = {name: value or 0.0 for name, value in {**result.components, **raw}.items()}
    return {**values, "unscored": float(result.reward is None)}


def settled(result: Result, fallback: float | None) -> float:
    """The reward, for trainers that know no missing one.

    Raises:
        RewardUnavailable: there is none, and the user has not chosen a value for that case.
    """
    if result.reward is not None:
        return result.reward
    if fallback is None:
        raise RewardUnavailable(
            "The reward service could not score a sample, and this trainer cannot leave one out. "
            "See the service's log, or choose a reward for such samples with `fallback`."
        )
    return fallback


def chosen(result: Result, value: str) -> float | None:
    """The reward, or another number of the result by its name; None if it was not scored."""
    if value == "reward" or result.reward is None:
        return result.reward
    known = numbers(result)
    if value not in known:
        raise ValueError(f"there is no number `{value}`; there are reward, {', '.join(known)}")
    return known[value]
