"""TRL's form of a reward function."""

import re
from typing import Any

import pytest

from app.rows import LabelError
from tests.train_client.integrations.conftest import TAGS
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.integrations.for_trl import SafetyReward

COLUMNS: dict[str, Any] = {name: [tag, tag] for name, tag in TAGS.items()}


def conversation(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}]


def test_completions_are_texts_or_conversations(service: Service) -> None:
    prompt = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "May I?"}]}]
    reward = SafetyReward()
    assert reward(prompts=["", ""], completions=["ab", "abc"], **COLUMNS) == [2.0, 3.0]
    chat = [conversation("ab"), conversation("abc")]
    assert reward(prompts=[prompt, prompt], completions=chat, **COLUMNS) == [2.0, 3.0]
    asked = service.requests[-1]["samples"][0]
    assert asked["prompt"] == "May I?"
    assert asked["labels"] == {"visual": "safe", "text": "unsafe", "combined": "unsafe"}


def test_the_last_message_of_a_completion_is_the_answer(service: Service) -> None:
    """One without a message is empty."""
    several = [*conversation("first"), {"role": "tool", "content": "seen"}, *conversation("last")]
    SafetyReward()(prompts=["", ""], completions=[several, []], **COLUMNS)
    asked = service.requests[-1]["samples"]
    assert [sample["completion"] for sample in asked] == ["last", ""]


def test_a_list_that_has_no_entry_for_each_row_is_no_column(service: Service) -> None:
    rewards = SafetyReward()(prompts=["", ""], completions=["a", "ab"], seeds=[7], **COLUMNS)
    assert rewards == [1.0, 2.0]


def test_of_nothing_there_is_nothing_to_report(service: Service) -> None:
    told: dict[str, Any] = {}
    reward = SafetyReward()
    logs = {"log_metric": told.__setitem__, "log_extra": told.__setitem__}
    assert reward(prompts=[], completions=[], **logs) == []
    assert not told


def test_a_column_group_says_which_samples_answer_one_prompt(service: Service) -> None:
    SafetyReward()(prompts=["", ""], completions=["a", "b"], group=[7, 7], **COLUMNS)
    assert [sample["group"] for sample in service.requests[-1]["samples"]] == ["7", "7"]


def test_thinking_that_the_chat_template_took_out_is_put_back(service: Service) -> None:
    message = {"role": "assistant", "content": "<answer>", "reasoning_content": "Hm."}
    SafetyReward()(prompts=[""], completions=[[message]], labels=[TAGS])
    assert service.requests[-1]["samples"][0]["completion"] == "<think>Hm.</think>\n<answer>"


def test_a_sample_that_could_not_be_scored_is_none_and_out_of_the_means(service: Service) -> None:
    service.reward = lambda text: None if text == "lost" else 1.0
    metrics: dict[str, float] = {}
    extras: dict[str, list[Any]] = {}
    rewards = SafetyReward()(
        prompts=["", ""],
        completions=["lost", "won"],
        completion_ids=[[1], [2]],
        trainer_state=object(),
        log_metric=metrics.__setitem__,
        log_extra=extras.__setitem__,
        **COLUMNS,
    )
    assert rewards == [None, 1.0]
    assert metrics["safegrpo/unscored"] == 0.5
    assert (metrics["safegrpo/tag"], metrics["safegrpo/raw_tag"]) == (0.25, 1.0)
    assert extras["status"] == ["service_error", "ok"]
    assert extras["safegrpo_tag"] == [None, 1.0]
    assert extras.keys() == {"status", "safegrpo_tag", "safegrpo_behavior"}


def test_a_component_can_be_a_reward_of_its_own(service: Service) -> None:
    reward = SafetyReward("tag")
    assert reward.__name__ == "safegrpo_tag"
    assert reward(prompts=["", ""], completions=["ab", "abcd"], **COLUMNS) == [0.5, 1.0]
    with pytest.raises(ValueError, match="there is no number `mine`"):
        SafetyReward("mine")(prompts=[""], completions=["ab"], labels=[TAGS])


def test_a_missing_column_is_named_before_anything_is_sent(service: Service) -> None:
    columns = {name: values for name, values in COLUMNS.items() if name != "combine_tag"}
    with pytest.raises(LabelError, match="no `combine_tag`"):
        SafetyReward()(prompts=["", ""], completions=["a", "b"], **columns)
    assert not service.requests


def test_a_service_that_stays_away_masks_the_batch_or_raises(service: Service) -> None:
    masking, raising = (SafetyReward(deadline=0.3, unavailable=how) for how in ("mask", "raise"))
    assert masking(prompts=["", ""], completions=["a", "ab"], **COLUMNS) == [1.0, 2.0]
    service.kill()
    assert masking(prompts=["", ""], completions=["a", "b"], **COLUMNS) == [None, None]
    with pytest.raises(RuntimeError, match="gives no rewards within"):
        raising(prompts=["", ""], completions=["a", "b"], **COLUMNS)
    service.start()


def test_one_that_has_never_answered_raises_in_any_case(service: Service) -> None:
    """A run at a wrong address would mask every batch and learn nothing."""
    service.kill()
    with pytest.raises(RuntimeError, match=r"It never has answered: is reward\.url right\?"):
        SafetyReward(deadline=0.3)(prompts=["", ""], completions=["a", "b"], **COLUMNS)
    service.start()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"value": "tags"}, "there is no number `tags`; did you mean tag?"),
        ({"unavailable": "rase"}, "`unavailable` is mask or raise, not 'rase'"),
    ],
)
def test_a_wrong_setting_is_named_before_the_first_batch(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        SafetyReward(**wrong)
