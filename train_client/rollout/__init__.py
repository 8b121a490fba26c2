"""Sampling completions from the policy, by the model itself or by vLLM."""
