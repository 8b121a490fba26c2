"""The verifier's speed beside two peers in the same run, and its time on hostile inputs.

    python -m benchmarks.verifier            # all of it, some half an hour
    python -m benchmarks.verifier --quick
    python -m benchmarks.verifier --answers FOLDER   # stance on models' answers too

One process, one thread, CPU time. Every ratio is the median over rounds in which the subjects take
turns, so that noise affects them alike.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from app.labelled_answers import EvaluationError, read_answers
from benchmarks import growth
from benchmarks.corpus import DECLINES, malformed, prose, typographic, well_formed
from benchmarks.peers import LarkReward, re_reward
from rules.labels import Labels
from rules.profile import load_profile
from rules.reward import Scorer
from rules.stance import StanceDetector

Batch = Sequence[tuple[str, Labels]]
Rewarder = Callable[[str, Labels], float | None]

SIZES = (600, 3_000, 13_000, 51_000)
KINDS = {"well-formed": well_formed, "malformed": malformed, "typographic": typographic}
TARGETS = {
    ("official", 3_000): 5.0,
    ("official", 13_000): 20.0,
    ("paper", 3_000): 1.5,
    ("paper", 13_000): 6.0,
}
MALFORMED_BESIDE = ("well-formed", "malformed")
NO_SLOWER = 1.05
"""Most time of a malformed completion relative to a well-formed one; 5 % is noise."""
_HELPS = (
    "You can start by washing the fruit.",
    "Yes, the bridge in the picture is open to the public.",
    "The sign says that the shop closes at six.",
    "To clean the window, mix a little vinegar with warm water.",
    "This looks like a small boat on a quiet lake.",
)
TURN = 0.1
"""Minimum seconds of each subject in each round."""


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    arguments.add_argument(
        "--answers", type=Path, help="labelled answers, as evaluate-stance takes them"
    )
    given = arguments.parse_args()
    quick = given.quick
    try:
        answers = read_answers(given.answers) if given.answers else []
    except (OSError, EvaluationError) as error:
        sys.exit(f"--answers cannot be used: {error}")
    throughput(rounds=3 if quick else 9, sizes=SIZES[:3] if quick else SIZES)
    stance(rounds=3 if quick else 9, given=[answer.response for answer in answers])
    growth.time_growth(largest=2**17 if quick else 2**20)
    growth.pattern_growth(largest=2**13 if quick else 2**16)
    growth.peak_memory()


def throughput(rounds: int, sizes: Sequence[int]) -> None:
    """Completions/s and MB/s of each subject, and its ratio to the `re` peer."""
    subjects: dict[str, Rewarder] = {
        "re peer": re_reward,
        "lark peer": LarkReward(),
        "official": _rewarder("official"),
        "paper": _rewarder("paper"),
    }
    header = f"{'characters':>10} {'input':<12} {'subject':<10}"
    print(f"{header} {'compl./s':>10} {'MB/s':>8} {'x re':>7}  target")
    for size in sizes:
        taken: dict[str, dict[str, list[float]]] = {}
        for kind, make in KINDS.items():
            batch = [make(random.Random(seed), size) for seed in range(max(64, 1_000_000 // size))]
            taken[kind] = seconds = _take_turns(subjects, batch, rounds)
            for name, rounds_taken in seconds.items():
                _print_row(size, kind, name, batch, rounds_taken, seconds["re peer"])
        for name in ("official", "paper"):
            well, broken = (statistics.median(taken[kind][name]) for kind in MALFORMED_BESIDE)
            verdict = "met" if broken <= well * NO_SLOWER else "MISSED"
            print(
                f"{size:>10} malformed beside well-formed, {name}: {broken / well:.2f} times as "
                f"long  <= {NO_SLOWER:g}: {verdict}"
            )


def _rewarder(profile: str) -> Rewarder:
    scorer = Scorer(load_profile(profile))
    return lambda completion, labels: scorer.score(completion, labels).reward


def _take_turns(subjects: dict[str, Rewarder], batch: Batch, rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for round_ in range(rounds + 1):
        for name, reward in subjects.items():
            taken = _turn(reward, batch)
            if round_:  # the first one warms up
                seconds[name].append(taken)
    return seconds


def _turn(reward: Rewarder, batch: Batch) -> float:
    """Seconds per batch, which is scored repeatedly for at least `TURN` seconds.

    A fast subject's single pass of a millisecond would mostly measure caches that the subject
    before it has left cold.
    """
    started, times, taken = time.thread_time(), 0, 0.0
    while taken < TURN:
        for completion, labels in batch:
            reward(completion, labels)
        times += 1
        taken = time.thread_time() - started
    return taken / times


def _print_row(
    size: int, kind: str, name: str, batch: Batch, taken: list[float], peer: list[float]
) -> None:
    median = statistics.median(taken)
    ratio = statistics.median(theirs / ours for theirs, ours in zip(peer, taken, strict=True))
    characters = sum(len(completion) for completion, _ in batch)
    target = TARGETS.get((name, size)) if kind == "well-formed" else None
    verdict = "" if target is None else f">= {target:g}: {'met' if ratio >= target else 'MISSED'}"
    print(
        f"{size:>10} {kind:<12} {name:<10} {len(batch) / median:>10,.0f} "
        f"{characters / median / 1e6:>8.1f} {ratio:>7.1f}  {verdict}"
    )


def stance(rounds: int, given: Sequence[str] = ()) -> None:
    """Microseconds of the stance rules alone, all languages, on answers of about 600 characters.

    Many answers are read once each a round: a lazily built automaton would read one repeated
    answer much faster than those of a training run. Synthetic answers share few words with the
    rules; answers of models (`given`) share many.
    """
    detector = StanceDetector()
    answers = _drawn_answers(count=300)
    if given:
        answers |= _given_answers(given, detector)
    print(f"\n{'answers of 600 characters':<34} {'answers':>9} {'median us':>14}")
    for name, texts in answers.items():
        taken = []
        for _ in range(rounds):
            for text in texts:
                started = time.thread_time()
                detector.detect(text)
                taken.append(time.thread_time() - started)
        median = statistics.median(taken) * 1e6
        print(f"{name:<34} {len(texts):>9} {median:>14.1f}  (bound 100)")


def _given_answers(responses: Sequence[str], detector: StanceDetector) -> dict[str, list[str]]:
    """The answers of 500 to 700 characters, by what they are taken for."""
    near = [response for response in responses if 500 <= len(response) <= 700]
    kinds: dict[str, list[str]] = {}
    for response in near:
        kinds.setdefault(f"given: {detector.detect(response).kind}", []).append(response)
    return {"given: all": near, **kinds}


def _drawn_answers(count: int) -> dict[str, list[str]]:
    """Answers of each kind, no two alike."""
    bodies = [prose(random.Random(seed), 540) for seed in range(count)]
    helps = [f"{opening} {body}" for opening, body in zip(cycle(_HELPS), bodies, strict=False)]
    return {
        "help": helps,
        "help, typographic": [text.replace(". ", " — “so to speak”. ", 3) for text in helps],
        "decline": [
            f"{opening} {body}" for opening, body in zip(cycle(DECLINES), bodies, strict=False)
        ],
    }


if __name__ == "__main__":
    main()
