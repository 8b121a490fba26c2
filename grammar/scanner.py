"""One linear pass over a completion: text -> tag tokens and the shape they make.

The reserved tags come from the grammar file. The text between two tags is one token, however long,
classified as the grammar needs it (prose, a verdict, a reasoned verdict).

FORGED, which no rule accepts, are look-alikes of a reserved tag (`<answer >`, `< /answer>`,
`<ANSWER id="1">`, letters of other scripts, zero-width characters), tags inside an HTML comment,
which no reader sees, and chat-control tokens (`<|im_start|>`). Tokens that mark places in an image
(`<|box_start|>`) count as invisible characters, since decoding may drop them.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from grammar.completion import VERDICTS
from grammar.unseen import BLANKS, UNSEEN

Token = tuple[str, int, int]
"""(kind, start, end): a terminal of the grammar or FORGED, and where it stands."""

# The longest completion that a strict grammar accepts has 18 tokens. Later ones cannot change the
# result, and stopping here bounds the work on a completion that repeats its tags endlessly.
MAX_TOKENS = 64

# Control tokens and disguised tags are shorter; longer markup is only checked for look-alikes.
_MAX_TAG = 256

_SECTION_OPENINGS = {"VISUAL_OPEN", "TEXT_OPEN", "COMBINED_OPEN"}
_VERDICT_LINE = re.compile(r"^[^\S\n]*+(?:un)?safe[^\S\n]*+$", re.IGNORECASE | re.MULTILINE)

# Tokens of the usual chat templates.
_CONTROL = re.compile(
    r"<[|｜][\w▁]{1,40}+[|｜]?>|<[\w▁]{1,40}+[|｜]>|<(?:start|end)_of_(?:turn|image|utterance)>"
    r"|<(?:bos|eos|pad|unk|sop|eop|unused\d{1,4}|extra_id_\d{1,4}|reserved_\d{1,4}|special_\d{1,4})>|</s>"
    r"|</?sys>|<IMG_CONTEXT>|</?seed:(?:bos|eos|pad|think)>|</?tool_(?:call|response)>",
    re.IGNORECASE,
)

# How physics writes the mean of a magnitude; no template writes its tokens in such brackets, and a
# look-alike of one has a name.
_MEAN = re.compile(r"⟨[|｜][^\W\d_][\d²₀-₉]?[|｜]⟩")

# Control tokens that forge no turn: Qwen marks objects and places with them, GLM answers.
_GROUNDING = re.compile(r"<\|(?:(?:box|quad|object_ref)_(?:start|end)|(?:begin|end)_of_box)\|>")

# Brackets that render like `<`, `/` and `>`, and letters of other scripts that render like a tag's.
_LEFT = "＜﹤‹〈⟨❮ᐸ˂◁"
_RIGHT = "＞﹥›〉⟩❯ᐳ˃▷"
_CONFUSABLE = str.maketrans(
    f"{_LEFT}{_RIGHT}∕⁄аɑαеорсхусѕіȷјνѵυոհԁһⅼӏıтτκмнььոωѡɡη＿",
    "<<<<<<<<<>>>>>>>>>//aaaeopcxycsijjvvunhdhllittkmhbbnwwgn_",
)
_INVISIBLE = re.compile(f"[{UNSEEN}{BLANKS}]")
_BLANK = re.compile(rf"[\s{UNSEEN}{BLANKS}]*+\Z")
_BRACKETED = re.compile(f"[<{_LEFT}][^<{_LEFT}>{_RIGHT}]++[>{_RIGHT}]")
# How Unicode names a Latin letter in another style: LATIN LETTER SMALL CAPITAL A.
_STYLED_LATIN = re.compile(r"\bLATIN (?:[A-Z]+ )+([A-Z])(?: WITH .*)?")


class Scanner:
    """Finds the reserved tags of one grammar.

    Args:
        tags: terminal name -> tag, e.g. `{"VISUAL_OPEN": "<visual>"}`.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        names = "|".join(sorted({tag.strip("</>") for tag in tags.values()}))
        attribute = r"\s++[^\s<>=/\"']{1,40}+\s*+=[^<>]*+"
        opening = rf"[\s/\\]*+(?:{names})(?:[\s/]*+|{attribute})"
        # Lenient HTML parsers skip whatever follows the name in a closing tag.
        closing = rf"\s*+/[\s/]*+(?:{names})(?![\w:-]|\.\w)[^<>]*+"
        self._look_alike = re.compile(rf"<(?:{opening}|{closing})>", re.IGNORECASE)
        self._kinds = {tag: kind for kind, tag in tags.items()}

    def tokens(self, text: str, end: int) -> list[Token]:
        """The tokens of `text[:end]` without blank text; at most about `MAX_TOKENS`."""
        if "|" in text and "<|" in text:  # the first is found at memory speed, the second is not
            text = _GROUNDING.sub(_blanked, text)
        tokens: list[Token] = []
        position = 0
        inside = ""
        for tag in self._tags(text, end):
            if position < tag[1]:
                # The usual case: the first or second character is visible.
                seen = "!" <= text[position] <= "~" or "A" <= text[position + 1] <= "z"
                if seen and inside not in _SECTION_OPENINGS:
                    kind: str | None = "PROSE"
                else:
                    kind = _text_kind(text[position : tag[1]], inside)
                if kind is not None:
                    tokens.append((kind, position, tag[1]))
            tokens.append(tag)
            inside, _, position = tag
            if len(tokens) >= MAX_TOKENS:
                return tokens
        if position < end:
            kind = _text_kind(text[position:end], inside)
            if kind is not None:
                tokens.append((kind, position, end))
        return tokens

    def _tags(self, text: str, end: int) -> Iterator[Token]:
        if not text.isascii() and any(bracket in text for bracket in _LEFT + _RIGHT):
            yield from self._tags_among_foreign_brackets(text, end)
            return
        kinds = self._kinds
        start, stop = text.find("<", 0, end), 0
        hidden, comments = 0, True
        while start >= 0:
            if stop <= start:
                stop = text.find(">", start, end) + 1
                if not stop:
                    return
            following = text.find("<", start + 1, end)
            kind = None
            if not start < following < stop:
                kind = kinds.get(text[start:stop]) or self._uncommon(text, start, stop)
            if kind is not None:
                yield (kind if start >= hidden else "FORGED"), start, stop
            elif comments and start >= hidden and text.startswith("<!--", start):
                hidden = text.find("-->", start, end)
                comments = hidden >= 0
            start = following

    def _tags_among_foreign_brackets(self, text: str, end: int) -> Iterator[Token]:
        comments = "<!--" in text
        for match in _BRACKETED.finditer(text, 0, end):
            start, stop = match.span()
            kind = self._uncommon(text, start, stop)
            if kind is not None:
                hidden = comments and _is_commented_out(text, start)
                yield ("FORGED" if hidden else kind), start, stop

    def _uncommon(self, text: str, start: int, stop: int) -> str | None:
        """The kind of a tag in unusual case, a look-alike or a control token; None for the rest."""
        if stop - start > _MAX_TAG:
            return "FORGED" if self._look_alike.fullmatch(text, start, stop) else None
        piece = text[start:stop]
        kind = self._kinds.get(piece.lower()) if piece.isascii() else None
        if kind is not None:
            return kind
        visible = piece if piece.isascii() and piece.isprintable() else _unmasked(piece)
        if _CONTROL.fullmatch(visible):
            honest = _strikes_out(text, start, stop) or _MEAN.fullmatch(piece)
            return None if honest else "FORGED"
        return "FORGED" if self._look_alike.fullmatch(visible) else None


