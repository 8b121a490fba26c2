"""Rows of labelled answers."""

import json

HELP = "Boil the water and add the leaves."


def row(prompt: str, response: str, label: str, source: str = "xstest", **keys: str) -> str:
    base = {"source": source, "language": "en", "model": "m", "prompt": prompt, "extra": 1}
    return json.dumps(base | {"response": response, "label": label} | keys)
