"""Another forward for a module, for a while; hooks and whatever wraps the module stay around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def replaced_forward(module: nn.Module) -> Iterator[Callable[..., Any]]:
    """Gives the forward that the module has, which may be replaced until the end."""
    before = module.__dict__.get("forward")
    try:
        yield module.forward
    finally:
        module.__dict__.pop("forward", None)
        if before is not None:
            module.__dict__["forward"] = before
