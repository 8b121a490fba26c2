"""What the user asked, in a prompt that a model's chat template has written out.

Trainers that hold prompts as text send them so: the user's words stand behind a system message,
between special tokens, before the beginning of the assistant's turn.
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
"""What holds the place of a picture."""


def users_words(prompt: str) -> str:
    """The user's last turn; a prompt that no template has written stays as it is."""
    _, *turns = _BEGINS.split(prompt)
    if not turns:
        return prompt
    return _PICTURE.sub("", _ENDS.split(turns[-1], maxsplit=1)[0]).strip()
