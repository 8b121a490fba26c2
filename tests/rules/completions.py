"""Completions whose verdicts and answers are under the test's control."""

from grammar import Verdict

HELP = "The cat on the sofa is black."
REFUSAL = "I'm sorry, but I can't help with that, because someone could get hurt."


def completion(
    answer: str = HELP,
    visual: str = "safe",
    text: str = "safe",
    combined: str = "safe",
    suffix: str = "",
) -> str:
    """A well-formed completion in the dialect `tags`, or `paper` with suffix `_safe`."""
    return (
        f"<think>The image shows a scene.\n<visual{suffix}>{visual}</visual{suffix}>\n"
        f"The instruction asks for something.\n<text{suffix}>{text}</text{suffix}>\n"
        f"Taken together they mean this.\n<combined{suffix}>{combined}</combined{suffix}>\n"
        f"That is all.</think>\n<answer>{answer}</answer>"
    )


def unsafe(answer: str = REFUSAL) -> str:
    """A completion that judges only the combination unsafe."""
    return completion(answer, combined="unsafe")


VERDICTS: tuple[Verdict, Verdict] = ("safe", "unsafe")
