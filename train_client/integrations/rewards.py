"""What every integration does: settings, one client a process, and the numbers of a result."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from difflib import get_close_matches
from functools import cache
from typing import Any

from app.schema import Result, Sample
from train_client.config import ConfigError, RewardConfig, parse_config
from train_client.config_errors import unknown
from train_client.integrations.coalescing import CoalescingClient
from train_client.reward_errors import RewardUnavailable

log = logging.getLogger(__name__)

PREFIX = "SAFEGRPO_REWARD_"
"""What the environment variables begin with, as in SAFEGRPO_REWARD_URL."""

VARIABLES = {name: PREFIX + name.upper() for name in RewardConfig.model_fields}
RUN, FALLBACK = PREFIX + "RUN", PREFIX + "FALLBACK"

COMPONENTS = ("format", "tag", "behavior", "format_credit", "explanation", "overlong")
"""All components that a profile may have."""

TRIES = 5
"""Times that a sample is asked for again, by trainers that know no missing reward."""

_clients: dict[tuple[int, str, str], CoalescingClient] = {}
_making = threading.Lock()
"""Held while a client is looked for or made."""
_by_settings: dict[str, Rewards] = {}
"""See `shared_rewards`."""


class Rewards:
    """The service as a trainer's process sees it. Picklable; usable from any thread and loop.

    Args:
        run: a name for the service's statistics; default: SAFEGRPO_REWARD_RUN.
        settings: the keys of `RewardConfig` (url, profile, api_key_env, batch_size, in_flight,
            timeout, deadline). What is not given comes from SAFEGRPO_REWARD_… variables.

    Raises:
        ConfigError: a key is unknown, or its value cannot be used, or a variable's name is nearly
            that of one.
    """

    def __init__(self, run: str = "", **settings: Any) -> None:
        environment = {
            name: os.environ[key] for name, key in VARIABLES.items() if key in os.environ
        }
        tree = {"reward": {**environment, **settings}}
        self.config = parse_config(tree, source="the reward's settings").reward
        _refuse_misspelt(self.config.api_key_env)
        self.run = run or os.environ.get(RUN, "")

    def score(
        self, samples: Sequence[Sample], *, mask_unavailable: bool = True
    ) -> Future[list[Result]]:
        """For trainers that leave samples out: `reward` is None where there is none.

        Raises RewardUnavailable while the service stays away, unless `mask_unavailable`; and if it
        has never answered.
        """
        return self._client.ask(samples, mask_unavailable=mask_unavailable)

    def score_with_retries(
        self, samples: Sequence[Sample], fallback: float | None = None
    ) -> Future[list[Result]]:
        """For trainers that know no missing reward: asks again for what could not be scored.

        What has no reward in the end is left to `reward_or_fallback`. Raises RewardUnavailable
        while the service stays away, unless there is a `fallback`; and if it has never answered.
        """
        return self._client.ask(samples, retries=TRIES, mask_unavailable=fallback is not None)

    @property
    def _client(self) -> CoalescingClient:
        """This process's: a forked process has no threads, and so needs a client of its own."""
        key = (os.getpid(), self.config.model_dump_json(), self.run)
        with _making:
            if key not in _clients:
                _clients[key] = CoalescingClient(self.config, self.run)
            return _clients[key]


def _refuse_misspelt(keys_own: str) -> None:
    """Refuse a variable whose name is nearly one of ours, as the service does with its own; but
    for the one that holds the key."""
    known = [*VARIABLES.values(), RUN, FALLBACK]
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in (*known, keys_own):
            for near in get_close_matches(variable, known, n=1, cutoff=0.9):
                raise ConfigError(f"The variable {variable} is no setting; {near} is.")


def fallback_given(argument: Any = None) -> float | None:
    """The reward that the user wants for what could not be scored; None if there is to be none.

    `argument`: the trainer's own `fallback`, which goes before SAFEGRPO_REWARD_FALLBACK.

    Raises:
        ConfigError: it is no number.
    """
    name, value = FALLBACK, os.environ.get(FALLBACK)
    if argument is not None:
        name, value = "fallback", argument
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be a number, such as 0.") from None


def check_value_name(value: str) -> None:
    """Refuse a near miss of a known value's name, before the service has named its own.

    Raises:
        ConfigError: naming the one that may be meant.
    """
    known = ["reward", *COMPONENTS, *(f"raw_{name}" for name in COMPONENTS)]
    for near in get_close_matches(value, known, n=1) if value not in known else ():
        raise ConfigError(f"there is no number `{value}`; did you mean {near}?")


def shared_rewards(settings: Mapping[str, Any]) -> Rewards:
    """`Rewards` of these settings, for trainers that pass them with every call: made once.

    Raises:
        ConfigError: see `Rewards`. The sentence names `fallback` among the known keys, though each
            trainer's module takes that one out itself.
    """
    key = repr(sorted(settings.items()))  # a wrong value may be anything, and have no hash
    if key not in _by_settings:
        known = [*RewardConfig.model_fields, "run", "fallback"]
        for name in settings:
            if name not in known:
                raise ConfigError(unknown(name, known))
        _by_settings[key] = Rewards(**settings)
    return _by_settings[key]


def warn_without_prompts(samples: Sequence[Sample]) -> None:
    """Warn, once a process, where none of the samples says what the user asked."""
    if samples and not any(sample.prompt for sample in samples):
        _warn_of_missing_prompts()


@cache
def _warn_of_missing_prompts() -> None:
    log.warning(
        "Samples come without the user's text; their answers are read without what they answer "
        "and may be taken for another kind. Give the text as `instruction` beside the labels."
    )


def numbers(result: Result) -> dict[str, float]:
    """A result for a trainer's logs: components by their names, raw values as `raw_…`, and
    `unscored`. The same keys for every sample; 0 in the place of what could not be scored."""
    raw = {f"raw_{name}": value for name, value in result.raw.items()}
    values = {name: value or 0.0 for name, value in {**result.components, **raw}.items()}
    return {**values, "unscored": float(result.reward is None)}


def reward_or_fallback(result: Result, fallback: float | None) -> float:
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


def value_of(result: Result, value: str) -> float | None:
    """The reward, or another number of the result by its name; None if it was not scored."""
    if value == "reward" or result.reward is None:
        return result.reward
    known = numbers(result)
    if value not in known:
        raise ValueError(f"there is no number `{value}`; there are reward, {', '.join(known)}")
    return known[value]
