"""Where a completion ends, once what samplers and chat templates leave behind it is off."""

_BLOCK = 1024


def content_end(text: str, trailing_tokens: tuple[str, ...]) -> int:
    """Where `text` ends without the white space and the special tokens at its end. Linear."""
    end = _stripped_end(text, len(text))
    while trailing_tokens and text.endswith(trailing_tokens, 0, end):
        token = next(token for token in trailing_tokens if text.endswith(token, 0, end))
        while text.endswith(token, 0, end):
            end -= len(token)
        end = _stripped_end(text, end)
    return end


def _stripped_end(text: str, end: int) -> int:
    """Where `text[:end]` ends without its trailing white space; looks back a block at a time."""
    while end and text[end - 1].isspace():
        block = text[max(0, end - _BLOCK) : end]
        end -= len(block) - len(block.rstrip())
    return end
