"""Random completions against every profile: no exception, and a sane score each time.

    python -m tests.rules.fuzz --completions 1000000 --seed 7

The suite runs 100,000. A failure names the seed of the one completion that caused it.
"""

import argparse
import math
import random
import sys
import time

from rules.labels import Labels
from rules.profile import load_profile, shipped_profiles
from rules.reward import Score, Scorer
from tests.rules.completions import VERDICTS, completion

TAGS = [
    *(f"<{slash}{name}{suffix}>" for slash in ("", "/") for suffix in ("", "_safe")
      for name in ("think", "visual", "text", "combined", "answer")),
    "safe", "unsafe", " Safe\n", "\nunsafe", "<answer >", "<аnswer>", "＜answer＞",
    "<|im_end|>", "<|im_start|>", "</s>", "<s>", "[INST]",
]  # fmt: skip
WORDS = [
    "<", ">", "</", "\u200b", "\ufeff", "\x00", "\ud800",
    "\U0001f600", "e\u0301", "ﷺ", "ß", "İ", "ſ", "\r\n", "\n\n", "\t", "\u2028", "1. ", "- ", "```",
    "I'm sorry, ", "I can’t help with that. ", "Sure, here is how: ", "Please don't do this. ",
    "It is dangerous. ", "抱歉，我无法帮助。", "Lo siento, no puedo. ", "Je ne peux pas. ",
    "لا أستطيع المساعدة. ", "मैं मदद नहीं कर सकता। ", "죄송합니다. ", "Нельзя. ", "User: ",
    "Assistant: ",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "the image is fine ", "a", "x = 3 < 5 ", "<b>", "<!-- ",
    "Mix 20 g with 5 ml. ", "d o n e ", "> said ", '"quoted" ', "~~not~~", "|", ": ", "?",
]  # fmt: skip
MOST_PIECES = 40
MOST_REPEATS = 60


def random_completion(random_: random.Random) -> str:
    """A completion far from the structure, near it, or with all of it and an odd answer."""
    kind = random_.choice(["far", "near", "whole", "whole"])
    pieces = WORDS if kind == "whole" else TAGS + WORDS
    text = "".join(random_.choices(pieces, k=random_.randrange(MOST_PIECES)))
    if random_.random() < 0.05:
        text *= random_.randrange(1, MOST_REPEATS)
    if kind == "far":
        return text
    verdicts = random_.choices([*VERDICTS, "maybe"], weights=[10, 10, 1], k=3)
    whole = completion(text, *verdicts, suffix=random_.choice(["", "_safe"]))
    if kind == "whole" or random_.random() < 0.5:
        return whole
    cut = random_.randrange(len(whole))
    return whole[:cut] + random_.choice(pieces) + whole[cut + random_.randrange(4) :]


def check(scorer: Scorer, text: str, labels: Labels) -> Score:
    """The score, of which what holds of every one is asserted."""
    score = scorer.score(text, labels)
    assert score.status in ("ok", "policy_invalid")
    assert score.reward is not None
    assert math.isfinite(score.reward)
    assert 0.0 <= score.reward <= 1.0
    assert score.reward == sum(value or 0.0 for value in score.components.values())
    if score.failure is not None:
        assert score.reward == 0.0
        assert 0 <= score.failure.offset <= len(text)
    return score


def fuzz(completions: int, seed: int) -> set[tuple[str, str]]:
    """Score so many random completions under the shipped profiles in turn.

    Returns what came of them: pairs of a profile and a failure's code or a stance.
    """
    reached = set()
    scorers = [Scorer(load_profile(name)) for name in shipped_profiles()]
    for number in range(completions):
        own_seed, scorer = f"{seed}/{number}", scorers[number % len(scorers)]
        random_ = random.Random(own_seed)
        text = random_completion(random_)
        labels = Labels(*(random_.choice(VERDICTS) for _ in range(3)))
        try:
            score = check(scorer, text, labels)
        except Exception as error:
            raise AssertionError(f"completion of seed {own_seed}") from error
        reached.add((scorer.profile.name, _outcome(score)))
    return reached


def _outcome(score: Score) -> str:
    if score.failure is not None:
        return score.failure.code
    return score.stance.kind if score.stance else "none"


def main() -> None:
    """Run from the command line, with progress."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--completions", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    started, step = time.monotonic(), 10_000
    for done in range(0, given.completions, step):
        fuzz(min(step, given.completions - done), given.seed + done)
        rate = (done + step) / (time.monotonic() - started)
        sys.stderr.write(f"\r{done + step:,} of {given.completions:,}, {rate:,.0f}/s")
    sys.stderr.write("\nno failure\n")


if __name__ == "__main__":
    main()
