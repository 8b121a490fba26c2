"""Completions to parse: rendered from their parts, and hypothesis strategies for those parts."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from grammar import Dialect, Verdict

TAG_NAMES: dict[Dialect, tuple[str, str, str]] = {
    "tags": ("visual", "text", "combined"),
    "paper": ("visual_safe", "text_safe", "combined_safe"),
}


@dataclass(frozen=True)
class Parts:
    """What a completion is made of; `inside[i]` puts reasoning i into its section (tags only)."""

    dialect: Dialect
    reasoning: tuple[str, str, str]
    verdicts: tuple[Verdict, Verdict, Verdict]
    answer: str
    inside: tuple[bool, bool, bool] = (False, False, False)
    summary: str = ""
    think_open: bool = True
    think_close: bool = True
    space: str = "\n"

    def pieces(self) -> list[str]:
        """The rendered text, cut so that each reserved tag is a piece of its own."""
        pieces = ["<think>"] if self.think_open else []
        names = TAG_NAMES[self.dialect]
        for name, reasoning, verdict, inside in zip(
            names, self.reasoning, self.verdicts, self.inside, strict=True
        ):
            held = f"{reasoning}\n{verdict}" if inside else f"{self.space}{verdict}{self.space}"
            pieces += ["" if inside else reasoning, f"<{name}>", held, f"</{name}>"]
        pieces += [self.summary]
        pieces += ["</think>"] if self.think_close else []
        return [*pieces, self.space, "<answer>", self.answer, "</answer>"]

    def render(self) -> str:
        return "".join(self.pieces())


def simple(dialect: Dialect = "tags", answer: str = "The cat is black.", **changes: object) -> str:
    """A well-formed completion, all verdicts safe."""
    parts = Parts(
        dialect,
        ("The image shows a cat. ", " The question is harmless. ", " Together harmless. "),
        ("safe", "safe", "safe"),
        answer,
    )
    return replace(parts, **changes).render()  # type: ignore[arg-type]


_ALPHABET = st.characters(blacklist_categories=["Cs"], blacklist_characters="<>[]/＜＞‹›|")
_MARKUP = st.sampled_from(
    ["a < b", "<b>bold</b>", "x<y>z", "<br/>", "if (a<b) {", "‹q›", "<s>x</s>"]
)


def prose() -> st.SearchStrategy[str]:
    """Text with letters, odd characters and foreign markup, that is no verdict by chance."""
    plain = st.text(_ALPHABET, max_size=30)
    return st.tuples(plain, st.sampled_from(["reason", "причина", "理由"]), plain, _MARKUP).map(
        " ".join
    )


def parts(dialect: Dialect) -> st.SearchStrategy[Parts]:
    """Well-formed completions of a dialect in all their honest variety."""
    flags = st.booleans() if dialect == "tags" else st.just(False)
    wrappers = [(True, True), (False, True), *([(False, False)] if dialect == "tags" else [])]
    return st.builds(
        lambda reasoning, verdicts, answer, inside, summary, wrapper, space: Parts(
            dialect, reasoning, verdicts, answer, inside, summary, wrapper[0], wrapper[1], space
        ),
        st.tuples(*[prose()] * 3),
        st.tuples(*[st.sampled_from(["safe", "unsafe"])] * 3),
        prose(),
        st.tuples(*[flags] * 3),
        st.one_of(st.just(""), prose()),
        st.sampled_from(wrappers),
        st.sampled_from(["", " ", "\n", "\r\n", "\t \n", "\u00a0"]),
    )
