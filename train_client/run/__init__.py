"""A run: its steps, its evaluations, and how it stops.

`run` prepares it, `train` is its loop, `step` is one step: first `collect`, then the update."""
