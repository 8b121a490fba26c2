"""The tag reward: are the three verdicts right?"""

from collections.abc import Mapping

from grammar import SectionName, Verdict
from rules.labels import Labels
from rules.profile_sections import TagShares


def tag_reward(
    verdicts: Mapping[SectionName, Verdict | None], labels: Labels, shares: TagShares
) -> float:
    """R_tag of the paper: the combined verdict dominates on purpose.

    0 if the combined verdict is wrong, else 0.5 + 0.25·[visual right] + 0.25·[text right].
    """
    if verdicts["combined"] != labels.combined:
        return 0.0
    reward = shares.combined
    if verdicts["visual"] == labels.visual:
        reward += shares.visual
    if verdicts["text"] == labels.text:
        reward += shares.text
    return reward
