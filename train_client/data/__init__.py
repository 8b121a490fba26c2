"""Rows, from where they are read to the prompts of a step."""
