"""Rollouts as NeMo Gym sends them: rows of a data set with the model's response."""

from typing import Any

TAGS = {"image_tag": "safe", "text_tag": "safe", "combine_tag": "unsafe"}


def message(text: str) -> dict[str, Any]:
    """An item of a response's output: what the assistant said."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def row(*output: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """A row of a data set with the model's response."""
    return {
        "responses_create_params": {"input": [{"role": "user", "content": "May I?"}]},
        "response": {
            "id": "resp_1",
            "created_at": 0.0,
            "model": "m",
            "object": "response",
            "output": list(output),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        },
        **(columns or TAGS),
    }
