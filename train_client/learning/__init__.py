"""From scored completions to new weights: advantages, losses, updates, and what they must keep."""
