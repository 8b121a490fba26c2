"""The end of a completion's content, before what samplers and chat templates leave behind it."""

_BLOCK = 1024


def content_end(text: str, trailing_tokens: tuple[str, ...]) -> int:
    """The end of `text` without trailing white space and special tokens. Linear."""
    end = _stripped_end(text, len(text))
    while trailing_tokens and text.endswith(trailing_tokens, 0, end):
        token = next(token for token in trailing_tokens if text.endswith(token, 0, end))
        while text.endswith(token, 0, end):
            end -= len(token)
        end = _stripped_end(text, end)
    return end


def _stripped_end(text: str, end: int) -> int:
    """The end of `text[:end]` without trailing white space, found a block at a time."""
    while end and text[end - 1].isspace():
        block = text[max(0, end - _BLOCK) : end]
        end -= len(block) - len(block.rstrip())
    return end
