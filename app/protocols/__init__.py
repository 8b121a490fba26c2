"""The wire formats of trainers, one per file: thin translations to and from the scoring path."""

from typing import Any

from app.protocol import Protocol
from app.protocols.eval_protocol import EVAL_PROTOCOL
from app.protocols.nemo_gym import NEMO_GYM
from app.protocols.openrlhf import OPENRLHF
from app.protocols.slime import SLIME

PROTOCOLS: tuple[Protocol[Any], ...] = (OPENRLHF, SLIME, NEMO_GYM, EVAL_PROTOCOL)
