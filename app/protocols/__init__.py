"""The formats in which trainers ask for rewards, a file each: thin translations to and from the
one scoring path.
"""

from typing import Any

from fastapi import FastAPI

from app.protocol import Protocol
from app.protocols import nemo_gym
from app.protocols.eval_protocol import EVAL_PROTOCOL
from app.protocols.nemo_gym import NEMO_GYM
from app.protocols.openrlhf import OPENRLHF
from app.protocols.slime import SLIME
from app.service import Service

PROTOCOLS: tuple[Protocol[Any], ...] = (OPENRLHF, SLIME, NEMO_GYM, EVAL_PROTOCOL)


def add_routes(app: FastAPI, service: Service) -> None:
    """The addresses that a format wants besides the one that scores."""
    nemo_gym.add_routes(app, service)
