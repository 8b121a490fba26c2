"""What the integrations share: settings, one client for each process, and a result's values."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from difflib import get_close_matches
from functools import cache
from typing import Any

from app.rows import GroundTruth
from app.schema import Result, Sample
from train_client.config.errors import ConfigError, unknown
from train_client.config.sections import RewardConfig
from train_client.config.train_config import parse_config
from train_client.integrations.coalescing import CoalescingClient
from train_client.reward.errors import RewardUnavailable

log = logging.getLogger(__name__)

PREFIX = "SAFEGRPO_REWARD_"
"""Prefix of the environment variables, as in SAFEGRPO_REWARD_URL."""

VARIABLES = {name: PREFIX + name.upper() for name in RewardConfig.model_fields}
"""Setting -> its environment variable."""
RUN, FALLBACK = PREFIX + "RUN", PREFIX + "FALLBACK"

COMPONENTS = ("format", "tag", "behavior", "format_credit", "explanation", "overlong")
"""All components that a profile may have."""

RETRIES = 5
"""How often a sample without a reward is sent again, for trainers without missing rewards."""

_clients: dict[tuple[int, str, str], CoalescingClient] = {}
"""(process, settings, run) -> its client."""
_clients_lock = threading.Lock()
_by_settings: dict[str, Rewards] = {}
"""See `shared_rewards`."""


class Rewards:
    """Scores samples, from any thread or event loop. Picklable.

    Args:
        run: a name for the service's statistics; default: SAFEGRPO_REWARD_RUN.
        settings: the keys of `RewardConfig` (url, profile, api_key_env, batch_size, in_flight,
            timeout, deadline). Those not given come from the SAFEGRPO_REWARD_… variables.

    Raises:
        ConfigError: a key is unknown, its value cannot be used, or the name of an environment
            variable is almost that of a setting.
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
        """For trainers that can leave samples out: `reward` is None for those without one.

        The future raises RewardUnavailable if the service is unavailable, unless
        `mask_unavailable`; and always if it has never answered.
        """
        return self._client.ask(samples, mask_unavailable=mask_unavailable)

    def score_with_retries(
        self, samples: Sequence[Sample], fallback: float | None = None
    ) -> Future[list[Result]]:
        """For trainers without missing rewards: sends samples that could not be scored again.

        See `reward_or_fallback` for those that have no reward in the end. The future raises
        RewardUnavailable if the service is unavailable, unless there is a `fallback`; and always
        if it has never answered.
        """
        return self._client.ask(samples, retries=RETRIES, mask_unavailable=fallback is not None)

    @property
    def _client(self) -> CoalescingClient:
        """The client of this process; a forked one has none of its parent's threads."""
        key = (os.getpid(), self.config.model_dump_json(), self.run)
        with _clients_lock:
            if key not in _clients:
                _clients[key] = CoalescingClient(self.config, self.run)
            return _clients[key]


def _refuse_misspelt(key_variable: str) -> None:
    """Raise ConfigError for an environment variable whose name is almost that of a setting.

    `key_variable` holds the service's key, and may have any name.
    """
    known = [*VARIABLES.values(), RUN, FALLBACK]
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in (*known, key_variable):
            for near in get_close_matches(variable, known, n=1, cutoff=0.9):
                raise ConfigError(f"The variable {variable} is no setting; {near} is.")


def fallback_given(argument: Any = None) -> float | None:
    """The reward that the user has chosen for samples that could not be scored; None without one.

    `argument`: the trainer's own `fallback`, which takes precedence over SAFEGRPO_REWARD_FALLBACK.

    Raises:
        ConfigError: it is not a number.
    """
    name, value = FALLBACK, os.environ.get(FALLBACK)
    if argument is not None:
        name, value = "fallback", argument
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be a number, such as 0.") from None


def check_value_name(value: str) -> None:
    """Refuse the misspelt name of a known value, before the service has named its own.

    Raises:
        ConfigError: `value` is almost a known name; the message gives that.
    """
    known = ["reward", *COMPONENTS, *(f"raw_{name}" for name in COMPONENTS)]
    for near in get_close_matches(value, known, n=1) if value not in known else ():
        raise ConfigError(f"there is no number `{value}`; did you mean {near}?")


def shared_rewards(settings: Mapping[str, Any]) -> Rewards:
    """The one `Rewards` of these settings, for trainers that pass settings with every call.

    Raises:
        ConfigError: see `Rewards`. Its message counts `fallback`, which the caller has taken out
            of `settings`, among the known keys.
    """
    key = repr(sorted(settings.items()))  # a wrong value may be anything, and have no hash
    if key not in _by_settings:
        known = [*RewardConfig.model_fields, "run", "fallback"]
        for name in settings:
            if name not in known:
                raise ConfigError(unknown(name, known))
        _by_settings[key] = Rewards(**settings)
    return _by_settings[key]


def sample_of(completion: str, truth: GroundTruth, prompt: str = "") -> Sample:
    """A sample; `prompt` is the user's text, unless the ground truth gives it."""
    return Sample(
        id=None,
        group=truth.group,
        completion=completion,
        prompt=truth.instruction or prompt,
        labels=truth.labels,
    )


def warn_without_prompts(samples: Sequence[Sample]) -> None:
    """Warn, once in a process, if none of the samples has a prompt."""
    if samples and not any(sample.prompt for sample in samples):
        _warn_of_missing_prompts()


@cache
def _warn_of_missing_prompts() -> None:
    log.warning(
        "Samples come without the user's text; their answers are read without what they answer "
        "and may be taken for another kind. Give the text as `instruction` beside the labels."
    )


def numbers(result: Result) -> dict[str, float]:
    """A result for a trainer's logs: components by their names, raw values as `raw_…`, `unscored`.

    All samples have the same keys; a component that could not be computed is 0.
    """
    raw = {f"raw_{name}": value for name, value in result.raw.items()}
    values = {name: value or 0.0 for name, value in {**result.components, **raw}.items()}
    return {**values, "unscored": float(result.reward is None)}


def reward_or_fallback(result: Result, fallback: float | None) -> float:
    """The reward, or the user's `fallback` for trainers without missing rewards.

    Raises:
        RewardUnavailable: there is no reward, and no fallback.
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
    """The reward, or another value of the result by its name; None if it was not scored.

    Raises:
        ValueError: the result has no such value.
    """
    if value == "reward" or result.reward is None:
        return result.reward
    known = numbers(result)
    if value not in known:
        raise ValueError(f"there is no number `{value}`; there are reward, {', '.join(known)}")
    return known[value]
