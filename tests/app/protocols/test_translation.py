"""What all formats share."""

import pytest

from app.protocols.openrlhf import OpenRLHFRequest
from app.protocols.openrlhf import batch as openrlhf_batch
from app.protocols.slime import SlimeRequest
from app.protocols.slime import batch as slime_batch
from app.protocols.translation import without_end_tokens
from app.schema import RewardRequest
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Scorer
from tests.app.serving import LABELS_SAFE
from tests.rules.completions import completion

TRUTH = Labels("safe", "safe", "safe")
ENDED = completion(suffix="_safe") + "<|im_end|>\n<|endoftext|>\n"


@pytest.mark.parametrize(
    "sent",
    [
        openrlhf_batch(
            OpenRLHFRequest(query=["May I?" + ENDED], prompts=["May I?"], labels=[LABELS_SAFE])
        ),
        slime_batch(SlimeRequest(prompt="May I?", response=ENDED, label=LABELS_SAFE)),
    ],
    ids=["openrlhf", "slime"],
)
def test_special_tokens_at_the_end_cost_nothing_under_the_official_structure_either(
    sent: RewardRequest,
) -> None:
    (sample,) = sent.samples
    assert Scorer(load_profile("official")).score(sample.completion, TRUTH).reward == 1.0


@pytest.mark.parametrize(
    ("response", "left"),
    [
        ("", ""),
        ("</s>", ""),
        ("a <|im_end|> b", "a <|im_end|> b"),
        ("a <|im_end|>\n</s> \n", "a"),
        ("a \n", "a"),
    ],
)
def test_special_tokens_are_stripped_at_the_end_alone(response: str, left: str) -> None:
    assert without_end_tokens(response) == left
