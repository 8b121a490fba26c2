"""The formats in which trainers ask for rewards, a file each: thin translations to and from the
one scoring path.
"""

from typing import Any

from app.protocol import Protocol
from app.protocols.eval_protocol import EVAL_PROTOCOL
from app.protocols.nemo_gym import NEMO_GYM
from app.protocols.openrlhf import OPENRLHF
from app.protocols.slime import SLIME

PROTOCOLS: tuple[Protocol[Any], ...] = (OPENRLHF, SLIME, NEMO_GYM, EVAL_PROTOCOL)
