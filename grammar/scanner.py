"""One linear pass over a completion: text -> tag tokens and the shape they make.

The reserved tags are read out of the grammar file. Text between two tags is one token, however
long, named by what the grammar may ask of it (prose, a verdict, a reasoned verdict). Look-alikes of
a reserved tag (`<answer >`, `< /answer>`, `<ANSWER id="1">`, letters of other scripts, zero-width
characters) and chat-control tokens (`<|im_start|>`, `[INST]`) become FORGED, which no rule accepts.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

TextKind = Literal["PROSE", "VERDICT", "REASONED_VERDICT"]

# The longest completion that any strict grammar accepts has 18 tokens: more cannot change a verdict
# on it, and stopping here bounds the work on a completion that repeats its tags for ever.
MAX_TOKENS = 64

_VERDICTS = {"safe", "unsafe"}

# Tokens of the usual chat templates. An HTML strike-out <s>…</s> is not Llama's end of text.
_CONTROL = (
    r"<[|｜][\w▁]{1,40}+[|｜]>"
    r"|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|</s>|\[/?INST\]|<</?SYS>>"
)
_STRUCK_OUT = r"<s>[^<]{0,200}+</s>"

# Brackets that render like `<`, `/` and `>` and letters of other scripts that render like a tag's.
_CONFUSABLE = str.maketrans(
    "‹〈⟨❮ᐸ˂›〉⟩❯ᐳ˃∕⁄аɑαеорсхусѕіȷјνѵυոհԁһⅼӏıтτκмнььոωѡɡ＿",
    "<<<<<<>>>>>>//aaaeopcxycsijjvvunhdhllittkmhbbnwwg_",
)
_INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
                        r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")  # fmt: skip
_FOREIGN_BRACKETED = r"[<＜﹤‹〈⟨❮ᐸ˂][^<＜﹤‹〈⟨❮ᐸ˂>＞﹥›〉⟩❯ᐳ˃]{1,60}+[>＞﹥›〉⟩❯ᐳ˃]"


@dataclass(frozen=True, slots=True)
class Token:
    """A tag or the text between two tags. `kind` is a terminal of the grammar, or FORGED."""

    kind: str
    start: int
    end: int


class Scanner:
    """Finds the reserved tags of one grammar.

    Args:
        tags: terminal name -> tag, e.g. `{"VISUAL_OPEN": "<visual>"}`.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        names = "|".join(sorted({tag.strip("</>") for tag in tags.values()}, key=len, reverse=True))
        look_alike = (
            rf"<[\s/]*+(?:{names})"
            r"(?:[\s/]*+|\s++[\w:.-]{1,40}+\s*+=[^<>]{0,200}+)>"
        )
        exact = rf"</?(?:{names})>"
        parts = f"{exact}|{look_alike}|(?P<struck>{_STRUCK_OUT})|{_CONTROL}"
        self._ascii = re.compile(parts, re.IGNORECASE)
        self._any = re.compile(f"{parts}|(?P<foreign>{_FOREIGN_BRACKETED})", re.IGNORECASE)
        self._look_alike = re.compile(look_alike, re.IGNORECASE)
        self._kinds = {tag: kind for kind, tag in tags.items()}

    def tokens(self, text: str, end: int) -> list[Token]:
        """The tokens of `text[:end]`, blank text left out; at most about `MAX_TOKENS`."""
        tokens: list[Token] = []
        position = 0
        inside = ""
        for tag in self._tags(text, end):
            if position < tag.start:
                kind = text_kind(text[position : tag.start], inside)
                if kind is not None:
                    tokens.append(Token(kind, position, tag.start))
            tokens.append(tag)
            inside = tag.kind
            position = tag.end
            if len(tokens) >= MAX_TOKENS:
                return tokens
        if position < end:
            kind = text_kind(text[position:end], inside)
            if kind is not None:
                tokens.append(Token(kind, position, end))
        return tokens

    def _tags(self, text: str, end: int) -> Iterator[Token]:
        pattern = self._ascii if text.isascii() else self._any
        for match in pattern.finditer(text, 0, end):
            kind = self._kinds.get(match[0]) or self._uncommon(match)
            if kind is not None:
                yield Token(kind, match.start(), match.end())

    def _uncommon(self, match: re.Match[str]) -> str | None:
        """A tag in other letter case, a look-alike or control token, or None for honest markup."""
        if match.lastgroup == "struck":
            return None
        if match.lastgroup == "foreign" and not self._is_masked_tag(match[0]):
            return None
        return self._kinds.get(match[0].lower(), "FORGED")

    def _is_masked_tag(self, bracketed: str) -> bool:
        # A plain ASCII look-alike would have matched as such.
        if bracketed.isascii():
            return False
        return self._look_alike.fullmatch(_unmasked(bracketed)) is not None


def text_kind(text: str, after: str) -> TextKind | None:
    """The kind of the text that follows the tag `after`, or None where it is blank."""
    if text.isspace():
        return None
    if after not in ("VISUAL_OPEN", "TEXT_OPEN", "COMBINED_OPEN"):
        return "PROSE"
    reasoning, _, last_line = text.rstrip().rpartition("\n")
    if last_line.strip().lower() not in _VERDICTS:
        return "PROSE"
    return "REASONED_VERDICT" if reasoning.strip() else "VERDICT"


def _unmasked(bracketed: str) -> str:
    visible = _INVISIBLE.sub("", bracketed)
    return unicodedata.normalize("NFKC", visible).casefold().translate(_CONFUSABLE)
