"""The user's words in a prompt that a chat template has rendered.

Some trainers send prompts as rendered text: a system message, the user's words between special
tokens, and the beginning of the assistant's turn.
"""

import re
from typing import Final

_BEGINS: Final = re.compile(
    r"<\|im_start\|>user\n"  # ChatML: Qwen, InternVL
    r"|<\|start_header_id\|>user<\|end_header_id\|>"  # Llama
    r"|<start_of_turn>user\n"  # Gemma
    r"|\[INST\]"  # Mistral
    r"|<\|user\|>"  # Phi, GLM
    r"|(?:<\|im_start\|>|<end_of_utterance>\n)User:"  # Idefics, SmolVLM
)
_ENDS: Final = re.compile(
    r"<\|im_end\|>|<\|eot_id\|>|<end_of_turn>|\[/INST\]|<\|end\|>|<\|assistant\|>"
    r"|<end_of_utterance>"
)
_PICTURE: Final = re.compile(
    r"<\|[a-z0-9_]{1,40}\|>|</?(?:img|image|video|start_of_image|end_of_image|IMG_CONTEXT)>|\[IMG\]"
)
"""Placeholders of images."""


def users_words(prompt: str) -> str:
    """The user's last turn; a prompt without template tokens is returned unchanged."""
    _, *turns = _BEGINS.split(prompt)
    if not turns:
        return prompt
    return _PICTURE.sub("", _ENDS.split(turns[-1], maxsplit=1)[0]).strip()
