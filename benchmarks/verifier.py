"""How fast the verifier is, beside two peers in the same run; and that nothing makes it hang.

    python -m benchmarks.verifier            # all of it, some half an hour
    python -m benchmarks.verifier --quick
    python -m benchmarks.verifier --answers FOLDER   # stance on models' answers too

One process, one thread, processor time. Every ratio is the median over rounds in which the subjects
take turns, so that a noisy machine disturbs them alike.
"""

import argparse
import math
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

from app.stance_evaluation import EvaluationError, read_answers
from benchmarks.corpus import (
    DECLINES,
    Maker,
    hostile,
    hostile_answers,
    hostile_to,
    malformed,
    prose,
    typographic,
    well_formed,
)
from benchmarks.peers import LarkReward, re_reward
from rules.labels import Labels
from rules.profile import Profile, load_profile
from rules.reward import Scorer
from rules.stance import StanceDetector

Batch = Sequence[tuple[str, Labels]]
Rewarder = Callable[[str, Labels], float | None]
Read = Callable[[str], object]

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
"""Times a malformed completion may take of a well-formed one's; two runs differ by as much."""
_HELPS = (
    "You can start by washing the fruit.",
    "Yes, the bridge in the picture is open to the public.",
    "The sign says that the shop closes at six.",
    "To clean the window, mix a little vinegar with warm water.",
    "This looks like a small boat on a quiet lake.",
)
SAFE = Labels("safe", "safe", "safe")
MOST_GROWTH = 2.2
LARGEST = 2**20
TURN = 0.1
"""Seconds at least that each subject has in each round."""
LEAST_SECONDS = 1e-3
"""Shorter times say nothing of growth."""


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
    growth(largest=2**17 if quick else LARGEST)
    pattern_growth(largest=2**13 if quick else 2**16)
    memory()


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
    """Seconds of a batch, which is scored again and again for `TURN` seconds.

    In a pass of a millisecond a quick subject would fill the processor's caches, which the subject
    before it has emptied, and do little else.
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

    Each of many answers once a round: an automaton that builds its states as it meets them would
    read one answer over and over much faster than those of a training run. Drawn answers have few
    words in common with the rules; those that models gave (`given`) have many.
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


def growth(largest: int) -> None:
    """Time of every hostile input at the largest size, and its growth per doubling."""
    header = f"{'hostile input':<46} {'read by':<9} {f'ms at {largest}':>14}"
    print(f"\n{header} {'growth, fitted':>15} {'worst doubling':>15}")
    worst = 0.0
    for reader, read, inputs in _readers():
        for name, make in inputs:
            times = _times(read, make, _doublings(largest))
            fitted, steepest = _growth(times)
            worst = max(worst, steepest)
            print(
                f"{name:<46} {reader:<9} {times[-1] * 1e3:>14.1f} {fitted:>15.2f} "
                f"{steepest:>15.2f}{_mark(steepest)}"
            )
    print(f"worst growth per doubling: {worst:.2f} (bound {MOST_GROWTH})")


def pattern_growth(largest: int) -> None:
    """The same for answers of each lexicon pattern's own words; the worst of each language."""
    detector = _unlimited_stance()
    print(f"\n{'own words of each pattern of':<46} {'inputs':>9} {f'most ms at {largest}':>20} "
          f"{'worst growth, fitted':>20}")  # fmt: skip
    for language in detector.languages:
        own = [pattern for pattern in detector.patterns if pattern.language == language]
        makers = [make for pattern in own for _, make in hostile_to(pattern)]
        fitted = [_fitted(detector.detect, make(largest // 8), make(largest)) for make in makers]
        slowest, steepest = (max(column) for column in zip(*fitted, strict=True))
        print(
            f"{language:<46} {len(makers):>9} {slowest * 1e3:>20.1f} {steepest:>20.2f}"
            f"{_mark(steepest)}"
        )


def _fitted(read: Read, small: str, large: str) -> tuple[float, float]:
    """Seconds of `large`, and the growth per doubling from a text an eighth as long."""
    seconds = _seconds(read, large)
    ratio = seconds / _seconds(read, small)
    if ratio > MOST_GROWTH**3:
        ratio = _ratio(read, small, large)
    return seconds, ratio ** (1 / 3)


def _mark(growth: float) -> str:
    return "" if growth <= MOST_GROWTH else "  OVER"


def _readers() -> Iterator[tuple[str, Read, Iterable[tuple[str, Maker]]]]:
    """The profiles and the stance rules alone, without limits, and what each is to read.

    A looping answer fails the format of a strict profile, which then asks for no stance.
    """
    for profile in ("official", "paper", "safegrpo"):
        scorer = Scorer(_unlimited(load_profile(profile)))
        yield profile, partial(scorer.score, labels=SAFE), hostile(_suffix(profile))
    yield "stance", _unlimited_stance().detect, hostile_answers()


def _unlimited_stance() -> StanceDetector:
    return StanceDetector(timeout=3600)


def _unlimited(profile: Profile) -> Profile:
    """The profile without its length limit, which would hide what it does with long input."""
    return profile.model_copy(update={"max_characters": None})


def _suffix(profile: str) -> str:
    return "" if profile == "safegrpo" else "_safe"


def _doublings(largest: int) -> list[int]:
    return [size for exponent in range(10, 31) if (size := 2**exponent) <= largest]


def _times(read: Read, make: Maker, sizes: Sequence[int]) -> list[float]:
    """Seconds at each size; where a step looks too steep, as its ends timed in turns say."""
    times: list[float] = []
    for smaller, size in zip((sizes[0], *sizes), sizes, strict=False):
        seconds = _seconds(read, make(size))
        if times and seconds > MOST_GROWTH * max(times[-1], LEAST_SECONDS):
            seconds = times[-1] * _ratio(read, make(smaller), make(size))
        times.append(seconds)
    return times


def _ratio(read: Read, small: str, large: str) -> float:
    """How much longer `large` takes, the two in turns: a slow moment slows them alike."""
    rounds = [(_seconds(read, small), _seconds(read, large)) for _ in range(5)]
    return statistics.median(longer / shorter for shorter, longer in rounds)


def _seconds(read: Read, text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        read(text)
        best = min(best, time.thread_time() - started)
    return best


def _growth(times: Sequence[float]) -> tuple[float, float]:
    """The factor per doubling, by a straight line through the logarithms, and the worst one.

    Over the sizes that take long enough for fixed costs and the clock's grain not to matter.
    """
    long = [seconds for seconds in times if seconds >= LEAST_SECONDS]
    if len(long) < 2:
        return 1.0, 1.0
    line = statistics.linear_regression(range(len(long)), [math.log2(s) for s in long])
    return 2**line.slope, max(last / first for first, last in pairwise(long))


def memory() -> None:
    """The most memory that reading a megabyte of hostile input holds, in copies of it in UTF-8."""
    print(
        f"\n{'1 MB that takes the most memory':<46} {'read by':<9} {'peak MB':>14} {'copies':>15}"
    )
    for reader, read, inputs in _readers():
        peaks = []
        for name, make in inputs:
            text = make(10**6)
            read(make(10**4))  # what is loaded once is no copy
            tracemalloc.start()
            read(text)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            peaks.append((peak / len(text.encode()), peak / 1e6, name))
        copies, megabytes, name = max(peaks)
        print(f"{name:<46} {reader:<9} {megabytes:>14.1f} {copies:>15.1f}")


if __name__ == "__main__":
    main()
