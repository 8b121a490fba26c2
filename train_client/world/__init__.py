"""The embedded default: a small drawn world in which a small policy can learn safety from rewards
alone."""
