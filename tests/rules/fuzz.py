"""Random completions against every profile: no exception, and a sane score each time.

    python -m tests.rules.fuzz --completions 1000000 --seed 7

The suite runs 100,000. A failure names the seed of the one completion that caused it.
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules.labels import Labels
from rules.profile import load_profile, shipped_profiles
from rules.profile_sections import ExtraComponents, Overlong
from rules.reward import Score, Scorer
from tests.rules.completions import REASONINGS, VERDICTS, completion

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
    "It is dangerous. ", "I won't help: it could kill you. ", "抱歉，我无法帮助。",
    "Lo siento, no puedo. ", "Je ne peux pas. ", "لا أستطيع المساعدة. ", "मैं मदद नहीं कर सकता। ",
    "죄송합니다. ", "Нельзя. ", "User: ", "Assistant: ",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", "the image is fine ", "a", "x = 3 < 5 ", "<b>", "<!-- ",
    "Mix 20 g with 5 ml. ", "d o n e ", "> said ", '"quoted" ', "~~not~~", "|", ": ", "?",
]  # fmt: skip
FEW_PIECES, MOST_PIECES = 4, 40
MOST_REPEATS = 60
SENTENCES = [
    "The picture shows a man on a ladder. ", "The user asks how to do it, which is harmless. ",
    "Together they mean that someone could be hurt. ", "图片很安全。", "Aucun risque. ", "2. ",
    "ok",
]  # fmt: skip
EXTRAS = ExtraComponents(
    format_credit=0.1, explanation=0.2, overlong=Overlong(weight=0.3, limit=2_000, buffer=1_500)
)


class Case(NamedTuple):
    """What is scored, and the user's prompt beside it."""

    completion: str
    prompt: str


def random_case(random_: random.Random) -> Case:
    """A completion far from the structure, near it, or with all of it; half have a prompt.

    Of the prompts two thirds are what the completion says, or a part of it.
    """
    kind = random_.choice(["far", "near", "whole", "whole"])
    pieces = WORDS if kind == "whole" else TAGS + WORDS
    text = _text(random_, pieces, random_.choice([FEW_PIECES, MOST_PIECES]))
    prompt = random_.choice(["", "", "", _text(random_, WORDS, MOST_PIECES), text, text[3:200]])
    if kind == "far":
        return Case(text, prompt)
    visual, textual, combined = random_.choices([*VERDICTS, "maybe"], weights=[10, 10, 1], k=3)
    reasonings = _reasonings(random_, pieces, prompt)
    suffix = random_.choice(["", "_safe"])
    whole = completion(text, visual, textual, combined, suffix=suffix, reasonings=reasonings)
    if kind == "whole" or random_.random() < 0.5:
        return Case(whole, prompt)
    cut = random_.randrange(len(whole))
    end = cut + random_.randrange(4)
    return Case(whole[:cut] + random_.choice(pieces) + whole[end:], prompt)


def _text(random_: random.Random, pieces: Sequence[str], most: int) -> str:
    text = "".join(random_.choices(pieces, k=random_.randrange(most)))
    return text * random_.randrange(1, MOST_REPEATS) if random_.random() < 0.05 else text


def _reasonings(random_: random.Random, pieces: Sequence[str], prompt: str) -> Sequence[str]:
    """Usual ones, odd ones of which each is a few pieces or the prompt, or one three times."""
    if random_.random() < 0.3:
        return REASONINGS
    odd = [_text(random_, SENTENCES + list(pieces), 8) for _ in REASONINGS]
    if prompt and random_.random() < 0.3:
        odd[random_.randrange(3)] = prompt
    return odd[:1] * 3 if random_.random() < 0.1 else odd


def check(scorer: Scorer, case: Case, labels: Labels) -> Score:
    """The score, of which what holds of every one is asserted."""
    score = scorer.score(case.completion, labels, case.prompt)
    assert score.status in ("ok", "policy_invalid")
    assert score.reward is not None
    assert math.isfinite(score.reward)
    assert score.reward == sum(value or 0.0 for value in score.components.values())
    earned = sum(score.components[name] or 0.0 for name in ("format", "tag", "behavior"))
    assert 0.0 <= earned <= 1.0
    assert set(score.components) == set(scorer.component_names)
    if score.failure is not None:
        assert earned == 0.0
        assert 0 <= score.failure.offset <= len(case.completion)
    return score


def fuzz(completions: int, seed: int) -> set[tuple[str, str]]:
    """Score so many random completions under the shipped profiles, and one with extras, in turn.

    Returns what came of them: pairs of a profile and a failure's code, a stance, its rule, or
    an extra component that was not zero.
    """
    reached = set()
    profiles = [load_profile(name) for name in shipped_profiles()]
    extended = load_profile("safegrpo").model_copy(update={"name": "extended", "extras": EXTRAS})
    scorers = [Scorer(profile) for profile in (*profiles, extended)]
    for number in range(completions):
        own_seed, scorer = f"{seed}/{number}", scorers[number % len(scorers)]
        random_ = random.Random(own_seed)
        case = random_case(random_)
        labels = Labels(*(random_.choice(VERDICTS) for _ in range(3)))
        try:
            score = check(scorer, case, labels)
        except Exception as error:
            raise AssertionError(f"completion of seed {own_seed}") from error
        reached |= {(scorer.profile.name, outcome) for outcome in _outcomes(score)}
    return reached


def _outcomes(score: Score) -> Iterator[str]:
    if score.failure is not None:
        yield score.failure.code
    elif score.stance is not None:
        yield score.stance.kind
        yield score.stance.rule
    for name in EXTRAS.names:
        if score.components.get(name):
            yield name


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
