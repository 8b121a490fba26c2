"""TRL (tried with 1.16): `GRPOTrainer`, and the experimental `AsyncGRPOTrainer`.

    from train_client.integrations.for_trl import SafetyReward

    trainer = GRPOTrainer(model=..., args=..., train_dataset=...,
                          reward_funcs=SafetyReward(url="http://localhost:8700"))

The data set has the columns `image_tag, text_tag, combine_tag`, or one column `labels`; optionally
`instruction`, the user's text, instead of the prompt's last user message; and `group` (the row's
own number) for the service's statistics of groups. The components are logged as `safegrpo/…` and,
with `log_completions`, as columns of the table.

The reward of a sample that could not be scored is None: TRL leaves it out of its group's baseline
and gives it no advantage. If the service is unavailable for longer than `deadline`, this holds for
the whole batch, with a warning, unless `unavailable="raise"` or the service has never answered. For
GDPO give each component as a reward function; their calls are joined into one request:

    GRPOConfig(multi_objective_aggregation="normalize_then_sum", ...)
    reward_funcs=[SafetyReward("tag"), SafetyReward("behavior")]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Literal, get_args

from app.schema import Result
from train_client.config.errors import ConfigError
from train_client.integrations.columns import samples_of
from train_client.integrations.rewards import Rewards, check_value_name, numbers, value_of

Unavailable = Literal["mask", "raise"]


class SafetyReward:
    """A reward function; picklable, as the asynchronous trainer requires.

    Args:
        value: `reward`, or the name of another value of the result (`tag`, `raw_format`, …).
        unavailable: what to do if the service is unavailable: mask the batch, or raise. If it has
            never answered, the call always raises.
        run: a name for the service's statistics.
        settings: see `Rewards`.

    Raises:
        ConfigError: a setting cannot be used.
    """

    def __init__(
        self,
        value: str = "reward",
        *,
        unavailable: Unavailable = "mask",
        run: str = "",
        **settings: Any,
    ) -> None:
        if unavailable not in get_args(Unavailable):
            raise ConfigError(f"`unavailable` is mask or raise, not {unavailable!r}")
        check_value_name(value)
        self.value = value
        self.unavailable = unavailable
        self.rewards = Rewards(run, **settings)
        self.__name__ = "safegrpo" if value == "reward" else f"safegrpo_{value}"

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """One reward for each completion.

        Raises:
            LabelError: the data set lacks a column; the message names it.
            RewardError: the service refused, has never answered, or its reward changed during the
                run; with `unavailable="raise"` also if it is unavailable.
        """
        samples = samples_of(prompts, completions, columns)
        results = self.rewards.score(samples, mask_unavailable=self.unavailable == "mask").result()
        if self.value == "reward":
            _report(results, log_extra, log_metric)
        return [value_of(result, self.value) for result in results]


def _report(
    results: Sequence[Result],
    log_extra: Callable[[str, list[Any]], None] | None,
    log_metric: Callable[[str, float], None] | None,
) -> None:
    """Log the means of the components, and each sample's status and raw values."""
    if not results:
        return
    scored = [numbers(result) for result in results if result.reward is not None]
    if log_metric is not None:
        log_metric("safegrpo/unscored", 1 - len(scored) / len(results))
        for name in scored[0].keys() - {"unscored"} if scored else ():
            log_metric(f"safegrpo/{name}", fmean(row[name] for row in scored))
    if log_extra is not None:
        log_extra("status", [result.status for result in results])
        for name in results[0].raw:
            log_extra(f"safegrpo_{name}", [result.raw.get(name) for result in results])