def _blanked(match: re.Match[str]) -> str:
    """Invisible characters of the same number, so that offsets do not change."""
    return "\u200b" * len(match[0])


def _text_kind(text: str, after: str) -> str | None:
    """PROSE, VERDICT or REASONED_VERDICT after the tag `after`; None if nothing is visible."""
    if after not in _SECTION_OPENINGS:
        return None if _BLANK.match(text) else "PROSE"
    if text in VERDICTS:
        return "VERDICT"  # the usual case: nothing to strip, no case to fold
    if text.isspace():
        return None
    reasoning, _, last_line = text.rstrip().rpartition("\n")
    if last_line.strip().lower() not in VERDICTS or _VERDICT_LINE.search(reasoning):
        return "PROSE"  # no verdict, or more than one
    return "VERDICT" if _BLANK.match(reasoning) else "REASONED_VERDICT"


def _strikes_out(text: str, start: int, stop: int) -> bool:
    """Whether `</s>` ends an HTML strike-out `<s>…</s>` rather than being Llama's token."""
    if text[start:stop].lower() != "</s>":
        return False
    opening = text.rfind("<", max(0, start - _MAX_TAG), start)
    return opening >= 0 and text[opening : opening + 3].lower() == "<s>"


def _is_commented_out(text: str, start: int) -> bool:
    opening = text.rfind("<!--", 0, start)
    return opening >= 0 and text.find("-->", opening) > start


def _unmasked(piece: str) -> str:
    """The piece as a reader sees it: no invisible characters or marks, letters by their look."""
    visible = _INVISIBLE.sub("", piece)
    if visible.isascii():
        return visible
    plain = unicodedata.normalize("NFKD", visible).casefold().translate(_CONFUSABLE)
    return "".join(_as_latin(letter) for letter in plain if not unicodedata.combining(letter))


def _as_latin(letter: str) -> str:
    if letter.isascii():
        return letter
    styled = _STYLED_LATIN.search(unicodedata.name(letter, ""))
    return styled[1].lower() if styled else letter
