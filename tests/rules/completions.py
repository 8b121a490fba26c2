"""Completions whose verdicts and answers are under the test's control."""

from collections.abc import Sequence

from grammar import Verdict

HELP = "The cat on the sofa is black."
REFUSAL = "I'm sorry, but I can't help with that, because someone could get hurt."
REASONINGS = (
    "The image shows a scene.",
    "The instruction asks for something.",
    "Taken together they mean this.",
)


def completion(
    answer: str = HELP,
    visual: str = "safe",
    text: str = "safe",
    combined: str = "safe",
    suffix: str = "",
    reasonings: Sequence[str] = REASONINGS,
) -> str:
    """A well-formed completion in the dialect `tags`, or `paper` with suffix `_safe`."""
    of_visual, of_text, of_combined = reasonings
    return (
        f"<think>{of_visual}\n<visual{suffix}>{visual}</visual{suffix}>\n"
        f"{of_text}\n<text{suffix}>{text}</text{suffix}>\n"
        f"{of_combined}\n<combined{suffix}>{combined}</combined{suffix}>\n"
        f"That is all.</think>\n<answer>{answer}</answer>"
    )


def unsafe(answer: str = REFUSAL) -> str:
    """A completion that judges only the combination unsafe."""
    return completion(answer, combined="unsafe")


VERDICTS: tuple[Verdict, Verdict] = ("safe", "unsafe")
