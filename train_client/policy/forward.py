"""Replace a module's forward for a while; its hooks, and FSDP around it, stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def replaced_forward(module: nn.Module) -> Iterator[Callable[..., Any]]:
    """A context that gives the module's forward; what is set in its place is undone at the end."""
    before = module.__dict__.get("forward")
    try:
        yield module.forward
    finally:
        module.__dict__.pop("forward", None)
        if before is not None:
            module.__dict__["forward"] = before
