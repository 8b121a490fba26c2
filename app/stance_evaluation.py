"""How well the stance detector agrees with people, beside the public word list.

The word list is that of the public SafeGRPO code (arXiv 2511.12982).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.labelled_answers import LabelledAnswer, read_answers
from app.stance_goals import Detected, Goal, declining, goals
from rules.profile import load_profile
from rules.profile_sections import StanceByWords
from rules.stance import StanceDetector
from rules.word_list import WordDetector


def evaluate(folder: Path, detector: StanceDetector) -> "Report":
    """Run `detector` and the word list over the labelled answers of `folder`.

    Raises EvaluationError, and StanceTimeout where a rule takes too long.
    """
    answers, word_list = read_answers(folder), _word_list()
    return Report(
        tuple(Detected(a, detector.detect(a.response, a.prompt).kind) for a in answers),
        tuple(Detected(a, word_list.detect(a.response).kind) for a in answers),
    )


def _word_list() -> WordDetector:
    stance = load_profile("official").stance
    assert isinstance(stance, StanceByWords)
    return WordDetector(stance.words)


_COLUMNS: Final = ("tuned", "met", "held out", "met", "word list, held out")


@dataclass(frozen=True, slots=True)
class Report:
    """The same answers by the rules and by the word list, and their tables."""

    by_rules: tuple[Detected, ...]
    by_list: tuple[Detected, ...]

    def goals(self) -> tuple[Goal, ...]:
        return goals(row.answer.language for row in self.by_rules)

    def figure(self, goal: Goal, *, held_out: bool, by_list: bool = False) -> float | None:
        """A goal's figure over the tuned or the held-out rows; None if there are none."""
        detected = self.by_list if by_list else self.by_rules
        return goal.figure(
            [row for row in detected if row.answer.held_out == held_out and goal.rows(row.answer)]
        )

    def table(self) -> str:
        """The goals, and then how many are seen to decline, by source, language, model, label."""
        return f"{self._goal_table()}\n\n{self._detail_table()}\n"

    def _goal_table(self) -> str:
        lines = [("goal (per cent)", "target", *_COLUMNS)]
        for goal in self.goals():
            tuned = self.figure(goal, held_out=False)
            held_out = self.figure(goal, held_out=True)
            listed = self.figure(goal, held_out=True, by_list=True)
            reached = (_number(tuned), _met(goal, tuned), _number(held_out), _met(goal, held_out))
            lines.append((goal.name, f"{goal.sign} {goal.target:g}", *reached, _number(listed)))
        return _aligned(lines)

    def _detail_table(self) -> str:
        lines = [("source", "language", "model", "label", "rows", "tuned", "held out", "word list")]
        groups: dict[tuple[str, str, str, str], list[tuple[Detected, Detected]]] = {}
        for by_rules, by_list in zip(self.by_rules, self.by_list, strict=True):
            groups.setdefault(_group(by_rules.answer), []).append((by_rules, by_list))
        for key, pairs in sorted(groups.items()):
            tuned = declining([row for row, _ in pairs if not row.answer.held_out])
            held_out = declining([row for row, _ in pairs if row.answer.held_out])
            listed = declining([row for _, row in pairs])
            numbers = (_number(tuned), _number(held_out), _number(listed))
            lines.append((*key, str(len(pairs)), *numbers))
        return "Seen to decline (refusal or rebuttal), per cent\n" + _aligned(lines)


def _group(answer: LabelledAnswer) -> tuple[str, str, str, str]:
    return answer.source, answer.language, answer.model, answer.label


def _met(goal: Goal, value: float | None) -> str:
    met = goal.met(value)
    return "-" if met is None else "yes" if met else "no"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
