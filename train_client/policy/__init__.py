"""The model that learns, and the log-probabilities of completions under it.

A group's prompt is run once, and its completions share the keys and values (`fork`)."""
