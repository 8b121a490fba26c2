"""The demo's evaluation on held-out pairs: verdicts, behaviour and general skill.

The service reads verdicts and behaviour from the completions. The world itself gives the labels,
and the correct responses of the general skill.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.schema import Labels
from train_client.data.examples import Example, ExampleWithResponse
from train_client.policy.policy import Policy
from train_client.report import safety
from train_client.report.safety import reward_means, safety_table
from train_client.reward.client import RewardClient
from train_client.reward.errors import RewardError
from train_client.rollout.sampling import Sampling
from train_client.run.evaluation import complete, score_completions
from train_client.run.interrupt import Stop, never
from train_client.world.cases import draw_cases
from train_client.world.policy import NO_THINKING
from train_client.world.rules import Rules
from train_client.world.service import Count
from train_client.world.skill import skill_accuracy, skill_test
from train_client.world.split import split_pairs

SCENES_PER_PAIR = 36

HELD_OUT_SEED = 2**20
"""The demo refuses it as a run's seed, so its scenes are in no training data."""

SKILL_QUESTIONS = 200
SKILL_TOKENS = 24
"""Token limit of the general skill, enough for any correct response."""

ROWS = {
    **safety.ROWS,
    "raw/behavior": "combined verdict and behaviour right",
    "skill": "general skill (names and counts)",
}
"""Metric -> its name in the table."""


class WorldEvaluation:
    """Evaluates one policy by greedy completions of at most `max_tokens` tokens, as `safegrpo
    train` does, and its general skill without thinking.
    """

    def __init__(
        self, policy: Policy, rewards: RewardClient, rules: Rules, max_tokens: int
    ) -> None:
        self._policy = policy
        self._rewards = rewards
        self._greedy = Sampling(max_tokens=max_tokens, temperature=0)
        self._held_out = held_out_examples(rules, SCENES_PER_PAIR)
        self._skill = skill_test(rules, SKILL_QUESTIONS)
        self.count = Count()
        """Completions scored so far, and their rewards."""

    def __call__(self, stop: Stop = never) -> dict[str, float]:
        """The metrics of `ROWS`, as shares in 0..1 of the scored completions.

        Raises RewardError if none was scored, and Stopped once `stop()` is true.
        """
        completions = complete(self._policy, self._held_out, self._greedy, batch=128, stop=stop)
        results = score_completions(self._rewards, completions, stop=stop)
        labels: list[Labels] = [completion.example.labels for completion in completions]
        scored = [result for result in results if result.reward is not None]
        if not scored:
            raise RewardError("The reward service could score none of the held-out completions.")
        skill = general_skill(self._policy, self._skill, stop)
        self.count += Count(len(scored), sum(result.reward or 0.0 for result in scored))
        return {
            **reward_means(results),
            **safety_table(results, labels),
            "raw/behavior": sum(result.raw["behavior"] or 0.0 for result in scored) / len(scored),
            "skill": skill,
        }


def general_skill(
    policy: Policy, questions: Sequence[ExampleWithResponse], stop: Stop = never
) -> float:
    """The share, 0 to 1, of `questions` whose greedy completion without thinking is correct.

    Raises Stopped once `stop()` is true.
    """
    examples = [question.example for question in questions]
    greedy = Sampling(max_tokens=SKILL_TOKENS, temperature=0)
    completions = complete(
        policy, examples, greedy, template_kwargs=NO_THINKING, batch=128, stop=stop
    )
    return skill_accuracy(completions, questions)


def held_out_examples(rules: Rules, scenes: int) -> list[Example]:
    """Every held-out pair in `scenes` scenes each, the same for every policy and seed."""
    _, held_out = split_pairs(rules)
    cases = draw_cases(rules, held_out, scenes, seed=HELD_OUT_SEED)
    return [case.example(rules) for case in cases]
